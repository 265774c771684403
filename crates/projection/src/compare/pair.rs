//! What two tables of one name have in common.

use super::error::CompareError;
use super::key::KeyKind;
use super::report::{ColumnTypes, OtherKey};
use super::side::Side;
use crate::generation::Generation;
use crate::layout::{TableLayout, quoted};

/// A table of one side, ready to be read in the order of its key.
#[derive(Debug, Clone)]
pub(super) struct Ordered {
    pub(super) layout: TableLayout,
    /// The key's columns: their places and kinds.
    pub(super) key: Vec<(usize, KeyKind)>,
    /// The schema and the table, as SQL takes them.
    pub(super) source: String,
    pub(super) statement: String,
}

impl Ordered {
    pub(super) fn new(generation: &Generation, layout: &TableLayout) -> Result<Self, CompareError> {
        let (schema, table) = (generation.schema(), layout.name.clone());
        if layout.key.is_empty() {
            return Err(CompareError::NoKey { schema, table });
        }
        let mut key = Vec::new();
        for place in &layout.key {
            let column = &layout.columns[*place];
            let kind = KeyKind::of(&column.type_name).ok_or_else(|| CompareError::KeyType {
                schema: schema.clone(),
                table: table.clone(),
                column: column.name.clone(),
                found: column.type_name.clone(),
            })?;
            key.push((*place, kind));
        }
        let columns: Vec<String> = layout.columns.iter().map(|column| quoted(&column.name)).collect();
        let order: Vec<String> = key
            .iter()
            .map(|(place, kind)| format!("{}{}", quoted(&layout.columns[*place].name), kind.collation()))
            .collect();
        let source = format!("{schema}.{}", quoted(&table));
        let statement = format!(
            "COPY (SELECT {} FROM {source} ORDER BY {}) TO STDOUT (FORMAT binary)",
            columns.join(", "),
            order.join(", ")
        );
        Ok(Self { layout: layout.clone(), key, source, statement })
    }

    fn key_as_text(&self) -> Vec<String> {
        let column = |place: usize| &self.layout.columns[place];
        let text =
            |(place, _): &(usize, KeyKind)| format!("{} {}", column(*place).name, column(*place).type_name);
        self.key.iter().map(text).collect()
    }
}

/// A column that both sides have with the same type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Common {
    pub(super) name: String,
    pub(super) left: usize,
    pub(super) right: usize,
}

/// The same table on both sides.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    pub(super) left: Ordered,
    pub(super) right: Ordered,
    /// The columns that are compared: common ones that are no part of the key.
    pub(super) common: Vec<Common>,
    pub(super) only_left: Vec<String>,
    pub(super) only_right: Vec<String>,
    pub(super) other_type: Vec<ColumnTypes>,
    pub(super) other_key: Option<OtherKey>,
}

impl Pair {
    pub(super) fn new(
        (left_side, left): (&Side, &TableLayout),
        (right_side, right): (&Side, &TableLayout),
    ) -> Result<Self, CompareError> {
        let left = Ordered::new(&left_side.generation, left)?;
        let right = Ordered::new(&right_side.generation, right)?;
        let (left_key, right_key) = (left.key_as_text(), right.key_as_text());
        let other_key = (left_key != right_key).then_some(OtherKey { left: left_key, right: right_key });
        let (mut common, mut other_type) = (Vec::new(), Vec::new());
        for (place, column) in left.layout.columns.iter().enumerate() {
            let Some(other) = right.layout.place(&column.name) else { continue };
            let (name, type_name) = (column.name.clone(), &right.layout.columns[other].type_name);
            if column.type_name != *type_name {
                let (left, right) = (column.type_name.clone(), type_name.clone());
                other_type.push(ColumnTypes { column: name, left, right });
            } else if !left.layout.key.contains(&place) {
                common.push(Common { name, left: place, right: other });
            }
        }
        let only_left = lacking(&left.layout, &right.layout);
        let only_right = lacking(&right.layout, &left.layout);
        Ok(Self { left, right, common, only_left, only_right, other_type, other_key })
    }
}

/// Columns of the one table that the other lacks.
fn lacking(one: &TableLayout, other: &TableLayout) -> Vec<String> {
    let names = one.columns.iter().map(|column| &column.name);
    names.filter(|name| other.place(name).is_none()).cloned().collect()
}
