//! What readers of a read model see: one view per table with its columns listed and its comments, the freshness
//! view, and the derived views of the read model itself.

use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use crate::generation::Generation;
use crate::table::Table;

/// The SQL of all views but for their comments, as one text whose digest tells whether they must be made again.
pub(crate) fn views_sql(generation: &Generation, tables: &[&'static Table], derived: &str) -> String {
    let base: String = tables.iter().map(|table| base_view(generation, table)).collect();
    let freshness = generation.fill(include_str!("sql/freshness_view.sql"));
    format!("{base}\n{freshness}\n{}", generation.fill(derived))
}

/// Columns are listed, so that a table with other columns cannot change a view in silence.
fn base_view(generation: &Generation, table: &Table) -> String {
    let columns: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
    let (schema, name, from) = (generation.read_model.as_str(), table.name, generation.schema());
    format!("CREATE OR REPLACE VIEW {schema}.{name} AS SELECT {} FROM {from}.{name};\n", columns.join(", "))
}

/// Copies the comments of the generation's tables to the base views.
pub(crate) async fn copy_comments(
    connection: &mut PgConnection,
    generation: &Generation,
    tables: &[&'static Table],
) -> Result<(), sqlx::Error> {
    let names: Vec<&str> = tables.iter().map(|table| table.name).collect();
    let statements = sqlx::query(include_str!("sql/view_comments.sql"))
        .bind(generation.schema())
        .bind(generation.read_model.as_str())
        .bind(names)
        .fetch_all(&mut *connection)
        .await?;
    for row in statements {
        let statement: String = row.try_get("statement")?; // quoted by Postgres itself
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *connection).await?;
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
    tables: &[&'static Table],
) -> Result<Vec<ViewPastTheBase>, sqlx::Error> {
    let base: Vec<&str> = tables.iter().map(|table| table.name).chain(["freshness"]).collect();
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
