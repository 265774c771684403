//! `events.search`.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::reader::{Reader, RowsResult};
use crate::spec::{Effect, Repeat};
use crate::tool::{Act, Tool, ToolError};

/// Searches the index of events.
#[derive(Debug, Clone)]
pub struct SearchEvents {
    reader: Reader,
    sql: &'static str,
}

/// What it is told: each field that is given must be met.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchArguments {
    /// Type of the events, such as lead.won. Default: any.
    r#type: Option<String>,
    /// What they are about. Default: anything.
    subject: Option<String>,
    /// Who said them. Default: anybody.
    source: Option<String>,
    /// Full name of the topic that they stand in. Default: any.
    topic: Option<String>,
    /// How many, the latest first, 1 to 10,000. Default: 200.
    limit: Option<u32>,
}

impl SearchEvents {
    /// By the query `events.tail`.
    #[must_use]
    pub const fn new(reader: Reader, tail: &'static str) -> Self {
        Self { reader, sql: tail }
    }
}

#[async_trait]
impl Tool for SearchEvents {
    type Arguments = SearchArguments;
    type Result = RowsResult;

    const NAME: &'static str = "events.search";
    const SUMMARY: &'static str = "Finds events in the index by type, subject, source or topic, the latest first: where they stand and what caused \
                                   them, and not what they say. Changes nothing.";
    const EFFECT: Effect = Effect::Reads;
    const REPEAT: Repeat = Repeat::Idempotent;

    async fn act(&self, asked: SearchArguments, _: &Act) -> Result<RowsResult, ToolError> {
        let from_the_latest = [None, None, None, None];
        let filters = [asked.r#type, asked.subject, asked.source, asked.topic];
        self.reader.page(self.sql, filters.into_iter().chain(from_the_latest), asked.limit).await
    }
}
