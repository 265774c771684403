//! Files beneath named roots: `files.read`, `files.list`, `files.search`, `files.write`.
//!
//! **Beneath the root, whatever others do.** Paths are resolved by the kernel with `openat2` and `RESOLVE_BENEATH` (through
//! `cap-std`), so a link that is swapped in between is refused, not followed. What is opened is looked at afterwards: a FIFO, a
//! device or a file with several names (a hard link may lead out of the root) is refused. A file is written beside its place and
//! renamed into it, so that nobody sees half of it, and nothing is written through a link.

mod list;
mod patch;
mod read;
mod root;
mod search;
mod write;

pub use list::ListFiles;
pub use patch::ApplyPatch;
pub use read::ReadFile;
pub use root::{RootError, Roots};
pub use search::SearchFiles;
pub use write::WriteFile;
