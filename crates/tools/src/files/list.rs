//! `files.list`.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use cap_std::fs::Dir;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::root::{Roots, refused, relative};
use crate::spec::{Effect, Repeat};
use crate::tool::{Act, Tool, ToolError};

/// How many entries an answer has at most.
const MAX_ENTRIES: usize = 5_000;
/// How deep it goes at most.
const MAX_DEPTH: u32 = 32;

/// Lists folders.
#[derive(Debug, Clone)]
pub struct ListFiles(pub Roots);

/// What it is told.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListArguments {
    /// Name of the root.
    root: String,
    /// Path of the folder beneath it. Default: the root itself.
    path: Option<String>,
    /// How deep, 1 to 32. Default: 1, the folder's own entries.
    depth: Option<u32>,
}

/// What comes of it.
#[derive(Debug, Serialize)]
pub struct ListResult {
    entries: Vec<Entry>,
    /// Whether there are more than are told.
    is_cut: bool,
}

#[derive(Debug, Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    /// From the root; what is no text is told with replacement characters.
    path: String,
    /// `file`, `folder`, `link` or `other`.
    kind: &'static str,
    /// Of a file.
    bytes: Option<u64>,
}

#[async_trait]
impl Tool for ListFiles {
    type Arguments = ListArguments;
    type Result = ListResult;

    const NAME: &'static str = "files.list";
    const SUMMARY: &'static str = "Lists a folder beneath a root, by path, 5,000 entries at most. Links are told and not followed. Changes nothing.";
    const EFFECT: Effect = Effect::Reads;
    const REPEAT: Repeat = Repeat::Idempotent;

    async fn act(&self, arguments: ListArguments, act: &Act) -> Result<ListResult, ToolError> {
        let root = self.0.root(&arguments.root)?;
        let depth = arguments.depth.unwrap_or(1);
        if !(1..=MAX_DEPTH).contains(&depth) {
            return Err(ToolError::nothing_done("bad_depth").with("depth: accepted is 1 to 32"));
        }
        act.blocking(move || {
            let path = relative(arguments.path.as_deref().unwrap_or("."))?.to_owned();
            let folder = root.folder().open_dir(&path).map_err(|error| refused(&error))?;
            let mut result = ListResult { entries: Vec::new(), is_cut: false };
            let prefix: PathBuf = path.components().filter(|part| part.as_os_str() != ".").collect();
            walk(&folder, &prefix, depth, &mut result)?;
            result.entries.sort();
            Ok(result)
        })
        .await
    }
}

fn walk(folder: &Dir, prefix: &Path, depth: u32, result: &mut ListResult) -> Result<(), ToolError> {
    for entry in folder.entries().map_err(|error| refused(&error))? {
        let entry = entry.map_err(|error| refused(&error))?;
        if result.entries.len() >= MAX_ENTRIES {
            result.is_cut = true;
            return Ok(());
        }
        // What vanished meanwhile is not there.
        let Ok(found) = entry.metadata() else { continue };
        let path = prefix.join(entry.file_name());
        let kind = match found.file_type() {
            kind if kind.is_symlink() => "link",
            kind if kind.is_dir() => "folder",
            kind if kind.is_file() => "file",
            _ => "other",
        };
        let bytes = found.is_file().then(|| found.len());
        result.entries.push(Entry { path: path.to_string_lossy().into_owned(), kind, bytes });
        if kind == "folder"
            && depth > 1
            && let Ok(inner) = entry.open_dir()
        {
            walk(&inner, &path, depth - 1, result)?;
        }
    }
    Ok(())
}
