//! What a read model says about its tables: names, columns, keys, and how rows are written.

/// The types that a column of a read model may have; each is the Postgres type of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// `text`.
    Text,
    /// `text[]`, of one dimension, without nulls.
    TextArray,
    /// `boolean`.
    Bool,
    /// `integer`.
    Int4,
    /// `bigint`.
    Int8,
    /// `double precision`.
    Float8,
    /// `timestamp with time zone`, microseconds.
    Timestamptz,
    /// `jsonb`.
    Jsonb,
}

impl ColumnType {
    /// The type's name in SQL, as it is written in casts and in `tables.sql`.
    pub const fn sql(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::TextArray => "text[]",
            Self::Bool => "boolean",
            Self::Int4 => "integer",
            Self::Int8 => "bigint",
            Self::Float8 => "double precision",
            Self::Timestamptz => "timestamp with time zone",
            Self::Jsonb => "jsonb",
        }
    }

    /// The type's name in the catalog (`udt_name` of `information_schema.columns`).
    pub const fn catalog_name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::TextArray => "_text",
            Self::Bool => "bool",
            Self::Int4 => "int4",
            Self::Int8 => "int8",
            Self::Float8 => "float8",
            Self::Timestamptz => "timestamptz",
            Self::Jsonb => "jsonb",
        }
    }
}

/// One column of a read model's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name, lower case, as in `tables.sql`.
    pub name: &'static str,
    /// Its type.
    pub kind: ColumnType,
    /// Whether it may be NULL. A key column never may.
    pub nullable: bool,
}

impl Column {
    /// A column that is NOT NULL.
    pub const fn required(name: &'static str, kind: ColumnType) -> Self {
        Self { name, kind, nullable: false }
    }

    /// A column that may be NULL.
    pub const fn optional(name: &'static str, kind: ColumnType) -> Self {
        Self { name, kind, nullable: true }
    }
}

/// How the rows of a table come to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteMode {
    /// Rows are read, changed and written again: one UNNEST upsert per batch.
    Upsert,
    /// Rows are written once and never read back or changed: one binary COPY per batch.
    Append,
}

/// One table of a read model. What it says must be what `tables.sql` makes; `install` compares the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// Its name inside the generation's schema, lower case.
    pub name: &'static str,
    /// All its columns, in the order in which rows are written.
    pub columns: &'static [Column],
    /// How many of the first columns are the primary key.
    pub key_columns: usize,
    /// How its rows are written.
    pub mode: WriteMode,
    /// The `timestamptz` column by which it is partitioned into months (UTC), if it is. It must be part of the
    /// primary key and should be the *recorded* time: senders choose the time of happening, and so could make
    /// any number of partitions.
    pub month_partitioned_by: Option<&'static str>,
}

impl Table {
    /// The columns of the primary key.
    pub fn key(&self) -> &'static [Column] {
        &self.columns[..self.key_columns.min(self.columns.len())]
    }

    /// The place of the column that the table is partitioned by.
    pub(crate) fn month_column(&self) -> Option<usize> {
        let name = self.month_partitioned_by?;
        self.columns.iter().position(|column| column.name == name)
    }
}
