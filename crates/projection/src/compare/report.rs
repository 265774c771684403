//! What a comparison found, for programs and for people.

use std::collections::BTreeMap;

use brainops_event::{Frontier, Offset, Partition, TopicName};
use serde::Serialize;

/// How many rows that differ are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompareLimits {
    /// Of each table, the first ones in the order of their keys. Default: 20. All are counted, whatever this says.
    pub rows: usize,
}

impl Default for CompareLimits {
    fn default() -> Self {
        Self { rows: 20 }
    }
}

/// The rows of two generations side by side, at one frontier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// The left side.
    pub left: ComparedGeneration,
    /// The right side.
    pub right: ComparedGeneration,
    /// Up to where both have folded the log, the topic of decisions included.
    pub frontier: Frontier,
    /// The tables that both have, by name.
    pub tables: Vec<TableComparison>,
    /// Tables that only the left side has.
    pub only_left: Vec<TableDigest>,
    /// Tables that only the right side has.
    pub only_right: Vec<TableDigest>,
    /// What only one side has parked. It is no drift: a person decides about it. While it is parked, the rows of its
    /// subject may differ.
    pub parked: Vec<ParkedOnOneSide>,
}

impl Comparison {
    /// Whether both have the same tables with the same columns and rows.
    pub fn is_equal(&self) -> bool {
        let same_tables = self.only_left.is_empty() && self.only_right.is_empty();
        same_tables && self.tables.iter().all(TableComparison::is_equal)
    }

    /// How many rows differ.
    pub fn differing_rows(&self) -> u64 {
        self.tables.iter().map(TableComparison::differing_rows).sum()
    }
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ComparedGeneration {
    /// Name of the read model.
    pub read_model: String,
    /// Number of the generation.
    pub generation: i32,
    /// Its schema.
    pub schema: String,
    /// Version of the fold that fills it.
    pub fold_version: i32,
}

/// The rows of a table, and what they are as bytes. `psql -qAt -c "$statement" | sha256sum` says the same digest, from a
/// database whose encoding is UTF8 and as long as the table stands at the same frontier: it covers the whole binary
/// copy, header and trailer included, of all columns in their order, the rows in the order of the primary key, texts of
/// the key ordered by their bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableDigest {
    /// The table.
    pub table: String,
    /// How many rows it has.
    pub rows: u64,
    /// SHA-256, hexadecimal, of what `statement` answers.
    pub sha256: String,
    /// The statement whose whole answer was digested; whoever may read the table can do the same.
    pub statement: String,
}

/// One table on both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableComparison {
    /// The table.
    pub table: String,
    /// The left side.
    pub left: TableDigest,
    /// The right side.
    pub right: TableDigest,
    /// Rows that only the right side has.
    pub added: u64,
    /// Rows that only the left side has.
    pub removed: u64,
    /// Rows of one key that differ in a column that both sides have.
    pub changed: u64,
    /// In how many rows each column differs.
    pub changed_columns: BTreeMap<String, u64>,
    /// Columns that only the left side has.
    pub columns_only_left: Vec<String>,
    /// Columns that only the right side has.
    pub columns_only_right: Vec<String>,
    /// Columns whose types differ; their values are not compared.
    pub columns_of_other_type: Vec<ColumnTypes>,
    /// The keys when they differ: then rows cannot be told apart, and are only counted.
    pub other_key: Option<OtherKey>,
    /// The first rows that differ, in the order of their keys.
    pub rows: Vec<RowDifference>,
}

impl TableComparison {
    /// Whether both sides have the same columns and rows.
    pub fn is_equal(&self) -> bool {
        let same_columns = self.columns_only_left.is_empty()
            && self.columns_only_right.is_empty()
            && self.columns_of_other_type.is_empty()
            && self.other_key.is_none();
        same_columns && self.differing_rows() == 0
    }

    /// How many rows differ.
    pub fn differing_rows(&self) -> u64 {
        self.added + self.removed + self.changed
    }
}

/// A column that has another type on the other side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ColumnTypes {
    /// The column.
    pub column: String,
    /// Its type on the left side.
    pub left: String,
    /// Its type on the right side.
    pub right: String,
}

/// A table whose key is another on the other side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OtherKey {
    /// Columns and types of the key on the left side.
    pub left: Vec<String>,
    /// Columns and types of the key on the right side.
    pub right: Vec<String>,
}

/// How a row differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RowChange {
    /// Only the right side has it.
    Added,
    /// Only the left side has it.
    Removed,
    /// Both have it, and differ in a column.
    Changed,
}

impl RowChange {
    /// The name, as in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

/// A row that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RowDifference {
    /// The columns of its key with their values.
    pub key: Vec<KeyPart>,
    /// How it differs.
    pub kind: RowChange,
    /// The columns that differ; of a row that one side lacks, all but the key.
    pub columns: Vec<ColumnDifference>,
    /// The event that last changed the left side's row.
    pub left_event: Option<EventOfRow>,
    /// The event that last changed the right side's row.
    pub right_event: Option<EventOfRow>,
}

/// A column of a key, and its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyPart {
    /// The column.
    pub column: String,
    /// Its value as Postgres writes it.
    pub value: String,
}

/// A column that differs. Values are as Postgres writes them, cut after a thousand letters; null is NULL, or no row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ColumnDifference {
    /// The column.
    pub column: String,
    /// The left side's value.
    pub left: Option<String>,
    /// The right side's value.
    pub right: Option<String>,
}

/// The event that last changed a row, as the row names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventOfRow {
    /// Its source.
    pub source: String,
    /// Its id.
    pub id: String,
    /// Where the log has it.
    pub position: String,
}

/// A side of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WhichSide {
    /// The left one.
    Left,
    /// The right one.
    Right,
}

/// Something that only one side has parked, or from another record on than the other side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ParkedOnOneSide {
    /// Which side has.
    pub side: WhichSide,
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: Partition,
    /// The subject; null when one record is held alone.
    pub subject: Option<String>,
    /// Offset of the first record that is held.
    pub first_offset: Offset,
}
