//! What a command tells its caller by its exit code.

use std::process::ExitCode;

use crate::overview::{Model, ModelState};

/// How a command ended. Code 2 is clap's, for arguments that it refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Code 0.
    Done,
    /// Code 1; why stands on standard error.
    Failed,
    /// Code 3: the answer is there, and it says that something has stopped.
    Stopped,
    /// Code 3: the answer is there, and it says that what was compared differs.
    Differs,
    /// Code 4: what was asked for is unknown.
    Unknown,
}

impl Exit {
    /// Code 3 when a read model has stopped by a fault.
    pub fn of<'a>(models: impl IntoIterator<Item = &'a Model>) -> Exit {
        let has_stopped = models.into_iter().any(|model| model.state == ModelState::Stopped);
        if has_stopped { Exit::Stopped } else { Exit::Done }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Stopped | Exit::Differs => 3,
            Exit::Unknown => 4,
        })
    }
}
