//! What a registry may answer that is no answer.
use thiserror::Error;

use crate::read_error::ReadError;

/// Why the registry did not give what was asked for. [`RegistryError::is_transient`] tells which may pass.
#[derive(Debug, Error)]
pub enum RegistryError {
    /// It could not be asked. May pass.
    #[error("the schema registry at {url} cannot be asked")]
    Unreachable {
        /// Its address, without login.
        url: String,
        /// Why.
        source: reqwest::Error,
    },
    /// It is in trouble or too busy. May pass.
    #[error("the schema registry at {url} answered {status}: {message}")]
    Trouble {
        /// Its address, without login.
        url: String,
        /// The HTTP status.
        status: u16,
        /// What it says, shortened.
        message: String,
    },
    /// Something answered that is no registry. May pass, when something else stands in its place for a while.
    #[error("what answers at {url} is no schema registry: {reason} (status {})", status.unwrap_or_default())]
    Gibberish {
        /// Its address, without login.
        url: String,
        /// The HTTP status, if it came so far.
        status: Option<u16>,
        /// What is wrong with the answer.
        reason: String,
    },
    /// It refused the question. Does not pass.
    #[error("the schema registry at {url} refused with {status}: {message}")]
    Refused {
        /// Its address, without login.
        url: String,
        /// The HTTP status.
        status: u16,
        /// What it says, shortened.
        message: String,
    },
    /// It has no such schema. Does not pass, unless somebody registers it.
    #[error("the schema registry has no schema {reference}")]
    UnknownSchema {
        /// The id or GUID.
        reference: String,
    },
    /// The schema is not one that we can read. Does not pass.
    #[error("the schema {reference} cannot be used: {reason}")]
    UnusableSchema {
        /// The id or GUID.
        reference: String,
        /// Why.
        reason: String,
    },
    /// One of our own schemas is not registered. Does not pass by itself: `brainops init` registers it.
    #[error("the schema {subject} is not registered")]
    NotRegistered {
        /// Full name of its record.
        subject: String,
    },
    /// The registry did not keep the level of compatibility that was set. Does not pass.
    #[error("the schema registry did not keep the level {level} of {subject}")]
    LevelNotKept {
        /// Full name of its record.
        subject: String,
        /// The level that was set.
        level: &'static str,
    },
    /// The topic `schema` cannot be read. May pass.
    #[error("the schemas that the log tells of cannot be read")]
    Log {
        /// Why.
        #[source]
        source: Box<ReadError>,
    },
    /// The topic `schema` was not read up to its end in time. May pass.
    #[error("the schemas that the log tells of were not read within {limit_s} s")]
    SlowLog {
        /// How long it was waited, in seconds.
        limit_s: u64,
    },
    /// Schemas are taken from the log, and this needs the registry. Does not pass.
    #[error("schemas are taken from the log; they can {task} only where the registry is asked")]
    FromLog {
        /// What was wanted.
        task: &'static str,
    },
    /// The schema may not take its place beside the registered ones. Does not pass.
    #[error("the schema {subject} is not {level} with its registered versions: {reason}")]
    Incompatible {
        /// Full name of its record.
        subject: String,
        /// The level of compatibility that is asked for.
        level: &'static str,
        /// What the registry says is incompatible.
        reason: String,
    },
}

impl RegistryError {
    /// Whether the same question may get an answer later.
    pub fn is_transient(&self) -> bool {
        match self {
            RegistryError::Unreachable { .. }
            | RegistryError::Trouble { .. }
            | RegistryError::Gibberish { .. }
            | RegistryError::Log { .. }
            | RegistryError::SlowLog { .. } => true,
            RegistryError::Refused { .. }
            | RegistryError::UnknownSchema { .. }
            | RegistryError::UnusableSchema { .. }
            | RegistryError::NotRegistered { .. }
            | RegistryError::LevelNotKept { .. }
            | RegistryError::FromLog { .. }
            | RegistryError::Incompatible { .. } => false,
        }
    }
}
