//! `files.read`.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::root::{Roots, relative};
use crate::spec::{Effect, Repeat};
use crate::tool::{Act, Tool, ToolError};

/// The largest file that is read, in bytes.
pub(super) const MAX_FILE: u64 = 16 * 1024 * 1024;

/// Reads a file.
#[derive(Debug, Clone)]
pub struct ReadFile(pub Roots);

/// What it is told.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadArguments {
    /// Name of the root.
    root: String,
    /// Path beneath it.
    path: String,
    /// The first line, from 1. Default: 1.
    from_line: Option<u32>,
    /// How many lines. Default: all.
    lines: Option<u32>,
}

/// What comes of it.
#[derive(Debug, Serialize)]
pub struct ReadResult {
    text: String,
    /// Lines of the whole file.
    lines: usize,
    /// Of the whole file.
    sha256: String,
}

#[async_trait]
impl Tool for ReadFile {
    type Arguments = ReadArguments;
    type Result = ReadResult;

    const NAME: &'static str = "files.read";
    const SUMMARY: &'static str =
        "Reads a file of text of 16 MiB at most beneath a root, or some lines of it. Changes nothing.";
    const EFFECT: Effect = Effect::Reads;
    const REPEAT: Repeat = Repeat::Idempotent;

    async fn act(&self, arguments: ReadArguments, act: &Act) -> Result<ReadResult, ToolError> {
        let root = self.0.root(&arguments.root)?;
        act.blocking(move || {
            let bytes = root.read(relative(&arguments.path)?, MAX_FILE)?;
            let sha256 = hex::encode(Sha256::digest(&bytes));
            let text = String::from_utf8(bytes).map_err(|_| ToolError::nothing_done("no_text"))?;
            let lines = text.lines().count();
            let first = arguments.from_line.unwrap_or(1).saturating_sub(1) as usize;
            let wanted = arguments.lines.map_or(usize::MAX, |lines| lines as usize);
            let text = if first == 0 && wanted >= lines {
                text
            } else {
                text.split_inclusive('\n').skip(first).take(wanted).collect()
            };
            Ok(ReadResult { text, lines, sha256 })
        })
        .await
    }
}
