//! The rules that envelope attributes obey, as data, and the check that applies them.

use crate::uri;

/// An attribute of an event is not what it must be. The value itself is never repeated here: it may be personal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{attribute} {flaw}, accepted is {accepted}")]
pub struct AttributeError {
    /// Name of the CloudEvents attribute, such as `source`.
    pub attribute: String,
    /// What is wrong with it.
    pub flaw: Flaw,
    /// What is accepted, in words.
    pub accepted: &'static str,
}

/// What is wrong with an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// There is no value at all.
    #[error("is missing")]
    Missing,
    /// The value has no characters.
    #[error("is empty")]
    Empty,
    /// The value is too long.
    #[error("is {bytes} bytes long, more than {limit}")]
    TooLong {
        /// Length found, bytes of UTF-8.
        bytes: usize,
        /// Longest accepted, bytes of UTF-8.
        limit: usize,
    },
    /// The value holds a control character.
    #[error("holds a control character at byte {at}")]
    ControlCharacter {
        /// Where it stands, in bytes from the start.
        at: usize,
    },
    /// The value has another form than the attribute wants.
    #[error("is malformed")]
    Malformed,
    /// The bytes are no UTF-8.
    #[error("is not UTF-8")]
    NotUtf8,
    /// The attribute is there more than once.
    #[error("is there more than once")]
    Repeated,
}

/// What one attribute accepts.
pub(crate) struct Rule {
    pub attribute: &'static str,
    /// Longest value, bytes of UTF-8.
    pub limit: usize,
    pub accepted: &'static str,
    pub form: fn(&str) -> bool,
}

pub(crate) const ID: Rule = plain("id", 256, "1 to 256 bytes without control characters");
pub(crate) const SUBJECT: Rule = plain("subject", 512, "1 to 512 bytes without control characters");
pub(crate) const SOURCE: Rule = Rule {
    attribute: "source",
    limit: 512,
    accepted: "a URI reference (RFC 3986) of 1 to 512 bytes",
    form: uri::is_reference,
};
/// Foreign events name their types as they like; ours are lower-case words joined by dots.
pub(crate) const TYPE: Rule = plain("type", 256, "1 to 256 bytes without control characters");
pub(crate) const DATASCHEMA: Rule = Rule {
    attribute: "dataschema",
    limit: 1024,
    accepted: "an absolute URI (RFC 3986) of 1 to 1024 bytes",
    form: uri::is_absolute,
};
pub(crate) const CORRELATION_ID: Rule = plain("correlationid", 512, LINE);
pub(crate) const CAUSATION_ID: Rule = plain("causationid", 512, LINE);
pub(crate) const TRACEPARENT: Rule = plain("traceparent", 512, LINE);
pub(crate) const AUTH_ID: Rule = plain("authid", 512, LINE);
pub(crate) const TIME: Rule = plain("time", 64, "an RFC 3339 timestamp such as 2026-01-31T08:30:00.000Z");
pub(crate) const SPECVERSION: Rule = plain("specversion", 16, "1.0");
pub(crate) const PRIORITY: Rule = plain("priority", 16, "low, normal, high or urgent");
pub(crate) const TRUST: Rule = plain("trust", 16, "trusted, external or model");
/// The value of an extension that we do not know.
pub(crate) const EXTENSION: Rule = plain("extension", 4096, "1 to 4096 bytes without control characters");
/// The name of an extension.
pub(crate) const EXTENSION_NAME: Rule = Rule {
    attribute: "extension name",
    limit: 64,
    accepted: "1 to 64 characters of a-z and 0-9 that name no attribute with a place of its own",
    form: is_extension_name,
};

const LINE: &str = "1 to 512 bytes without control characters";

const fn plain(attribute: &'static str, limit: usize, accepted: &'static str) -> Rule {
    Rule { attribute, limit, accepted, form: |_| true }
}

impl Rule {
    pub(crate) fn check(&self, text: &str) -> Result<(), AttributeError> {
        self.flaw(text).map_or(Ok(()), |flaw| Err(self.error(flaw)))
    }

    /// Bytes as text that obeys the rule.
    pub(crate) fn check_bytes<'a>(&self, bytes: &'a [u8]) -> Result<&'a str, AttributeError> {
        let text = std::str::from_utf8(bytes).map_err(|_| self.error(Flaw::NotUtf8))?;
        self.check(text)?;
        Ok(text)
    }

    pub(crate) fn error(&self, flaw: Flaw) -> AttributeError {
        AttributeError { attribute: self.attribute.to_owned(), flaw, accepted: self.accepted }
    }

    fn flaw(&self, text: &str) -> Option<Flaw> {
        if text.is_empty() {
            return Some(Flaw::Empty);
        }
        if text.len() > self.limit {
            return Some(Flaw::TooLong { bytes: text.len(), limit: self.limit });
        }
        if let Some(at) = control_character(text) {
            return Some(Flaw::ControlCharacter { at });
        }
        (!(self.form)(text)).then_some(Flaw::Malformed)
    }
}

fn control_character(text: &str) -> Option<usize> {
    // without an early end, so that many bytes are looked at at once
    if text.bytes().fold(true, |plain, byte| plain & (0x20..0x7f).contains(&byte)) {
        return None; // nearly every value ends here
    }
    text.char_indices().find(|(_, character)| character.is_control()).map(|(at, _)| at)
}

/// Attributes of CloudEvents itself, the word its formats use for the data, and the extensions that have a place of
/// their own in the envelope.
const TAKEN: [&str; 15] = [
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "dataschema",
    "datacontenttype",
    "data",
    "correlationid",
    "causationid",
    "traceparent",
    "authid",
    "priority",
    "trust",
];

fn is_extension_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.bytes().all(fits) && !TAKEN.contains(&text)
}
