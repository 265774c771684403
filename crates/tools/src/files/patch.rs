//! `files.apply_patch`.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::read::MAX_FILE;
use super::root::{Root, Roots, refused, relative};
use super::write::{self, WriteArguments};
use crate::spec::{Effect, Repeat};
use crate::tool::{Act, Tool, ToolError};

/// The longest patch, in bytes.
const MAX_PATCH: usize = 4 * 1024 * 1024;
/// How many files one may change.
const MAX_FILES: usize = 200;
/// What stands for a file that is not there.
const NOTHING: &str = "/dev/null";

/// Applies a patch.
#[derive(Debug, Clone)]
pub struct ApplyPatch(pub Roots);

/// What it is told.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PatchArguments {
    /// Name of the root.
    root: String,
    /// A unified diff, as `git diff` writes it, of 4 MiB and 200 files at most; a first folder a/ or b/ is left out.
    patch: String,
}

/// What comes of it.
#[derive(Debug, Serialize)]
pub struct PatchResult {
    /// The files, in the order of the patch.
    files: Vec<Patched>,
}

/// A file that was changed.
#[derive(Debug, Serialize)]
struct Patched {
    path: String,
    /// made, changed or removed.
    change: &'static str,
    /// Of what it holds now; null when it was removed.
    sha256: Option<String>,
}

#[async_trait]
impl Tool for ApplyPatch {
    type Arguments = PatchArguments;
    type Result = PatchResult;

    const NAME: &'static str = "files.apply_patch";
    const SUMMARY: &'static str = "Changes files beneath a root as a unified diff says. All of it is tried before anything is written: where one part \
                                   does not fit, nothing is changed. Makes no folders, writes through no links.";
    const EFFECT: Effect = Effect::Writes;
    // Done twice, a patch does not fit any more, or fits where it should not.
    const REPEAT: Repeat = Repeat::Once;

    async fn act(&self, arguments: PatchArguments, act: &Act) -> Result<PatchResult, ToolError> {
        let root = self.0.root(&arguments.root)?;
        let beside = format!(".brainops-{}", hex::encode(&Sha256::digest(&act.call.id)[..12]));
        act.blocking(move || apply(&root, &arguments, &beside)).await
    }
}

/// A file as it is to be.
struct Wanted {
    path: String,
    /// What it holds now; none where there is none.
    before: Option<Vec<u8>>,
    /// What it is to hold; none where it is to go.
    after: Option<String>,
}

fn apply(root: &Root, arguments: &PatchArguments, beside: &str) -> Result<PatchResult, ToolError> {
    if arguments.patch.len() > MAX_PATCH {
        return Err(
            ToolError::nothing_done("too_large").with(format!("patch: accepted are {MAX_PATCH} bytes"))
        );
    }
    let parts = parts(&arguments.patch)?;
    if !(1..=MAX_FILES).contains(&parts.len()) {
        let accepted = format!("patch: accepted are changes of 1 to {MAX_FILES} files");
        return Err(ToolError::nothing_done("bad_patch").with(accepted));
    }
    let mut all: Vec<Wanted> = Vec::with_capacity(parts.len());
    for part in &parts {
        let wanted = wanted(root, part)?;
        if all.iter().any(|other| other.path == wanted.path) {
            let twice = format!("patch: {} is there twice", wanted.path);
            return Err(ToolError::nothing_done("bad_patch").with(twice));
        }
        all.push(wanted);
    }
    let mut files = Vec::with_capacity(all.len());
    for wanted in all {
        let written = put(root, &arguments.root, &wanted, beside);
        // What comes first is written: whoever asked has to know.
        let written =
            written.map_err(|error| if files.is_empty() { error } else { half_done(error, &files) })?;
        files.push(written);
    }
    Ok(PatchResult { files })
}

fn half_done(error: ToolError, files: &[Patched]) -> ToolError {
    let written: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let detail = format!("{}; written before it: {}", error.detail.unwrap_or_default(), written.join(", "));
    ToolError::half_done(error.code).with(detail)
}

/// What a part of the patch makes of its file.
fn wanted(root: &Root, part: &str) -> Result<Wanted, ToolError> {
    let patch = diffy::Patch::from_str(part);
    let patch =
        patch.map_err(|error| ToolError::nothing_done("bad_patch").with(format!("patch: {error}")))?;
    let (old, new) = (named(patch.original())?, named(patch.modified())?);
    let path = match (&old, &new) {
        (Some(old), Some(new)) if old != new => {
            let renamed = format!("patch: {old} becomes {new}, accepted are changes without renames");
            return Err(ToolError::nothing_done("bad_patch").with(renamed));
        }
        (_, Some(path)) | (Some(path), None) => path.clone(),
        (None, None) => return Err(ToolError::nothing_done("bad_patch").with("patch: it names no file")),
    };
    let before = match root.read(relative(&path)?, MAX_FILE) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.code == "not_found" && old.is_none() => None,
        Err(error) => return Err(error.with(path)),
    };
    if old.is_none() && before.is_some() {
        return Err(ToolError::nothing_done("does_not_fit").with(format!("{path} is there already")));
    }
    let text = String::from_utf8(before.clone().unwrap_or_default());
    let text = text.map_err(|_| ToolError::nothing_done("no_text").with(path.clone()))?;
    let after = diffy::apply(&text, &patch);
    let after =
        after.map_err(|error| ToolError::nothing_done("does_not_fit").with(format!("{path}: {error}")))?;
    if new.is_none() && !after.is_empty() {
        return Err(
            ToolError::nothing_done("does_not_fit").with(format!("{path} holds more than is removed"))
        );
    }
    Ok(Wanted { path, before, after: new.map(|_| after) })
}

/// A name of a header without its first folder; none for nothing.
fn named(header: Option<&str>) -> Result<Option<String>, ToolError> {
    let Some(header) = header else { return Ok(None) };
    let name = header.split('\t').next().unwrap_or_default();
    if name == NOTHING {
        return Ok(None);
    }
    let name = name.strip_prefix("a/").or_else(|| name.strip_prefix("b/")).unwrap_or(name);
    relative(name)?;
    Ok(Some(name.to_owned()))
}

fn put(root: &Root, root_name: &str, wanted: &Wanted, beside: &str) -> Result<Patched, ToolError> {
    let digest = |bytes: &[u8]| hex::encode(Sha256::digest(bytes));
    let path = wanted.path.clone();
    let expect = wanted.before.as_deref().map_or_else(|| "absent".to_owned(), digest);
    let Some(text) = &wanted.after else {
        remove(root, &path, &expect)?;
        return Ok(Patched { path, change: "removed", sha256: None });
    };
    let change = if wanted.before.is_some() { "changed" } else { "made" };
    let arguments = WriteArguments::new(root_name.to_owned(), path.clone(), text.clone(), Some(expect));
    let written = write::write(root, &arguments, beside)?;
    Ok(Patched { path, change, sha256: Some(written.sha256) })
}

fn remove(root: &Root, path: &str, expect: &str) -> Result<(), ToolError> {
    let path = relative(path)?;
    let found = root.read(path, MAX_FILE)?;
    if hex::encode(Sha256::digest(found)) != expect {
        return Err(ToolError::nothing_done("changed_meanwhile").with("the file holds something else by now"));
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let folder =
        root.folder().open_dir(parent.unwrap_or_else(|| Path::new("."))).map_err(|error| refused(&error))?;
    let name = path.file_name().map(PathBuf::from).unwrap_or_default();
    folder.remove_file(name).map_err(|error| refused(&error))
}

/// The parts of a patch, one a file. What stands between them, such as messages and modes, is left out; lines of a hunk are counted,
/// since they may look like the beginning of a file.
fn parts(patch: &str) -> Result<Vec<String>, ToolError> {
    let lines: Vec<&str> = patch.split_inclusive('\n').collect();
    let (mut parts, mut place): (Vec<String>, usize) = (Vec::new(), 0);
    while let Some(line) = lines.get(place) {
        let is_head =
            line.starts_with("--- ") && lines.get(place + 1).is_some_and(|next| next.starts_with("+++ "));
        if line.starts_with("GIT binary patch") || line.starts_with("rename from ") {
            let accepted = "patch: accepted are changes of text, without renames";
            return Err(ToolError::nothing_done("bad_patch").with(accepted));
        }
        if !is_head {
            place += 1;
            continue;
        }
        let begins = place;
        place += 2;
        while let Some((old, new)) = lines.get(place).and_then(|line| hunk(line)) {
            place += 1;
            let (mut old, mut new) = (old, new);
            while old > 0 || new > 0 || lines.get(place).is_some_and(|line| line.starts_with('\\')) {
                let Some(line) = lines.get(place) else {
                    return Err(ToolError::nothing_done("bad_patch").with("patch: its last hunk is cut off"));
                };
                match line.bytes().next() {
                    Some(b'-') => old = old.saturating_sub(1),
                    Some(b'+') => new = new.saturating_sub(1),
                    Some(b'\\') => {}
                    _ => (old, new) = (old.saturating_sub(1), new.saturating_sub(1)),
                }
                place += 1;
            }
        }
        parts.push(lines[begins..place].concat());
    }
    Ok(parts)
}

/// How many lines of the old and of the new file a hunk has, by its head `@@ -a,b +c,d @@`.
fn hunk(line: &str) -> Option<(usize, usize)> {
    let mut words = line.strip_prefix("@@ -")?.split(' ');
    let count = |range: &str| range.split_once(',').map_or(Some(1), |(_, count)| count.parse().ok());
    let old = count(words.next()?)?;
    let new = count(words.next()?.strip_prefix('+')?)?;
    Some((old, new))
}
