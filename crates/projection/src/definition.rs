//! Compares what a read model says about its tables with what its SQL has made.

use std::collections::BTreeMap;
use std::fmt;

use sqlx::{PgConnection, Row as _};

use crate::table::{Column, Table, WriteMode};

/// Names that the runtime uses in the same schemas.
const TAKEN_NAMES: [&str; 4] = ["checkpoint", "parked", "decision", "freshness"];

/// Its tables in the schema of a generation.
pub(crate) const OWN_TABLES: [&str; 3] = ["checkpoint", "parked", "decision"];

/// Something that a definition and its SQL say differently, or do not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The table or column, such as `lead.stage`.
    pub place: String,
    /// What the definition says.
    pub defined: String,
    /// What the database has.
    pub found: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} is defined as {} and found as {}", self.place, self.defined, self.found)
    }
}

/// A column as the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FoundColumn {
    name: String,
    type_name: String,
    nullable: bool,
    in_key: bool,
    has_comment: bool,
}

/// A table as the database has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct FoundTable {
    has_comment: bool,
    partitioned_by: Option<String>,
    columns: Vec<FoundColumn>,
}

/// All differences between the definitions and the tables of a schema; the runtime's own tables are left out.
pub(crate) async fn differences(
    connection: &mut PgConnection,
    schema: &str,
    definitions: &[&'static Table],
) -> Result<Vec<Difference>, sqlx::Error> {
    let mut found = found_tables(connection, schema).await?;
    found.retain(|name, _| !OWN_TABLES.contains(&name.as_str()));
    let mut differences = Vec::new();
    for table in definitions {
        check_definition(table, &mut differences);
        match found.remove(table.name) {
            Some(found) => compare(table, &found, &mut differences),
            None => differences.push(difference(table.name, "a table", "nothing")),
        }
    }
    differences.extend(found.keys().map(|name| difference(name, "nothing", "a table")));
    Ok(differences)
}

async fn found_tables(
    connection: &mut PgConnection,
    schema: &str,
) -> Result<BTreeMap<String, FoundTable>, sqlx::Error> {
    let mut found = BTreeMap::new();
    for row in sqlx::query(include_str!("sql/tables.sql")).bind(schema).fetch_all(&mut *connection).await? {
        let table = FoundTable {
            has_comment: row
                .try_get::<Option<String>, _>("comment")?
                .is_some_and(|comment| !comment.is_empty()),
            partitioned_by: row.try_get("partitioned_by")?,
            columns: Vec::new(),
        };
        found.insert(row.try_get("table_name")?, table);
    }
    for row in sqlx::query(include_str!("sql/columns.sql")).bind(schema).fetch_all(connection).await? {
        let column = FoundColumn {
            name: row.try_get("column_name")?,
            type_name: row.try_get("type_name")?,
            nullable: row.try_get("nullable")?,
            in_key: row.try_get("in_key")?,
            has_comment: row
                .try_get::<Option<String>, _>("comment")?
                .is_some_and(|comment| !comment.is_empty()),
        };
        if let Some(table) = found.get_mut(row.try_get::<&str, _>("table_name")?) {
            table.columns.push(column);
        }
    }
    Ok(found)
}

/// What a definition must be in itself.
fn check_definition(table: &'static Table, differences: &mut Vec<Difference>) {
    if TAKEN_NAMES.contains(&table.name) {
        differences.push(difference(table.name, "a table of the read model", "one of the runtime's"));
    }
    if table.key_columns == 0 || table.key_columns > table.columns.len() {
        let found = format!("{} of {} columns", table.key_columns, table.columns.len());
        differences.push(difference(table.name, "a table with a key", &found));
    }
    for column in table.key().iter().filter(|column| column.nullable) {
        differences.push(difference(&place(table, column), "a key column", "one that may be null"));
    }
    if let Some(by) = table.month_partitioned_by
        && !table.key().iter().any(|column| column.name == by && column.kind.catalog_name() == "timestamptz")
    {
        differences.push(difference(
            table.name,
            &format!("partitioned by {by}"),
            "no timestamptz of its key",
        ));
    }
}

fn compare(table: &'static Table, found: &FoundTable, differences: &mut Vec<Difference>) {
    if !found.has_comment {
        differences.push(difference(table.name, "commented", "without a comment"));
    }
    if found.partitioned_by.as_deref() != table.month_partitioned_by {
        let by = |column: Option<&str>| {
            column.map_or("not partitioned".into(), |name| format!("partitioned by {name}"))
        };
        let (defined, found) = (by(table.month_partitioned_by), by(found.partitioned_by.as_deref()));
        differences.push(difference(table.name, &defined, &found));
    }
    let defined_names: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
    let found_names: Vec<&str> = found.columns.iter().map(|column| column.name.as_str()).collect();
    if defined_names != found_names {
        differences.push(difference(table.name, &defined_names.join(", "), &found_names.join(", ")));
        return; // columns cannot be told apart any more
    }
    for (index, (column, found)) in table.columns.iter().zip(&found.columns).enumerate() {
        let in_key = index < table.key_columns;
        let defined = describe(column.kind.catalog_name(), column.nullable, in_key, true);
        let found = describe(&found.type_name, found.nullable, found.in_key, found.has_comment);
        if defined != found {
            differences.push(difference(&place(table, column), &defined, &found));
        }
    }
    if table.mode == WriteMode::Append && table.key_columns == table.columns.len() {
        // Nothing but a key: then the event that wrote the row is not named.
        differences.push(difference(table.name, "rows that name their event", "only a key"));
    }
}

fn describe(type_name: &str, nullable: bool, in_key: bool, has_comment: bool) -> String {
    let null = if nullable { "null" } else { "not null" };
    let key = if in_key { ", key" } else { "" };
    let comment = if has_comment { ", commented" } else { ", without a comment" };
    format!("{type_name} {null}{key}{comment}")
}

fn place(table: &Table, column: &Column) -> String {
    format!("{}.{}", table.name, column.name)
}

fn difference(place: &str, defined: &str, found: &str) -> Difference {
    Difference { place: place.to_owned(), defined: defined.to_owned(), found: found.to_owned() }
}
