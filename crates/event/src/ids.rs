//! The names an event bears: id, source, type and subject, each a type of its own.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text::{self, AttributeError, Rule};

/// Four types that differ in their rule only; the traits around a checked text are the same.
macro_rules! checked_text {
    ($(#[$meta:meta])* $name:ident, $rule:expr) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            const RULE: Rule = $rule;

            /// Checks and takes the text.
            ///
            /// # Errors
            /// The text breaks the rule of this attribute; the error says what is accepted.
            pub fn new(text: impl Into<String>) -> Result<Self, AttributeError> {
                let text = text.into();
                Self::RULE.check(&text)?;
                Ok(Self(text))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Gives the text away.
            #[must_use]
            pub fn into_string(self) -> String {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{}({:?})", stringify!($name), self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = AttributeError;

            fn from_str(text: &str) -> Result<Self, AttributeError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = AttributeError;

            fn try_from(text: String) -> Result<Self, AttributeError> {
                Self::new(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

checked_text!(
    /// Id of an event, unique within its source: 1 to 256 bytes without control characters.
    EventId,
    text::ID
);
checked_text!(
    /// Who says that the event happened: a URI reference (RFC 3986) of 1 to 512 bytes.
    Source,
    text::SOURCE
);
checked_text!(
    /// What happened, such as `lead.discovered`: 1 to 256 bytes without control characters. Ours are lower-case words
    /// joined by dots; foreign events name their types as they like.
    EventType,
    text::TYPE
);
checked_text!(
    /// What it happened to, and the key of its record: 1 to 512 bytes without control characters, never personal.
    Subject,
    text::SUBJECT
);

impl EventType {
    /// The first word, such as `lead` of `lead.discovered`.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.split('.').next().unwrap_or_default()
    }
}

impl From<uuid::Uuid> for EventId {
    fn from(uuid: uuid::Uuid) -> Self {
        Self(uuid.hyphenated().to_string())
    }
}
