//! What a tool says about itself: what it does to the world, whether it may be done twice, what it has to be told.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

/// What a call changes in the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Effect {
    /// Nothing.
    Reads,
    /// Something that can be put right again, or that concerns one alone, such as a letter.
    Writes,
    /// Something that many depend on and that may not be put right again: a person has to approve it.
    Critical,
}

impl Effect {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Reads, Self::Writes, Self::Critical];

    /// Its name, which is that of a group of actions in the policy.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reads => "reads",
            Self::Writes => "writes",
            Self::Critical => "critical",
        }
    }
}

/// Whether a call may be done again when nobody knows what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Done twice is done once: it is tried again.
    Idempotent,
    /// It is never tried again: after a crash it is unknown what became of it.
    Once,
}

impl Repeat {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idempotent => "idempotent",
            Self::Once => "once",
        }
    }
}

/// A tool as callers and policies see it.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Its name, `<family>.<verb>`, such as `files.read`.
    pub name: &'static str,
    /// What a call changes in the world and what it does not, in a sentence or two, for people and models.
    pub summary: &'static str,
    /// What it changes.
    pub effect: Effect,
    /// Whether it may be done again.
    pub repeat: Repeat,
    /// JSON Schema of its arguments, an object.
    pub arguments: Schema,
}

impl Spec {
    /// The family, such as `files`, which is a group of actions in the policy.
    #[must_use]
    pub fn family(&self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(family, _)| family)
    }

    /// Whether it has a name that a tool can have: two words of a-z, 0-9 and underscores with a dot between, 64 bytes at most.
    pub(crate) fn is_named_well(&self) -> bool {
        let is_word = |word: &str| {
            !word.is_empty()
                && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        };
        self.name.len() <= 64
            && self.name.split_once('.').is_some_and(|(family, verb)| is_word(family) && is_word(verb))
    }
}

/// The schema of arguments of a type, in one piece.
#[must_use]
pub fn arguments_of<T: JsonSchema>() -> Schema {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    settings.into_generator().into_root_schema_for::<T>()
}
