//! Where the next page begins, as a text that callers hand back unread. It says which question it belongs to, filters
//! included, so that it cannot be used for another one. It is not secret: it only names a row that was shown.
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::problem::{FieldProblem, Problem};

/// A question that pages belong to: its name and its filters.
#[derive(Clone, Debug)]
pub struct Question(String);

impl Question {
    pub fn new(name: &str, filters: &[Option<&str>]) -> Self {
        let mut digest = Sha256::new();
        for part in std::iter::once(Some(name)).chain(filters.iter().copied()) {
            // Behind its length, and with a mark for "not there", so that no two lists are the same bytes.
            digest.update(part.map_or(u64::MAX, |part| part.len() as u64).to_be_bytes());
            digest.update(part.unwrap_or_default());
        }
        Self(hex::encode(&digest.finalize()[..8]))
    }

    /// The cursor after the row with these keys.
    pub fn after(&self, keys: &[&str]) -> String {
        let parts: Vec<&str> = std::iter::once(self.0.as_str()).chain(keys.iter().copied()).collect();
        URL_SAFE_NO_PAD.encode(serde_json::Value::from(parts).to_string())
    }

    /// The keys in a cursor of this question.
    ///
    /// # Errors
    /// When it is no cursor of ours, of another question, or its keys are not `KEYS` texts.
    pub fn keys<const KEYS: usize>(&self, cursor: &str) -> Result<[String; KEYS], Problem> {
        let refused = || refuse("a cursor of another question, or none");
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| refused())?;
        let mut parts: Vec<String> = serde_json::from_slice(&bytes).map_err(|_| refused())?;
        if parts.first() != Some(&self.0) || parts.iter().any(|part| part.contains('\0')) {
            return Err(refused());
        }
        parts.remove(0);
        parts.try_into().map_err(|_| refused())
    }
}

/// The answer to a cursor that cannot be used.
pub fn refuse(found: &str) -> Problem {
    Problem::parameter(FieldProblem::new(
        "cursor",
        "next_cursor of the page before, with the same filters",
        found,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_to_its_own_question_only() {
        let question = Question::new("deployments", &[Some("shop"), None]);
        let cursor = question.after(&["2026-01-31T00:00:00.000Z", "shop"]);
        assert_eq!(question.keys::<2>(&cursor).unwrap(), ["2026-01-31T00:00:00.000Z", "shop"]);
        assert!(question.keys::<3>(&cursor).is_err());
        for other in [
            Question::new("deployments", &[Some("shop"), Some("")]),
            Question::new("deployments", &[None, Some("shop")]),
            Question::new("leads", &[Some("shop"), None]),
        ] {
            assert!(other.keys::<2>(&cursor).is_err());
        }
    }

    #[test]
    fn forged_cursors_are_refused() {
        let question = Question::new("leads", &[]);
        let nul = question.after(&["a\0b"]);
        for cursor in ["", "x", "!!!", "bnVsbA", "W10", "WzFd", &nul, &"A".repeat(2_000)] {
            assert!(question.keys::<1>(cursor).is_err(), "{cursor}");
        }
    }
}
