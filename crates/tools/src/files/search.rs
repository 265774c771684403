//! `files.search`.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use cap_std::fs::Dir;
use regex::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::read::MAX_FILE;
use super::root::{Root, Roots, refused, relative};
use crate::spec::{Effect, Repeat};
use crate::tool::{Act, Tool, ToolError};

/// How many lines an answer has at most.
const MAX_MATCHES: usize = 1_000;
/// How much of a line is told, in characters.
const MAX_LINE: usize = 500;
/// How much is read at most, in bytes.
const MAX_READ: u64 = 1024 * 1024 * 1024;
/// How large a compiled pattern may be, in bytes.
const MAX_PATTERN: usize = 1024 * 1024;
/// How deep it goes.
const MAX_DEPTH: u32 = 64;

/// Searches files.
#[derive(Debug, Clone)]
pub struct SearchFiles(pub Roots);

/// What it is told.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchArguments {
    /// Name of the root.
    root: String,
    /// Path of a folder or file beneath it. Default: the root itself.
    path: Option<String>,
    /// A regular expression, in the syntax of the crate regex, for one line.
    pattern: String,
}

/// What comes of it.
#[derive(Debug, Serialize)]
pub struct SearchResult {
    matches: Vec<Match>,
    /// Files that were read.
    files: usize,
    /// Whether there may be more than is told.
    is_cut: bool,
}

#[derive(Debug, Serialize)]
struct Match {
    path: String,
    line: usize,
    text: String,
}

#[async_trait]
impl Tool for SearchFiles {
    type Arguments = SearchArguments;
    type Result = SearchResult;

    const NAME: &'static str = "files.search";
    const SUMMARY: &'static str = "Finds lines that match a regular expression in the text files of a folder beneath a root, \
                                   1,000 at most. Hidden folders, links and files without text are left out. Changes nothing.";
    const EFFECT: Effect = Effect::Reads;
    const REPEAT: Repeat = Repeat::Idempotent;

    async fn act(&self, arguments: SearchArguments, act: &Act) -> Result<SearchResult, ToolError> {
        let root = self.0.root(&arguments.root)?;
        let pattern = RegexBuilder::new(&arguments.pattern).size_limit(MAX_PATTERN).build();
        let pattern = pattern
            .map_err(|error| ToolError::nothing_done("bad_pattern").with(format!("pattern: {error}")))?;
        act.blocking(move || {
            let path = relative(arguments.path.as_deref().unwrap_or("."))?.to_owned();
            let result = SearchResult { matches: Vec::new(), files: 0, is_cut: false };
            let mut search = Search { root, pattern, result, left: MAX_READ };
            let prefix: PathBuf = path.components().filter(|part| part.as_os_str() != ".").collect();
            match search.root.folder().open_dir(&path) {
                Ok(folder) => search.folder(&folder, &prefix, MAX_DEPTH)?,
                Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => search.file(&prefix)?,
                Err(error) => return Err(refused(&error)),
            }
            Ok(search.result)
        })
        .await
    }
}

struct Search {
    root: Root,
    pattern: Regex,
    result: SearchResult,
    left: u64,
}

impl Search {
    fn folder(&mut self, folder: &Dir, prefix: &Path, depth: u32) -> Result<(), ToolError> {
        let mut entries: Vec<_> =
            folder.entries().map_err(|error| refused(&error))?.filter_map(Result::ok).collect();
        entries.sort_by_key(cap_std::fs::DirEntry::file_name);
        for entry in entries {
            if self.result.is_cut {
                return Ok(());
            }
            let (Ok(kind), path) = (entry.file_type(), prefix.join(entry.file_name())) else { continue };
            let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
            if kind.is_dir() && !is_hidden {
                match entry.open_dir() {
                    Ok(inner) if depth > 0 => self.folder(&inner, &path, depth - 1)?,
                    _ => self.result.is_cut = true,
                }
            } else if kind.is_file() && self.file(&path).is_err() {
                continue; // vanished, no text, or nothing that may be read
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path) -> Result<(), ToolError> {
        let bytes = self.root.read(path, MAX_FILE.min(self.left))?;
        self.left = self.left.saturating_sub(bytes.len() as u64);
        self.result.is_cut |= self.left == 0;
        let text = String::from_utf8(bytes).map_err(|_| ToolError::nothing_done("no_text"))?;
        self.result.files += 1;
        for (place, line) in text.lines().enumerate().filter(|(_, line)| self.pattern.is_match(line)) {
            if self.result.matches.len() >= MAX_MATCHES {
                self.result.is_cut = true;
                return Ok(());
            }
            let text = line.chars().take(MAX_LINE).collect();
            self.result.matches.push(Match {
                path: path.to_string_lossy().into_owned(),
                line: place + 1,
                text,
            });
        }
        Ok(())
    }
}
