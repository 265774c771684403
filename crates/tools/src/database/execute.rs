//! `database.execute`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, PgPool};

use super::reader::{STATEMENT_LIMIT, check, refused};
use crate::spec::{Effect, Repeat};
use crate::tool::{Act, Tool, ToolError};

/// How long it may wait for what others hold.
const LOCK_LIMIT: Duration = Duration::from_secs(5);
/// How many rows may be changed unless the call says otherwise.
const ROWS: u64 = 1_000;

/// Databases that may be changed, each with a login that may do what it may, by the names that calls give them. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Databases(Arc<BTreeMap<String, PgPool>>);

impl Databases {
    /// These.
    #[must_use]
    pub fn new(databases: BTreeMap<String, PgPool>) -> Self {
        Self(Arc::new(databases))
    }

    fn find(&self, name: &str) -> Result<&PgPool, ToolError> {
        self.0.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.0.keys().map(String::as_str).collect();
            let accepted = match known.is_empty() {
                true => "database: none may be changed, see tools.databases".to_owned(),
                false => format!("database: accepted are {}", known.join(", ")),
            };
            ToolError::nothing_done("unknown_database").with(accepted)
        })
    }
}

/// Changes a database.
#[derive(Debug, Clone)]
pub struct ExecuteStatement(pub Databases);

/// What it is told.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExecuteArguments {
    /// Name of the database, as in tools.databases.
    database: String,
    /// One statement.
    sql: String,
    /// How many rows it may change: with more, all of it is taken back. Default: 1,000.
    max_rows: Option<u64>,
}

/// What comes of it.
#[derive(Debug, Serialize)]
pub struct ExecuteResult {
    /// How many rows were changed; 0 for a statement that changes none, such as CREATE INDEX.
    rows: u64,
}

#[async_trait]
impl Tool for ExecuteStatement {
    type Arguments = ExecuteArguments;
    type Result = ExecuteResult;

    const NAME: &'static str = "database.execute";
    const SUMMARY: &'static str = "Runs one statement that changes a database, in a transaction, for 30 s at most; when it changes more rows than \
                                   the call allows, all of it is taken back.";
    const EFFECT: Effect = Effect::Critical;
    const REPEAT: Repeat = Repeat::Once;

    async fn act(
        &self,
        ExecuteArguments { database, sql, max_rows }: ExecuteArguments,
        _: &Act,
    ) -> Result<ExecuteResult, ToolError> {
        check(&sql)?;
        let pool = self.0.find(&database)?;
        let limits = format!(
            "BEGIN; SET LOCAL statement_timeout = {}; SET LOCAL lock_timeout = {}",
            STATEMENT_LIMIT.as_millis(),
            LOCK_LIMIT.as_millis()
        );
        let begun = pool.begin_with(AssertSqlSafe(limits)).await;
        let mut transaction = begun.map_err(|error| refused(&error))?;
        // By the extended protocol, so that it is one statement. What fails before COMMIT is sent has changed nothing.
        let done = sqlx::query(AssertSqlSafe(sql)).persistent(false).execute(&mut *transaction).await;
        let rows = done.map_err(|error| refused(&error))?.rows_affected();
        let most = max_rows.unwrap_or(ROWS);
        if rows > most {
            let detail = format!("max_rows: it would have changed {rows} rows, accepted were {most}");
            return Err(ToolError::nothing_done("too_many_rows").with(detail)); // rolled back when it is dropped
        }
        transaction.commit().await.map_err(|error| match error.as_database_error() {
            Some(_) => refused(&error), // such as a constraint that is looked at last
            None => ToolError::half_done("outcome_unknown").with("COMMIT gave no answer"),
        })?;
        Ok(ExecuteResult { rows })
    }
}
