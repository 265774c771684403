//! What readers of a read model see: one view per table with its columns listed and its comments, the freshness
//! view, and the derived views of the read model itself.
//!
//! Views can be pointed at any generation from the catalog alone, whatever version of the fold a program has. A view
//! only ever gains columns: what a generation's table lacks is `NULL` in it, and so readers and derived views go on.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{AssertSqlSafe, PgConnection, Row as _};
use thiserror::Error;

use crate::generation::Generation;
use crate::layout::{TableLayout, layout, quoted, view_layout};

/// The view that every read model has.
pub(crate) const FRESHNESS: &str = "freshness";

/// A view cannot be pointed at a table, since a column has another type there.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{table}.{column} is {table_type}, and {view_type} in the view that is to show it; a column of another type needs another name"
)]
pub struct OtherColumnType {
    /// The table, with its schema.
    pub table: String,
    /// The column.
    pub column: String,
    /// Its type in the table.
    pub table_type: String,
    /// Its type in the view.
    pub view_type: String,
}

/// Why views cannot be made.
#[derive(Debug)]
pub(crate) enum ViewsError {
    Column(OtherColumnType),
    Database(sqlx::Error),
}

impl From<sqlx::Error> for ViewsError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

/// The views of a read model over one generation.
#[derive(Debug)]
pub(crate) struct Views {
    /// What the views are to say, as one text whose digest tells whether they must be made again.
    pub(crate) text: String,
    /// The statements of the base views and of `freshness`, by the names of the views.
    pub(crate) base: BTreeMap<String, String>,
    /// The tables of the generation.
    pub(crate) tables: Vec<String>,
    /// The views that there are now.
    pub(crate) existing: Vec<String>,
}

impl Views {
    /// Plans the views over a generation. Base views of tables of another generation (`before`) that this one lacks
    /// become empty.
    pub(crate) async fn plan(
        connection: &mut PgConnection,
        generation: &Generation,
        before: Option<&Generation>,
        derived: &str,
    ) -> Result<Self, ViewsError> {
        let tables = layout(connection, &generation.schema()).await?;
        let views = view_layout(connection, generation.read_model.as_str()).await?;
        let freshness = generation.fill(include_str!("sql/freshness_view.sql"));
        let mut base = BTreeMap::from([(FRESHNESS.to_owned(), freshness.clone())]);
        for table in &tables {
            let view = views.iter().find(|view| view.name == table.name);
            base.insert(table.name.clone(), base_view(generation, table, view).map_err(ViewsError::Column)?);
        }
        if let Some(before) = before {
            let gone: BTreeSet<String> =
                layout(connection, &before.schema()).await?.into_iter().map(|table| table.name).collect();
            for view in views.iter().filter(|view| gone.contains(&view.name)) {
                base.entry(view.name.clone()).or_insert_with(|| empty_view(generation, view));
            }
        }
        let text = text(generation, &tables, &freshness, derived).map_err(ViewsError::Column)?;
        let names = |layouts: Vec<TableLayout>| layouts.into_iter().map(|one| one.name).collect();
        Ok(Self { text, base, tables: names(tables), existing: names(views) })
    }

    /// Gives the base views the comments of their tables, and new views to whoever may read all the others.
    pub(crate) async fn finish(
        &self,
        connection: &mut PgConnection,
        generation: &Generation,
    ) -> Result<(), sqlx::Error> {
        copy_comments(connection, generation, &self.tables).await?;
        let views = view_layout(connection, generation.read_model.as_str()).await?;
        let added: Vec<String> =
            views.into_iter().map(|view| view.name).filter(|name| !self.existing.contains(name)).collect();
        let statements = sqlx::query(include_str!("sql/view_grants.sql"))
            .bind(generation.read_model.as_str())
            .bind(&self.existing)
            .bind(added);
        let statements = statements.fetch_all(&mut *connection).await?;
        execute(connection, statements.iter().map(|row| row.try_get("statement"))).await
    }
}

fn text(
    generation: &Generation,
    tables: &[TableLayout],
    freshness: &str,
    derived: &str,
) -> Result<String, OtherColumnType> {
    let base: Vec<String> =
        tables.iter().map(|table| base_view(generation, table, None)).collect::<Result<_, _>>()?;
    Ok(format!("{}\n{freshness}\n{}", base.concat(), generation.fill(derived)))
}

/// Columns are listed, so that a table with other columns cannot change a view in silence: those that the view has, and
/// then those that the table has besides.
fn base_view(
    generation: &Generation,
    table: &TableLayout,
    view: Option<&TableLayout>,
) -> Result<String, OtherColumnType> {
    let known = view.map(|view| view.columns.as_slice()).unwrap_or_default();
    let mut columns = Vec::new();
    for column in known {
        let name = quoted(&column.name);
        match table.place(&column.name).map(|place| &table.columns[place].type_name) {
            Some(found) if *found == column.type_name => columns.push(name),
            Some(found) => {
                return Err(OtherColumnType {
                    table: format!("{}.{}", generation.schema(), table.name),
                    column: column.name.clone(),
                    table_type: found.clone(),
                    view_type: column.type_name.clone(),
                });
            }
            None => columns.push(format!("NULL::{} AS {name}", column.type_name)),
        }
    }
    let is_new = |name: &String| !known.iter().any(|column| column.name == *name);
    let names = table.columns.iter().map(|column| &column.name);
    columns.extend(names.filter(|name| is_new(name)).map(|name| quoted(name)));
    let (schema, name, from) = (generation.read_model.as_str(), quoted(&table.name), generation.schema());
    Ok(format!(
        "CREATE OR REPLACE VIEW {schema}.{name} AS SELECT {} FROM {from}.{name};\n",
        columns.join(", ")
    ))
}

/// What stays of a view whose table this generation does not have.
fn empty_view(generation: &Generation, view: &TableLayout) -> String {
    let columns: Vec<String> = view
        .columns
        .iter()
        .map(|column| format!("NULL::{} AS {}", column.type_name, quoted(&column.name)))
        .collect();
    let (schema, name) = (generation.read_model.as_str(), quoted(&view.name));
    format!("CREATE OR REPLACE VIEW {schema}.{name} AS SELECT {} WHERE false;\n", columns.join(", "))
}

/// Copies the comments of the generation's tables to the base views.
async fn copy_comments(
    connection: &mut PgConnection,
    generation: &Generation,
    tables: &[String],
) -> Result<(), sqlx::Error> {
    let statements = sqlx::query(include_str!("sql/view_comments.sql"))
        .bind(generation.schema())
        .bind(generation.read_model.as_str())
        .bind(tables)
        .fetch_all(&mut *connection)
        .await?;
    execute(connection, statements.iter().map(|row| row.try_get("statement"))).await
}

/// Executes statements, in which Postgres itself has quoted the names, in one go.
async fn execute(
    connection: &mut PgConnection,
    statements: impl Iterator<Item = Result<String, sqlx::Error>>,
) -> Result<(), sqlx::Error> {
    let statements: Vec<String> = statements.collect::<Result<_, _>>()?;
    if !statements.is_empty() {
        sqlx::raw_sql(AssertSqlSafe(statements.join(";\n"))).execute(connection).await?;
    }
    Ok(())
}

/// A derived view that reads past the base views, and what it reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewPastTheBase {
    /// The view.
    pub view: String,
    /// The table or view of another schema that it names.
    pub source: String,
}

/// Derived views that read something outside of their schema.
pub(crate) async fn views_past_the_base(
    connection: &mut PgConnection,
    generation: &Generation,
    tables: &[String],
) -> Result<Vec<ViewPastTheBase>, sqlx::Error> {
    let base: Vec<&str> = tables.iter().map(String::as_str).chain([FRESHNESS]).collect();
    let rows = sqlx::query(include_str!("sql/views_past_the_base.sql"))
        .bind(generation.read_model.as_str())
        .bind(base)
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(ViewPastTheBase { view: row.try_get("view_name")?, source: row.try_get("source_name")? })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generation::ModelName;
    use crate::layout::ColumnLayout;

    fn table(name: &str, columns: &[(&str, &str)]) -> TableLayout {
        let column = |(name, type_name): &(&str, &str)| ColumnLayout {
            name: (*name).to_owned(),
            type_name: (*type_name).to_owned(),
        };
        TableLayout { name: name.to_owned(), columns: columns.iter().map(column).collect(), key: vec![0] }
    }

    #[test]
    fn a_view_keeps_its_columns_and_gains_those_of_the_table() {
        let generation = Generation::of_lineage(ModelName::new("leads").unwrap(), 2, 2);
        let found = table("lead", &[("id", "text"), ("stage", "text"), ("since", "bigint")]);
        let cases = [
            (None, Ok("\"id\", \"stage\", \"since\"")),
            (Some(table("lead", &[("since", "bigint"), ("id", "text")])), Ok("\"since\", \"id\", \"stage\"")),
            (
                Some(table("lead", &[("id", "text"), ("old", "text[]")])),
                Ok("\"id\", NULL::text[] AS \"old\", \"stage\", \"since\""),
            ),
            (
                Some(table("lead", &[("id", "text"), ("since", "integer")])),
                Err("leads_g2.lead.since is bigint, and integer in the view"),
            ),
        ];
        for (view, expected) in cases {
            match (base_view(&generation, &found, view.as_ref()), expected) {
                (Ok(sql), Ok(columns)) => assert_eq!(
                    sql,
                    format!(
                        "CREATE OR REPLACE VIEW leads.\"lead\" AS SELECT {columns} FROM leads_g2.\"lead\";\n"
                    )
                ),
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
                (found, expected) => panic!("{found:?}, expected {expected:?}"),
            }
        }
    }
}
