//! Why no agent is made. Trying again alone does not help.

use std::io;
use std::path::PathBuf;

/// Why no agent is made.
#[derive(Debug, thiserror::Error)]
pub enum ScaffoldError {
    /// There is nowhere to put it.
    #[error("there is no checkout of BrainOps at or above {}; name one with --checkout", folder.display())]
    NoCheckout {
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// Somebody has that name.
    #[error("the name {name} is taken: {by}")]
    Taken {
        /// The name.
        name: String,
        /// By what.
        by: String,
    },
    /// A file of the checkout is not as expected.
    #[error("{} has no place for the line that registers the agent: {wanted}", path.display())]
    NoPlace {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        wanted: String,
    },
    /// A file cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something cannot be written; all that was written before is taken back.
    #[error("{} cannot be written; nothing has changed", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something could not be written, and then something could not be taken back.
    #[error("{} cannot be written, and {} could not be put back as it was", path.display(), left.display())]
    Half {
        /// The file or folder that could not be written.
        path: PathBuf,
        /// What must be put back by hand.
        left: PathBuf,
        /// What the system said when it was to be put back.
        source: io::Error,
    },
}
