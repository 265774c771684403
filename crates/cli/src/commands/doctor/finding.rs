//! What was found, how bad it is, and what to do.

use serde::Serialize;

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// It is as it should be.
    Ok,
    /// It could not be looked at.
    Unknown,
    /// It works, and somebody should look at it before it does not.
    Warning,
    /// Something has stopped, is not safe, or will not work.
    Error,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The check that looked.
    pub check: &'static str,
    /// How bad it is.
    pub level: Level,
    /// What was found.
    pub found: String,
    /// What to do: a command or a setting. Nothing when all is well.
    pub advice: Option<String>,
}

impl Finding {
    /// It is as it should be.
    pub fn ok(check: &'static str, found: impl Into<String>) -> Finding {
        Finding { check, level: Level::Ok, found: found.into(), advice: None }
    }

    /// It could not be looked at.
    pub fn unknown(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Finding {
        Finding { check, level: Level::Unknown, found: found.into(), advice: Some(advice.into()) }
    }

    /// It works for now.
    pub fn warning(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Finding {
        Finding { check, level: Level::Warning, found: found.into(), advice: Some(advice.into()) }
    }

    /// It does not work, or is not safe.
    pub fn error(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Finding {
        Finding { check, level: Level::Error, found: found.into(), advice: Some(advice.into()) }
    }
}

/// What one check has found.
pub type Findings = anyhow::Result<Vec<Finding>>;
