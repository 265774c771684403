//! `memory.search`.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::database::{Reader, RowsResult};
use crate::spec::{Effect, Repeat};
use crate::tool::{Act, Tool, ToolError};

/// Searches what is remembered.
#[derive(Debug, Clone)]
pub struct SearchMemory {
    reader: Reader,
    sql: &'static str,
}

/// What it is told: each field that is given must be met.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryArguments {
    /// What it is about, such as service/shop. Default: anything.
    about: Option<String>,
    /// fact, lesson or decision. Default: any.
    kind: Option<String>,
    /// A tag that it has. Default: any.
    tag: Option<String>,
    /// Words that it has, all of them. Default: any.
    words: Option<String>,
    /// Also what something else has taken the place of. Default: only what holds.
    replaced: Option<bool>,
    /// How many, the latest first, 1 to 10,000. Default: 200.
    limit: Option<u32>,
}

impl SearchMemory {
    /// By the query `operations.memories`.
    #[must_use]
    pub const fn new(reader: Reader, memories: &'static str) -> Self {
        Self { reader, sql: memories }
    }
}

#[async_trait]
impl Tool for SearchMemory {
    type Arguments = MemoryArguments;
    type Result = RowsResult;

    const NAME: &'static str = "memory.search";
    const SUMMARY: &'static str = "Finds what was to be remembered, by what it is about, kind, tag or words, the latest first. Changes nothing.";
    const EFFECT: Effect = Effect::Reads;
    const REPEAT: Repeat = Repeat::Idempotent;

    async fn act(&self, asked: MemoryArguments, _: &Act) -> Result<RowsResult, ToolError> {
        let replaced = asked.replaced.map(|replaced| replaced.to_string());
        let filters = [asked.about, asked.kind, asked.tag, asked.words, replaced];
        self.reader.page(self.sql, filters, asked.limit).await
    }
}
