//! What a schema accepts, in words for whoever sends JSON.

use apache_avro::Schema;
use apache_avro::schema::NamesRef;

pub(crate) const TIME: &str =
    "an RFC 3339 time within the years 0001 to 9999, or integer milliseconds since 1970";
pub(crate) const SEALED: &str =
    r#"a sealed value: {"sealed": "sealed.v1..."} or {"key_id": ..., "nonce": base64, "ciphertext": base64}"#;
pub(crate) const PERSONAL: &str =
    r#"string (it is sealed here), null, or a sealed value: {"sealed": "sealed.v1..."} or its three parts"#;
pub(crate) const TEXT: &str = "string";

const SEALED_RECORD: &str = "brainops.privacy.Sealed";

/// The schema itself, when `schema` only names it.
pub(crate) fn resolve<'s>(schema: &'s Schema, names: &NamesRef<'s>) -> &'s Schema {
    match schema {
        Schema::Ref { name } => names.get(name).copied().unwrap_or(schema),
        other => other,
    }
}

/// Whether this is the record of sealed values.
pub(crate) fn is_sealed(schema: &Schema) -> bool {
    matches!(schema, Schema::Record(record) if record.name.fullname(None) == SEALED_RECORD)
}

/// What `schema` accepts.
pub(crate) fn of(schema: &Schema, names: &NamesRef<'_>) -> String {
    let schema = resolve(schema, names);
    if is_sealed(schema) {
        return SEALED.to_owned();
    }
    match schema {
        Schema::Array(array) => format!("array, each item: {}", of(&array.items, names)),
        Schema::Map(map) => format!("object, each member: {}", of(&map.types, names)),
        Schema::Union(union) => {
            let branches: Vec<String> = union.variants().iter().map(|branch| of(branch, names)).collect();
            branches.join(" or ")
        }
        Schema::Enum(symbols) => format!("one of {}", symbols.symbols.join(", ")),
        Schema::Fixed(fixed) | Schema::Duration(fixed) => format!("base64 of {} bytes", fixed.size),
        scalar => of_scalar(scalar).to_owned(),
    }
}

fn of_scalar(schema: &Schema) -> &'static str {
    match schema {
        Schema::Null => "null",
        Schema::Boolean => "boolean",
        Schema::Int | Schema::Date | Schema::TimeMillis => "integer from -2147483648 to 2147483647",
        Schema::Float | Schema::Double => "number within the range of its type",
        Schema::Bytes => "base64 text with padding",
        Schema::String | Schema::Uuid(_) => TEXT,
        Schema::TimestampMillis => TIME,
        Schema::Record(_) => "object",
        Schema::Long => "integer from -9223372036854775808 to 9223372036854775807",
        Schema::TimeMicros | Schema::TimestampMicros | Schema::TimestampNanos => "integer of 64 bits",
        Schema::LocalTimestampMillis | Schema::LocalTimestampMicros | Schema::LocalTimestampNanos => {
            "integer of 64 bits"
        }
        _ => "nothing: this type has no form in JSON",
    }
}
