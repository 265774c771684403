//! `database.query`.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::reader::{ROWS, Reader, RowsResult};
use crate::spec::{Effect, Repeat};
use crate::tool::{Act, Tool, ToolError};

/// Queries the views.
#[derive(Debug, Clone)]
pub struct QueryDatabase(pub Reader);

/// What it is told.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QueryArguments {
    /// One SELECT over the views of the read models.
    sql: String,
    /// How many rows, 1 to 10,000. Default: 200.
    limit: Option<u32>,
}

#[async_trait]
impl Tool for QueryDatabase {
    type Arguments = QueryArguments;
    type Result = RowsResult;

    const NAME: &'static str = "database.query";
    const SUMMARY: &'static str = "Runs a SELECT over the views of the read models, for 30 s at most, as a login that may read nothing else. \
                                   Changes nothing.";
    const EFFECT: Effect = Effect::Reads;
    const REPEAT: Repeat = Repeat::Idempotent;

    async fn act(
        &self,
        QueryArguments { sql, limit }: QueryArguments,
        _: &Act,
    ) -> Result<RowsResult, ToolError> {
        self.0.rows(&sql, limit.unwrap_or(ROWS)).await
    }
}
