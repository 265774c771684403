//! What analysts may do: read the views of all installed read models, and nothing else.

use sqlx::{AssertSqlSafe, PgPool, Row as _};
use thiserror::Error;

/// Why an analyst's role cannot be given its rights.
#[derive(Debug, Error)]
#[error("cannot give role {role} the right to read the views")]
pub struct GrantError {
    /// The role.
    pub role: String,
    /// Why.
    pub source: sqlx::Error,
}

/// Lets a role use the schemas of all installed read models, select from their views and call their functions. Rights
/// on tables are not given: a view reads with the rights of its owner, and a function that a view calls can read
/// nothing but views. To be called again when views were added.
///
/// # Errors
/// [`GrantError`] when the role does not exist, or the database does not answer.
pub async fn grant_analyst(pool: &PgPool, role: &str) -> Result<(), GrantError> {
    let failed = |source| GrantError { role: role.to_owned(), source };
    // Names are quoted by Postgres: a role may be called anything.
    let statements = sqlx::query(include_str!("sql/analyst_grants.sql"))
        .bind(role)
        .fetch_all(pool)
        .await
        .map_err(failed)?;
    let mut transaction = pool.begin().await.map_err(failed)?;
    for row in statements {
        let statement: String = row.try_get("statement").map_err(failed)?;
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *transaction).await.map_err(failed)?;
    }
    transaction.commit().await.map_err(failed)
}
