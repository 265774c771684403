//! The folder and the file that the keys live in: made for their owner alone, and refused when others may look.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use brainops_event::KeyError;

const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// Makes the folder if it is missing, with mode 0700, and refuses one that has another mode.
pub(crate) fn prepare(folder: &Path) -> Result<(), KeyError> {
    let made = DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder);
    made.map_err(|error| unavailable(folder, error))?;
    let metadata = folder.metadata().map_err(|error| unavailable(folder, error))?;
    require_mode(folder, metadata.permissions().mode(), FOLDER_MODE)
}

/// Opens the file, made empty with mode 0600 if it is missing, and refuses one that has another mode. Its name is
/// durable in its folder before this returns.
pub(crate) fn open(folder: &Path, path: &Path) -> Result<File, KeyError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(FILE_MODE);
    let file = options.open(path).map_err(|error| unavailable(path, error))?;
    let metadata = file.metadata().map_err(|error| unavailable(path, error))?;
    if !metadata.is_file() {
        return Err(unavailable(path, "it is not a file"));
    }
    require_mode(path, metadata.permissions().mode(), FILE_MODE)?;
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|error| unavailable(folder, error))?;
    Ok(file)
}

/// Refuses when the file at `path` is no longer the one that is open: what would be written there is lost.
pub(crate) fn require_same(path: &Path, file: &File) -> Result<(), KeyError> {
    let identity = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
    let here = path.metadata().map(identity).map_err(|error| unavailable(path, error))?;
    let open = file.metadata().map(identity).map_err(|error| unavailable(path, error))?;
    if here == open {
        return Ok(());
    }
    Err(unavailable(path, "it was replaced while it was open; start again to read the new one"))
}

/// The error of something that may work at another time.
pub(crate) fn unavailable(
    place: &Path,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> KeyError {
    KeyError::Unavailable { place: place.display().to_string(), source: source.into() }
}

/// The error of a lock that others hold for too long.
pub(crate) fn locked(place: &Path) -> KeyError {
    unavailable(place, io::Error::new(io::ErrorKind::TimedOut, "another process keeps it locked"))
}

fn require_mode(place: &Path, mode: u32, wanted: u32) -> Result<(), KeyError> {
    let found = mode & 0o777;
    if found == wanted {
        return Ok(());
    }
    Err(KeyError::Permissions { place: place.display().to_string(), found, wanted })
}
