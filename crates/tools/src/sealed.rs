//! A personal text as an argument: arguments stand in events, so it comes sealed, and plain text is refused before it is
//! looked at.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr as _;

use brainops_event::types::privacy::Sealed;
use brainops_event::{DataKey, KeyError, KeyId, KeyStore, error_chain};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::tool::ToolError;

/// The form of the token: a key id, a nonce of 12 bytes, and a ciphertext that is its tag of 16 bytes at least.
const PATTERN: &str = r"^sealed\.v1\.k-[0-9a-f]{32}\.[A-Za-z0-9_-]{16}\.[A-Za-z0-9_-]{22,}$";

/// A personal text that was sealed under the key of the person it is about, as `POST /seal` and `brainops seal` give it.
#[derive(Clone)]
pub struct SealedText(Sealed);

impl SealedText {
    /// Which key sealed it: two texts under one key are about one person.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.0.key_id
    }

    /// The key that opens it. May wait for a disk.
    ///
    /// # Errors
    /// `erased` when the key was destroyed, `unknown_key` when this installation has none, `no_keys` when the key store
    /// cannot be read.
    pub(crate) fn key(&self, keys: &dyn KeyStore) -> Result<DataKey, ToolError> {
        let id = KeyId::from_str(self.key_id()).map_err(|_| ToolError::nothing_done("unknown_key"))?;
        keys.key(&id).map_err(|error| match error {
            KeyError::Destroyed(_) => ToolError::nothing_done("erased"),
            KeyError::Unknown(_) => ToolError::nothing_done("unknown_key").with(id.to_string()),
            // Where keys are kept is for the operator to read, and not for the log of events.
            other => {
                tracing::error!(error = %error_chain(&other), "a sealed text cannot be opened");
                ToolError::nothing_done("no_keys")
            }
        })
    }

    /// The text, of the argument `field`, sealed as `kind`. Whoever has it drops it as soon as it can.
    ///
    /// # Errors
    /// `not_authentic` when it was sealed as another kind or was changed.
    pub(crate) fn open(
        &self,
        key: &DataKey,
        kind: &str,
        field: &str,
    ) -> Result<Zeroizing<String>, ToolError> {
        self.0.open(key, kind).map(Zeroizing::new).map_err(|_| {
            let accepted = format!("{field}: accepted is a text that was sealed as {kind}");
            ToolError::nothing_done("not_authentic").with(accepted)
        })
    }
}

impl fmt::Debug for SealedText {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SealedText({})", self.key_id())
    }
}

impl<'de> Deserialize<'de> for SealedText {
    /// What is refused is not repeated: it may be the text that somebody forgot to seal.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let refused = || {
            D::Error::custom(
                "accepted is a sealed text, sealed.v1.<key id>.<nonce>.<ciphertext>, as `brainops seal` and POST /seal give it",
            )
        };
        match Value::deserialize(deserializer) {
            Ok(Value::String(token)) => Sealed::from_token(&token).map(Self).map_err(|_| refused()),
            _ => Err(refused()),
        }
    }
}

impl JsonSchema for SealedText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "SealedText".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": PATTERN })
    }
}

#[cfg(test)]
mod tests {
    use regex::Regex;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_pattern_fits_is_what_is_taken() {
        let id = format!("k-{}", "0f".repeat(16));
        let token = Sealed::from_parts(&id, vec![0; 12], vec![0; 16]).unwrap().to_token();
        let pattern = Regex::new(PATTERN).unwrap();
        assert!(pattern.is_match(&token));
        let taken: SealedText = serde_json::from_value(json!(token)).unwrap();
        assert_eq!(format!("{taken:?}"), format!("SealedText({id})"));
        for plain in [json!("kim@example.com"), json!(format!("{token}.x")), json!(4_915_112), json!([token])]
        {
            let error = serde_json::from_value::<SealedText>(plain.clone()).unwrap_err().to_string();
            assert!(error.contains("brainops seal"), "{error}");
            assert!(
                !error.contains("kim") && !error.contains("4915112") && !error.contains("k-0f"),
                "{error}"
            );
            assert!(!plain.as_str().is_some_and(|plain| pattern.is_match(plain)), "{plain}");
        }
    }
}
