//! What is wrong with an event that came as JSON: which field, what is accepted there, what was found.

use std::fmt;

use serde::Serialize;

use crate::keystore::KeyError;
use crate::text::AttributeError;

/// The most faults that one answer lists.
const MAX_FAULTS: usize = 50;

/// Longest part of a path that is repeated; names of unknown members are the sender's choice.
const MAX_NAME_CHARACTERS: usize = 64;

/// One fault. It never repeats a value, only what kind of value it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{field}: expected {expected}, found {found}")]
pub struct FieldError {
    /// Where: `subject`, `data.company`, `[3].data.paths[0]` (of the fourth event in a batch), `body`.
    pub field: String,
    /// What is accepted there.
    pub expected: String,
    /// What kind of thing was there.
    pub found: String,
}

impl FieldError {
    pub(crate) fn new(
        field: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self { field: field.into(), expected: expected.into(), found: found.into() }
    }

    /// An attribute that breaks its rule, named as the sender named it.
    pub(crate) fn attribute(field: impl Into<String>, error: &AttributeError) -> Self {
        Self::new(field, error.accepted, format!("a value that {}", error.flaw))
    }
}

/// All faults of a body, at least one and at most 50.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct FieldErrors(Vec<FieldError>);

impl FieldErrors {
    /// The faults, in the order of the fields.
    #[must_use]
    pub fn as_slice(&self) -> &[FieldError] {
        &self.0
    }

    /// The faults, given away.
    #[must_use]
    pub fn into_vec(self) -> Vec<FieldError> {
        self.0
    }
}

impl From<FieldError> for FieldErrors {
    fn from(fault: FieldError) -> Self {
        Self(vec![fault])
    }
}

impl fmt::Display for FieldErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, fault) in self.0.iter().enumerate() {
            let separator = if place == 0 { "" } else { "; " };
            write!(formatter, "{separator}{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for FieldErrors {}

/// Why an event that was read well is not appended.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The sender must send something else.
    #[error("the event does not fit its schema: {0}")]
    Fields(FieldErrors),
    /// It could not be sealed; the error says whether trying again can help.
    #[error("personal text could not be sealed")]
    Keys(#[from] KeyError),
}

impl From<FieldErrors> for Refusal {
    fn from(faults: FieldErrors) -> Self {
        Self::Fields(faults)
    }
}

/// Faults found so far.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<FieldError>);

impl Faults {
    pub(crate) fn push(&mut self, fault: FieldError) {
        if self.0.len() < MAX_FAULTS {
            self.0.push(fault);
        }
    }

    /// Takes the value, or notes its fault.
    pub(crate) fn take<T>(&mut self, result: Result<T, FieldError>) -> Option<T> {
        result.map_err(|fault| self.push(fault)).ok()
    }

    pub(crate) fn extend(&mut self, faults: FieldErrors) {
        faults.0.into_iter().for_each(|fault| self.push(fault));
    }

    /// The faults of one event of a batch, seen from outside the batch.
    pub(crate) fn extend_within(&mut self, faults: FieldErrors, place: usize) {
        for fault in faults.0 {
            self.push(FieldError { field: format!("[{place}].{}", fault.field), ..fault });
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.0.len() >= MAX_FAULTS
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn truncate(&mut self, length: usize) {
        self.0.truncate(length);
    }

    /// For one who noted a fault and has no value.
    pub(crate) fn refuse<T>(self) -> Result<T, FieldErrors> {
        Err(FieldErrors(self.0))
    }

    /// The value, when there were no faults.
    pub(crate) fn settle<T>(self, value: T) -> Result<T, FieldErrors> {
        if self.0.is_empty() { Ok(value) } else { Err(FieldErrors(self.0)) }
    }
}

/// A name that the sender chose, cut short and without control characters.
pub(crate) fn shown(name: &str) -> String {
    let mut shown: String = name.chars().take(MAX_NAME_CHARACTERS).flat_map(char::escape_debug).collect();
    if name.chars().nth(MAX_NAME_CHARACTERS).is_some() {
        shown.push_str("...");
    }
    shown
}
