//! One read-only statement, with limits.

use std::time::Duration;

use serde::Serialize;
use serde_json::value::RawValue;
use sqlx::error::DatabaseError;
use sqlx::{AssertSqlSafe, PgPool, Row as _};

use super::projection::filled;
use crate::tool::ToolError;

/// How long a statement may take.
pub(super) const STATEMENT_LIMIT: Duration = Duration::from_secs(30);
/// How many rows are told at most.
pub(super) const MAX_ROWS: u32 = 10_000;
/// How many rows are told unless more are asked for.
pub(super) const ROWS: u32 = 200;
/// How large all of them may be, in bytes of JSON.
const MAX_BYTES: usize = 8 * 1024 * 1024;
/// The longest statement, in bytes.
const MAX_STATEMENT: usize = 64 * 1024;

/// Connections of a login that may read the views and nothing else. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reader(PgPool);

/// Rows, each an object.
#[derive(Debug, Serialize)]
pub struct RowsResult {
    pub(super) rows: Vec<Box<RawValue>>,
    /// Whether there are more than are told.
    pub(super) is_cut: bool,
}

impl Reader {
    /// Over these connections.
    #[must_use]
    pub const fn new(pool: PgPool) -> Self {
        Self(pool)
    }

    /// The rows of a query.
    pub(super) async fn rows(&self, query: &str, limit: u32) -> Result<RowsResult, ToolError> {
        check(query)?;
        if !(1..=MAX_ROWS).contains(&limit) {
            return Err(
                ToolError::nothing_done("bad_limit").with(format!("limit: accepted is 1 to {MAX_ROWS}"))
            );
        }
        // The line break ends a comment that the query ends with.
        let sql =
            format!("SELECT to_json(asked)::text AS row FROM (\n{query}\n) AS asked LIMIT {}", limit + 1);
        let texts = self.read(sql).await?;
        let is_over = texts.len() > limit as usize;
        let (mut rows, mut bytes) = (Vec::new(), 0);
        for text in texts.into_iter().take(limit as usize) {
            bytes += text.len();
            if bytes > MAX_BYTES {
                return Ok(RowsResult { rows, is_cut: true });
            }
            rows.push(RawValue::from_string(text).map_err(|_| ToolError::nothing_done("unreadable_row"))?);
        }
        Ok(RowsResult { rows, is_cut: is_over })
    }

    /// The rows of one of our own queries, whose last parameter says how many it returns at most.
    pub(crate) async fn page(
        &self,
        sql: &str,
        filters: impl IntoIterator<Item = Option<String>>,
        limit: Option<u32>,
    ) -> Result<RowsResult, ToolError> {
        let limit = limit.unwrap_or(ROWS);
        let one_more = Some(limit.saturating_add(1).to_string()); // tells whether there are more
        let parameters: Vec<Option<String>> = filters.into_iter().chain([one_more]).collect();
        self.rows(&filled(sql, &parameters)?, limit).await
    }

    /// What a statement answers, one text a row.
    pub(super) async fn read(&self, sql: String) -> Result<Vec<String>, ToolError> {
        let limits =
            format!("BEGIN READ ONLY; SET LOCAL statement_timeout = {}", STATEMENT_LIMIT.as_millis());
        let mut transaction =
            self.0.begin_with(AssertSqlSafe(limits)).await.map_err(|error| refused(&error))?;
        let rows = sqlx::query(AssertSqlSafe(sql)).persistent(false).fetch_all(&mut *transaction).await;
        let rows = rows.map_err(|error| refused(&error))?;
        let texts: Result<Vec<String>, sqlx::Error> = rows.iter().map(|row| row.try_get(0)).collect();
        texts.map_err(|error| refused(&error))
    }
}

/// Refuses what is no statement.
pub(super) fn check(query: &str) -> Result<(), ToolError> {
    if query.trim().is_empty() || query.len() > MAX_STATEMENT || query.contains('\0') {
        return Err(ToolError::nothing_done("bad_query")
            .with("sql: accepted is one SELECT of 64 KiB at most, without NUL"));
    }
    Ok(())
}

/// What Postgres says, as a word. Its message names what is wrong with the query.
pub(super) fn refused(error: &sqlx::Error) -> ToolError {
    let Some(answer) = error.as_database_error() else {
        return ToolError::nothing_done("database_unavailable").with(error.to_string());
    };
    let state = answer.code().unwrap_or_default();
    let code = match &*state {
        "57014" => "timed_out",
        "25006" => "read_only",
        "42501" => "not_allowed",
        _ => "bad_query",
    };
    ToolError::nothing_done(code).with(message(answer))
}

fn message(answer: &dyn DatabaseError) -> String {
    answer.message().chars().take(1_000).collect()
}
