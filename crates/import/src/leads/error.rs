//! What can be wrong with a lead list. A list is imported whole or not at all, so every bad line is told at once.

use std::fmt;
use std::io;
use std::path::PathBuf;

use brainops_event::KeyError;

/// Why a lead list was not imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LeadsError {
    /// The file could not be read.
    #[error("the lead list {} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is larger than what is held in memory.
    #[error("the lead list {} has {bytes} bytes; at most {limit} are accepted, split it", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The largest size that is accepted.
        limit: u64,
    },
    /// The first line does not name the columns as they must be named.
    #[error("the header of the lead list is refused: {reason}; accepted columns: {accepted}")]
    Header {
        /// What is wrong with it.
        reason: String,
        /// Every column there is, the required ones marked.
        accepted: String,
    },
    /// At least one line is wrong.
    #[error("nothing was imported, {} wrong in the lead list:{}", count(.0.len()), listed(.0))]
    BadLines(Vec<BadLine>),
    /// The list's name is no usable name.
    #[error("the list name {value:?} has none of the characters a-z, 0-9, '.', '_', '-'; give another one")]
    Name {
        /// The name as given, or the file's.
        value: String,
    },
    /// The key store failed.
    #[error("the keys of leads are not available")]
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

/// One thing that is wrong in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// Line of the file where the record begins, from 1.
    pub line: u64,
    /// The column, where one is to blame.
    pub column: Option<&'static str>,
    /// What is wrong and what is accepted; never a name or an address.
    pub problem: String,
}

impl fmt::Display for BadLine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.column {
            Some(column) => write!(formatter, "line {}, {column}: {}", self.line, self.problem),
            None => write!(formatter, "line {}: {}", self.line, self.problem),
        }
    }
}

fn count(lines: usize) -> String {
    match lines {
        1 => "1 thing is".to_owned(),
        many => format!("{many} things are"),
    }
}

fn listed(lines: &[BadLine]) -> String {
    lines.iter().map(|line| format!("\n  {line}")).collect()
}
