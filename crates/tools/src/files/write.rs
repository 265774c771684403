//! `files.write`.

use std::io::Write as _;
use std::path::Path;

use async_trait::async_trait;
use cap_std::fs::{Dir, MetadataExt as _, OpenOptions, Permissions};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::read::MAX_FILE;
use super::root::{Root, Roots, refused, relative};
use crate::spec::{Effect, Repeat};
use crate::tool::{Act, Tool, ToolError};

/// Writes a file.
#[derive(Debug, Clone)]
pub struct WriteFile(pub Roots);

/// What it is told.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WriteArguments {
    /// Name of the root.
    root: String,
    /// Path beneath it. Its folder must be there.
    path: String,
    /// What the file holds afterwards, 16 MiB at most.
    text: String,
    /// What the file must hold before: its SHA-256 as files.read told it, or `absent`. Default: anything or nothing.
    expect: Option<String>,
}

impl WriteArguments {
    pub(super) const fn new(root: String, path: String, text: String, expect: Option<String>) -> Self {
        Self { root, path, text, expect }
    }
}

/// What comes of it.
#[derive(Debug, Serialize)]
pub struct WriteResult {
    pub(super) sha256: String,
    bytes: usize,
}

#[async_trait]
impl Tool for WriteFile {
    type Arguments = WriteArguments;
    type Result = WriteResult;

    const NAME: &'static str = "files.write";
    const SUMMARY: &'static str = "Writes a file beneath a root whole, or makes it; with expect, only if it holds what the caller \
                                   has read. Makes no folders, writes through no links.";
    const EFFECT: Effect = Effect::Writes;
    const REPEAT: Repeat = Repeat::Idempotent;

    async fn act(&self, arguments: WriteArguments, act: &Act) -> Result<WriteResult, ToolError> {
        let root = self.0.root(&arguments.root)?;
        // The same in every attempt: what one has left behind the next one writes over.
        let beside = format!(".brainops-{}", hex::encode(&Sha256::digest(&act.call.id)[..12]));
        act.blocking(move || write(&root, &arguments, &beside)).await
    }
}

pub(super) fn write(root: &Root, arguments: &WriteArguments, beside: &str) -> Result<WriteResult, ToolError> {
    let path = relative(&arguments.path)?;
    let Some(name) = path.file_name() else {
        return Err(ToolError::nothing_done("bad_path").with("path: accepted is that of a file"));
    };
    if arguments.text.len() as u64 > MAX_FILE {
        return Err(ToolError::nothing_done("too_large").with(format!("text: accepted are {MAX_FILE} bytes")));
    }
    let sha256 = hex::encode(Sha256::digest(&arguments.text));
    let result = WriteResult { sha256, bytes: arguments.text.len() };
    if is_there(root, path, arguments.expect.as_deref(), &result.sha256)? {
        return Ok(result);
    }
    let parent =
        path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let folder = root.folder().open_dir(parent).map_err(|error| refused(&error))?;
    let written = replace(&folder, Path::new(name), Path::new(beside), arguments.text.as_bytes());
    if written.is_err() {
        // What is left would only lie about; that it cannot be taken away changes nothing.
        let _ = folder.remove_file(beside);
    }
    written.map(|()| result)
}

/// Whether the file holds that text already. Refuses where it holds something else than is expected.
fn is_there(root: &Root, path: &Path, expect: Option<&str>, wanted: &str) -> Result<bool, ToolError> {
    let found = match root.read(path, MAX_FILE) {
        Ok(bytes) => Some(hex::encode(Sha256::digest(bytes))),
        Err(error) if error.code == "not_found" => None,
        // What is no plain file is replaced by nobody.
        Err(error) => return Err(error),
    };
    let changed = |detail: &str| Err(ToolError::nothing_done("changed_meanwhile").with(detail));
    match (expect, &found) {
        (_, Some(found)) if found == wanted => Ok(true), // also what an earlier attempt has written
        (None, _) | (Some("absent"), None) => Ok(false),
        (Some("absent"), Some(_)) => changed("expect is absent, the file is there"),
        (Some(_), None) => changed("expect is a digest, the file is not there"),
        (Some(expected), Some(found)) if expected == found => Ok(false),
        (Some(_), Some(_)) => changed("the file holds something else than expect says"),
    }
}

fn replace(folder: &Dir, name: &Path, beside: &Path, bytes: &[u8]) -> Result<(), ToolError> {
    let mode =
        folder.symlink_metadata(name).ok().filter(cap_std::fs::Metadata::is_file).map(|found| found.mode());
    // Never through what somebody else has put there.
    match folder.remove_file(beside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(refused(&error)),
        _ => {}
    }
    let options = OpenOptions::new().write(true).create_new(true).clone();
    let mut file = folder.open_with(beside, &options).map_err(|error| refused(&error))?;
    if let Some(mode) = mode {
        let permissions = Permissions::from_std(std::os::unix::fs::PermissionsExt::from_mode(mode & 0o777));
        file.set_permissions(permissions).map_err(|error| refused(&error))?;
    }
    file.write_all(bytes).map_err(|error| refused(&error))?;
    file.sync_all().map_err(|error| refused(&error))?;
    folder.rename(beside, folder, name).map_err(|error| refused(&error))
}
