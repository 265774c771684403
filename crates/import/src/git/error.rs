//! What can go wrong while a repository is read.

use std::io;
use std::path::PathBuf;

use brainops_event::KeyError;

/// Why a repository could not be read to its end. Nothing here is cured by trying again as it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GitError {
    /// The `git` program did not start.
    #[error("the program git could not be started; it must be installed and in PATH")]
    NoGit {
        /// What the system said.
        source: io::Error,
    },
    /// The path names no folder.
    #[error("{} is not a folder", path.display())]
    UnknownPath {
        /// The path as given.
        path: PathBuf,
    },
    /// The folder lies in no repository.
    #[error("{} lies in no git repository ({said})", path.display())]
    NotARepository {
        /// The path as given.
        path: PathBuf,
        /// What git said.
        said: String,
    },
    /// The repository has no commit yet.
    #[error("the repository {} has no commit yet", path.display())]
    Empty {
        /// The path as given.
        path: PathBuf,
    },
    /// A git command ended badly.
    #[error("git {step} failed with {status}: {said}")]
    Failed {
        /// The git command.
        step: &'static str,
        /// Its exit status.
        status: String,
        /// What it said.
        said: String,
    },
    /// A pipe to or from git broke.
    #[error("talking to git {step} failed")]
    Talk {
        /// The git command.
        step: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Git printed what this version does not know how to read.
    #[error("git {step} printed {found:?} where {expected} was expected")]
    Unreadable {
        /// The git command.
        step: &'static str,
        /// What belongs there.
        expected: &'static str,
        /// What stood there, shortened.
        found: String,
    },
    /// The service or environment of the deployments is no usable name.
    #[error("{field} {value:?} is refused: {reason}")]
    Name {
        /// Which option.
        field: &'static str,
        /// What was given.
        value: String,
        /// What is accepted.
        reason: String,
    },
    /// The key store failed.
    #[error("the keys of authors are not available")]
    Keys(#[from] KeyError),
    /// An event could not be made.
    #[error("the event {what} could not be made: {reason}")]
    Event {
        /// Which event.
        what: String,
        /// Why, with the whole chain of causes.
        reason: String,
    },
}
