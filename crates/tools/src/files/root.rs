//! Named roots, and how a path beneath one is opened.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, MetadataExt as _, OpenOptions, OpenOptionsExt as _};
use rustix::fs::OFlags;
use rustix::io::Errno;
use thiserror::Error;

use crate::tool::ToolError;

/// The longest path, in bytes.
const MAX_PATH_BYTES: usize = 4_096;

/// The roots that tools may work beneath, by name. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Roots(Arc<BTreeMap<String, Root>>);

/// One root.
#[derive(Debug, Clone)]
pub struct Root {
    folder: Arc<Dir>,
}

/// A root cannot be used.
#[derive(Debug, Error)]
#[error("the root {name} cannot be opened")]
pub struct RootError {
    name: String,
    source: io::Error,
}

impl Roots {
    /// Opens folders.
    ///
    /// # Errors
    /// One of them is none.
    pub fn open(folders: &BTreeMap<String, PathBuf>) -> Result<Self, RootError> {
        let open = |(name, path): (&String, &PathBuf)| {
            let folder = Dir::open_ambient_dir(path, ambient_authority());
            let folder = folder.map_err(|source| RootError { name: name.clone(), source })?;
            Ok((name.clone(), Root { folder: Arc::new(folder) }))
        };
        Ok(Self(Arc::new(folders.iter().map(open).collect::<Result<_, _>>()?)))
    }

    pub(super) fn root(&self, name: &str) -> Result<Root, ToolError> {
        self.0.get(name).cloned().ok_or_else(|| {
            let known: Vec<&str> = self.0.keys().map(String::as_str).collect();
            let accepted =
                if known.is_empty() { "none: no root is configured".to_owned() } else { known.join(", ") };
            ToolError::nothing_done("unknown_root").with(format!("root: accepted is {accepted}"))
        })
    }
}

/// A path as tools take it: relative, without `..`, of plain text.
pub(super) fn relative(path: &str) -> Result<&Path, ToolError> {
    let bad = |accepted: &str| {
        Err(ToolError::nothing_done("bad_path").with(format!("path: accepted is {accepted}")))
    };
    if path.len() > MAX_PATH_BYTES || path.contains('\0') {
        return bad("a path of 4096 bytes at most, without NUL");
    }
    let path = Path::new(path);
    let is_plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    if path.components().all(is_plain) { Ok(path) } else { bad("a path beneath the root, without ..") }
}

impl Root {
    pub(super) fn folder(&self) -> &Dir {
        &self.folder
    }

    /// Opens a regular file to read it.
    pub(super) fn open(&self, path: &Path) -> Result<File, ToolError> {
        let mut options = OpenOptions::new();
        // A FIFO would wait for its writer otherwise.
        options.read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed());
        let file = self.folder.open_with(path, &options).map_err(|error| refused(&error))?;
        let found = file.metadata().map_err(|error| refused(&error))?;
        if !found.is_file() {
            return Err(ToolError::nothing_done("no_regular_file"));
        }
        if found.nlink() > 1 {
            return Err(ToolError::nothing_done("file_with_several_names"));
        }
        Ok(file)
    }

    /// Reads a file whole, if it has so many bytes at most.
    pub(super) fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, ToolError> {
        let file = self.open(path)?;
        let mut bytes = Vec::new();
        file.take(limit + 1).read_to_end(&mut bytes).map_err(|error| refused(&error))?;
        if bytes.len() as u64 > limit {
            return Err(ToolError::nothing_done("too_large").with(format!("accepted are {limit} bytes")));
        }
        Ok(bytes)
    }
}

/// What the file system says, as a word. Paths are not repeated: the caller knows them.
pub(super) fn refused(error: &io::Error) -> ToolError {
    let code = match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::XDEV) => "outside_of_root",
        Some(Errno::LOOP) => "too_many_links",
        Some(Errno::NAMETOOLONG) => "bad_path",
        Some(Errno::NXIO | Errno::NODEV) => "no_regular_file",
        _ => match error.kind() {
            io::ErrorKind::NotFound => "not_found",
            io::ErrorKind::NotADirectory => "no_folder",
            io::ErrorKind::IsADirectory => "is_a_folder",
            io::ErrorKind::StorageFull => "disk_full",
            io::ErrorKind::ReadOnlyFilesystem => "read_only",
            // cap-std has no errno of its own for a path that leads out.
            io::ErrorKind::PermissionDenied if error.raw_os_error().is_none() => "outside_of_root",
            io::ErrorKind::PermissionDenied => "not_allowed",
            _ => "io_error",
        },
    };
    ToolError::nothing_done(code)
}
