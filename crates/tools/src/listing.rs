//! Calls for people and programs. Reads only.

use sqlx::{AssertSqlSafe, PgPool};

use crate::row::{Call, CallState, call, with_columns};

/// Which calls are meant.
#[derive(Debug, Clone, Default)]
pub struct CallFilter {
    /// Of this tool; none: of all.
    pub tool: Option<String>,
    /// In this state; none: in all.
    pub state: Option<CallState>,
    /// How many at most.
    pub limit: i64,
}

/// Calls, the newest first.
///
/// # Errors
/// The database does not answer.
pub async fn list(pool: &PgPool, filter: &CallFilter) -> Result<Vec<Call>, sqlx::Error> {
    let rows = sqlx::query(AssertSqlSafe(with_columns(include_str!("sql/list.sql"))))
        .bind(&filter.tool)
        .bind(filter.state.map(CallState::as_str))
        .bind(filter.limit)
        .fetch_all(pool)
        .await?;
    rows.iter().map(call).collect()
}

/// The calls of this id, of whatever source.
///
/// # Errors
/// The database does not answer.
pub async fn find(pool: &PgPool, id: &str) -> Result<Vec<Call>, sqlx::Error> {
    let sql = with_columns("SELECT {columns} FROM brainops.tool_call WHERE id = $1 ORDER BY source");
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(id).fetch_all(pool).await?;
    rows.iter().map(call).collect()
}
