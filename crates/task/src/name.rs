//! Names: of tasks, of their kinds, of who works, and of a claim.

use std::fmt;

use crate::error::FieldError;

/// The name of a task: the identity of its event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskName {
    /// Source of the event.
    pub source: String,
    /// Id of the event.
    pub id: String,
}

impl fmt::Display for TaskName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.source, self.id)
    }
}

/// What kind of task: its type without `agent.task.`. Tasks of one kind are one queue.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(String);

impl Kind {
    /// Takes 1 to 200 letters, digits, dots, dashes or underscores.
    ///
    /// # Errors
    /// The text is something else.
    pub fn new(text: impl Into<String>) -> Result<Self, FieldError> {
        let text = text.into();
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if (1..=200).contains(&text.len()) && text.bytes().all(fits) {
            return Ok(Self(text));
        }
        Err(FieldError { field: "kind", expected: "1 to 200 letters, digits, dots, dashes or underscores" })
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Who works: an opaque id of a program or a person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Worker(String);

impl Worker {
    /// Takes 1 to 100 letters, digits or `._-/:`, and so no address.
    ///
    /// # Errors
    /// The text is something else.
    pub fn new(text: impl Into<String>) -> Result<Self, FieldError> {
        let text = text.into();
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:".contains(&byte);
        if (1..=100).contains(&text.len()) && text.bytes().all(fits) {
            return Ok(Self(text));
        }
        Err(FieldError { field: "worker", expected: "1 to 100 letters, digits or ._-/:" })
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A claim on a task. Only that of the task's highest epoch counts, while its lease lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The task.
    pub task: TaskName,
    /// Which claim on it: a number that rises with each, also when the table was made again from the log.
    pub epoch: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        for good in ["follow_up", "review.code-2"] {
            assert_eq!(Kind::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "a b", "ä", "a/b"] {
            assert_eq!(Kind::new(bad).unwrap_err().field, "kind");
        }
        assert!(Worker::new("reviewers/7:a").is_ok());
        for bad in ["", "kim@example.org", "a b"] {
            assert_eq!(Worker::new(bad).unwrap_err().field, "worker");
        }
        assert!(Worker::new("x".repeat(101)).is_err());
    }
}
