//! `database.explain`.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::reader::{Reader, check};
use crate::spec::{Effect, Repeat};
use crate::tool::{Act, Tool, ToolError};

/// Explains a query.
#[derive(Debug, Clone)]
pub struct ExplainQuery(pub Reader);

/// What it is told.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainArguments {
    /// One SELECT over the views of the read models.
    sql: String,
    /// Whether it is run, so that times and rows are those that were found. Default: it is only planned.
    analyze: Option<bool>,
}

/// What comes of it.
#[derive(Debug, Serialize)]
pub struct ExplainResult {
    /// The plan, line by line.
    plan: Vec<String>,
}

#[async_trait]
impl Tool for ExplainQuery {
    type Arguments = ExplainArguments;
    type Result = ExplainResult;

    const NAME: &'static str = "database.explain";
    const SUMMARY: &'static str = "Says how Postgres would run a SELECT over the views of the read models, or how it has run it, for 30 s at \
                                   most. Changes nothing.";
    const EFFECT: Effect = Effect::Reads;
    const REPEAT: Repeat = Repeat::Idempotent;

    async fn act(
        &self,
        ExplainArguments { sql, analyze }: ExplainArguments,
        _: &Act,
    ) -> Result<ExplainResult, ToolError> {
        check(&sql)?;
        let how = if analyze.unwrap_or(false) { "ANALYZE, BUFFERS" } else { "ANALYZE FALSE" };
        // In a subquery, so that nothing but a query can be meant.
        let plan = self.0.read(format!("EXPLAIN ({how}) SELECT * FROM (\n{sql}\n) AS asked")).await?;
        Ok(ExplainResult { plan })
    }
}
