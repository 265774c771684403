//! The tables of a generation as the catalog of Postgres has them: any program can read them so, whatever version of
//! the fold it was built with.

use sqlx::{PgConnection, Row as _};

use crate::definition::OWN_TABLES;

/// A table of a generation, without what the program thinks of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableLayout {
    pub(crate) name: String,
    /// In their order.
    pub(crate) columns: Vec<ColumnLayout>,
    /// The places of the key's columns, in the order of the key.
    pub(crate) key: Vec<usize>,
}

/// A column of a table or of a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ColumnLayout {
    pub(crate) name: String,
    /// As Postgres writes it, such as `timestamp with time zone`.
    pub(crate) type_name: String,
}

impl TableLayout {
    /// The place of a column.
    pub(crate) fn place(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|one| one.name == column)
    }
}

/// A name as SQL takes it, whatever letters it has.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The tables of a generation's schema by name, without those of the runtime.
pub(crate) async fn layout(
    connection: &mut PgConnection,
    schema: &str,
) -> Result<Vec<TableLayout>, sqlx::Error> {
    relations(connection, schema, &["r", "p"]).await
}

/// The views of a schema by name; they have no key.
pub(crate) async fn view_layout(
    connection: &mut PgConnection,
    schema: &str,
) -> Result<Vec<TableLayout>, sqlx::Error> {
    relations(connection, schema, &["v"]).await
}

async fn relations(
    connection: &mut PgConnection,
    schema: &str,
    kinds: &[&str],
) -> Result<Vec<TableLayout>, sqlx::Error> {
    let rows =
        sqlx::query(include_str!("sql/layout.sql")).bind(schema).bind(kinds).fetch_all(connection).await?;
    let mut tables: Vec<(TableLayout, Vec<(i32, usize)>)> = Vec::new();
    for row in rows {
        let name: String = row.try_get("table_name")?;
        if OWN_TABLES.contains(&name.as_str()) {
            continue;
        }
        if tables.last().is_none_or(|(table, _)| table.name != name) {
            tables.push((TableLayout { name, columns: Vec::new(), key: Vec::new() }, Vec::new()));
        }
        let Some((table, key)) = tables.last_mut() else { continue };
        if let Some(place) = row.try_get::<Option<i32>, _>("key_place")? {
            key.push((place, table.columns.len()));
        }
        let (name, type_name) = (row.try_get("column_name")?, row.try_get("type_name")?);
        table.columns.push(ColumnLayout { name, type_name });
    }
    let with_key = |(mut table, mut key): (TableLayout, Vec<(i32, usize)>)| {
        key.sort_unstable();
        table.key = key.into_iter().map(|(_, column)| column).collect();
        table
    };
    Ok(tables.into_iter().map(with_key).collect())
}
