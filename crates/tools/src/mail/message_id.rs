//! Names of letters: ours follow from the call, theirs are taken as they are.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::name::CallName;

/// The form of a Message-ID in a header, which leaves no room for a second header.
const PATTERN: &str = "^<[!-;=?-~]+>$";
/// The longest that a line of a letter holds.
const MAX_BYTES: usize = 900;
/// How many hexadecimal digits of the digest a name of ours has.
const DIGITS: usize = 32;

/// The Message-ID of a letter, such as `<4711@mail.example.com>`: what a mail program made up, and no personal text.
#[derive(Clone, PartialEq, Eq)]
pub struct MessageId(String);

impl MessageId {
    /// That of the letter of a call: the same in whatever process and whenever it is asked for.
    pub(super) fn of(call: &CallName, domain: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"brainops mail.send\0");
        hash.update(&call.source);
        hash.update(b"\0");
        hash.update(&call.id);
        let digest = hex::encode(hash.finalize());
        Self(format!("<{}@{domain}>", &digest[..DIGITS]))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for MessageId {
    /// What is refused is not repeated: it may be an address.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let refused = || {
            D::Error::custom(
                "accepted is a Message-ID with its angle brackets, such as <4711@mail.example.com>",
            )
        };
        let Ok(Value::String(text)) = Value::deserialize(deserializer) else { return Err(refused()) };
        let inner = text.strip_prefix('<').and_then(|text| text.strip_suffix('>'));
        let is_one = inner.is_some_and(|inner| {
            !inner.is_empty()
                && inner.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'<' && byte != b'>')
        });
        if is_one && text.len() <= MAX_BYTES { Ok(Self(text)) } else { Err(refused()) }
    }
}

impl JsonSchema for MessageId {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "MessageId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": PATTERN, "maxLength": MAX_BYTES })
    }
}

#[cfg(test)]
mod tests {
    use regex::Regex;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_is_in_brackets_and_on_one_line() {
        let pattern = Regex::new(PATTERN).unwrap();
        for (text, is_one) in [
            ("<4711@mail.example.com>", true),
            ("<!#$%-:;=?[]~@x>", true),
            ("kim@example.com", false),
            ("<kim example>", false),
            ("<a>\r\nBcc: <b>", false),
            ("<a><b>", false),
            ("<>", false),
            ("<ü@x>", false),
        ] {
            let taken = serde_json::from_value::<MessageId>(json!(text));
            assert_eq!((taken.is_ok(), pattern.is_match(text)), (is_one, is_one), "{text}");
        }
    }
}
