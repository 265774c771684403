//! A schema as it lies in the bytes: references followed, logical types taken off.

use apache_avro::Schema;
use apache_avro::schema::{
    EnumSchema, FixedSchema, InnerDecimalSchema, Name, NamesRef, RecordSchema, UnionSchema, UuidSchema,
};

use super::Unresolvable;

/// How many bytes a duration takes.
const DURATION_BYTES: usize = 12;

/// What a value of a schema is, in the bytes.
#[derive(Clone, Copy)]
pub(super) enum Shape<'s> {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Fixed(&'s FixedSchema, usize),
    Enum(&'s EnumSchema),
    Array(&'s Schema),
    Map(&'s Schema),
    Union(&'s UnionSchema),
    Record(&'s RecordSchema),
}

/// A part of a schema, and the names that are known in all of it.
#[derive(Clone, Copy)]
pub(super) struct Part<'s> {
    pub(super) schema: &'s Schema,
    pub(super) names: &'s NamesRef<'s>,
}

impl<'s> Part<'s> {
    /// Another part of the same schema.
    pub(super) fn part(self, schema: &'s Schema) -> Part<'s> {
        Part { schema, ..self }
    }

    pub(super) fn shape(self) -> Result<Shape<'s>, Unresolvable> {
        Ok(match self.schema {
            Schema::Null => Shape::Null,
            Schema::Boolean => Shape::Boolean,
            Schema::Int | Schema::Date | Schema::TimeMillis => Shape::Int,
            Schema::Long
            | Schema::TimeMicros
            | Schema::TimestampMillis
            | Schema::TimestampMicros
            | Schema::TimestampNanos
            | Schema::LocalTimestampMillis
            | Schema::LocalTimestampMicros
            | Schema::LocalTimestampNanos => Shape::Long,
            Schema::Float => Shape::Float,
            Schema::Double => Shape::Double,
            Schema::Bytes | Schema::BigDecimal | Schema::Uuid(UuidSchema::Bytes) => Shape::Bytes,
            Schema::String | Schema::Uuid(UuidSchema::String) => Shape::String,
            Schema::Fixed(fixed) | Schema::Uuid(UuidSchema::Fixed(fixed)) => Shape::Fixed(fixed, fixed.size),
            Schema::Duration(fixed) => Shape::Fixed(fixed, DURATION_BYTES),
            Schema::Decimal(decimal) => match &decimal.inner {
                InnerDecimalSchema::Bytes => Shape::Bytes,
                InnerDecimalSchema::Fixed(fixed) => Shape::Fixed(fixed, fixed.size),
            },
            Schema::Enum(symbols) => Shape::Enum(symbols),
            Schema::Array(array) => Shape::Array(&array.items),
            Schema::Map(map) => Shape::Map(&map.types),
            Schema::Union(union) => Shape::Union(union),
            Schema::Record(record) => Shape::Record(record),
            Schema::Ref { name } => return self.named(name)?.shape(),
        })
    }

    /// The definition behind a reference, which is never itself a reference.
    fn named(self, name: &Name) -> Result<Part<'s>, Unresolvable> {
        match self.names.get(name) {
            Some(found) if !matches!(found, Schema::Ref { .. }) => Ok(self.part(found)),
            _ => Err(Unresolvable::new(format!("the name {} is not defined", name.fullname(None)))),
        }
    }
}

impl Shape<'_> {
    /// What to call it in an error.
    pub(super) fn title(&self) -> String {
        match self {
            Shape::Null => "null".to_owned(),
            Shape::Boolean => "boolean".to_owned(),
            Shape::Int => "int".to_owned(),
            Shape::Long => "long".to_owned(),
            Shape::Float => "float".to_owned(),
            Shape::Double => "double".to_owned(),
            Shape::Bytes => "bytes".to_owned(),
            Shape::String => "string".to_owned(),
            Shape::Fixed(fixed, size) => format!("fixed {} of {size} bytes", fixed.name.fullname(None)),
            Shape::Enum(symbols) => format!("enum {}", symbols.name.fullname(None)),
            Shape::Array(_) => "array".to_owned(),
            Shape::Map(_) => "map".to_owned(),
            Shape::Union(_) => "union".to_owned(),
            Shape::Record(record) => format!("record {}", record.name.fullname(None)),
        }
    }

    /// The full name, of what has one.
    pub(super) fn name(&self) -> Option<&Name> {
        match self {
            Shape::Fixed(fixed, _) => Some(&fixed.name),
            Shape::Enum(symbols) => Some(&symbols.name),
            Shape::Record(record) => Some(&record.name),
            _ => None,
        }
    }

    /// Whether a reader of this name takes what was written under that one: the last word is the same, or an alias of
    /// the reader says so.
    pub(super) fn is_called(&self, writer: &Name) -> bool {
        let (name, aliases) = match self {
            Shape::Fixed(fixed, _) => (&fixed.name, &fixed.aliases),
            Shape::Enum(symbols) => (&symbols.name, &symbols.aliases),
            Shape::Record(record) => (&record.name, &record.aliases),
            _ => return false,
        };
        let mut aliases = aliases.iter().flatten();
        name.name() == writer.name()
            || aliases.any(|alias| alias.fullname(name.namespace()) == writer.fullname(None))
    }
}
