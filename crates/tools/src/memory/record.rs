//! `memory.record`.

use std::sync::LazyLock;

use async_trait::async_trait;
use brainops_event::types::memory::Recorded;
use brainops_event::{Source, Subject};
use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::spec::{Effect, Repeat};
use crate::tool::{Act, Tool, ToolError};

/// The source of what is remembered.
const SOURCE: &str = "brainops/memory";
/// The longest text, in bytes.
const MAX_TEXT: usize = 4_000;
/// The most tags, and the longest, in bytes.
const MAX_TAGS: usize = 16;
const MAX_TAG: usize = 64;

/// Says in the log what is to be remembered.
#[derive(Debug, Clone, Copy, Default)]
pub struct RecordMemory;

/// What it is told.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordArguments {
    /// What it is about: an opaque id without white space, such as service/shop; never a person's name or address.
    about: String,
    /// What it is.
    kind: Kind,
    /// What is to be remembered, 1 to 4,000 bytes, without personal text.
    text: String,
    /// Words to find it by, 16 at most, each of a-z, 0-9 and dashes. Default: none.
    tags: Option<Vec<String>>,
    /// Id of what is remembered about the same whose place it takes, as memory.record answered. Default: it is new.
    replaces: Option<String>,
}

/// What it is that is remembered.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Kind {
    /// It is so.
    Fact,
    /// It was learnt from what went wrong or well.
    Lesson,
    /// It was decided to be so.
    Decision,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Fact => "fact",
            Self::Lesson => "lesson",
            Self::Decision => "decision",
        }
    }
}

/// What comes of it.
#[derive(Debug, Serialize)]
pub struct RecordResult {
    /// Id of the event that says it.
    id: String,
}

#[async_trait]
impl Tool for RecordMemory {
    type Arguments = RecordArguments;
    type Result = RecordResult;

    const NAME: &'static str = "memory.record";
    const SUMMARY: &'static str = "Has something remembered about a thing: a fact, a lesson, a decision. Says so in the log and changes nothing \
                                   else; what is personal must not stand in it.";
    const EFFECT: Effect = Effect::Writes;
    const REPEAT: Repeat = Repeat::Idempotent;

    async fn act(&self, asked: RecordArguments, act: &Act) -> Result<RecordResult, ToolError> {
        let RecordArguments { about, kind, text, tags, replaces } = asked;
        let tags = tags.unwrap_or_default();
        check(&text, &tags)?;
        let subject = Subject::new(&about).ok().filter(|_| !about.contains(char::is_whitespace));
        let accepted = || bad("about: accepted is an id without white space, such as service/shop");
        let subject = subject.ok_or_else(accepted)?;
        let source = Source::new(SOURCE).map_err(|_| ToolError::nothing_done("unsayable"))?;
        let (kind, told_by) = (kind.as_str().to_owned(), act.call.source.clone());
        let id = act.say(source, subject, &Recorded { about, kind, text, tags, told_by, replaces }).await?;
        Ok(RecordResult { id: id.to_string() })
    }
}

/// Refuses what cannot be kept. What was given is not told again: it may be what must not stand there.
fn check(text: &str, tags: &[String]) -> Result<(), ToolError> {
    if text.trim().is_empty() || text.len() > MAX_TEXT || text.contains('\0') {
        return Err(bad("text: accepted are 1 to 4,000 bytes, without NUL"));
    }
    let is_tag = |tag: &String| {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (1..=MAX_TAG).contains(&tag.len()) && tag.bytes().all(fits)
    };
    if tags.len() > MAX_TAGS || !tags.iter().all(is_tag) {
        return Err(bad("tags: accepted are 16 at most, each of 1 to 64 of a-z, 0-9 and dashes"));
    }
    if names_a_person(text) {
        return Err(bad(
            "text: it has what looks like an address of a person; accepted is text without anything personal",
        ));
    }
    Ok(())
}

fn bad(accepted: &str) -> ToolError {
    ToolError::nothing_done("bad_memory").with(accepted)
}

/// Whether a text has an e-mail address: of what is personal the one thing that can be told from other text. It is kept for ever,
/// so it is refused; that the rest has nothing personal is the caller's word.
fn names_a_person(text: &str) -> bool {
    static ADDRESS: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"[[:alnum:]._%+-]+@[[:alnum:]-]+(\.[[:alnum:]-]+)+").ok());
    ADDRESS.as_ref().is_none_or(|address| address.is_match(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_kept_is_refused_with_what_is_accepted() {
        let tag = |tag: &str| vec![tag.to_owned()];
        assert_eq!(check("it is busy at noon", &tag("load-2")), Ok(()));
        assert_eq!(check("see app.py@main and a@b, 3 @ 4.50", &[]), Ok(()));
        for (text, tags) in [
            ("", vec![]),
            (" ", vec![]),
            ("a\0b", vec![]),
            (&*"x".repeat(4_001), vec![]),
            ("a", tag("")),
            ("a", tag("Load")),
            ("a", vec!["a".to_owned(); 17]),
            ("ask kim.lee+shop@mail.example.com about it", vec![]),
        ] {
            let error = check(text, &tags).unwrap_err();
            assert_eq!((error.code, error.is_without_effect), ("bad_memory", true), "{text} {tags:?}");
            assert!(!error.detail.unwrap().contains("kim.lee"));
        }
    }
}
