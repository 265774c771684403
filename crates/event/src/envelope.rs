//! The envelope of an event that is to be appended.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::{EventId, EventType, Source, Subject};
use crate::text::{self, AttributeError, Flaw};
use crate::time::Timestamp;

/// How soon an event wants attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// When nothing else is to be done.
    Low,
    /// In its turn.
    Normal,
    /// Before others.
    High,
    /// At once.
    Urgent,
}

/// How far the content of an event may be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trust {
    /// Said by a part of the platform or a known service.
    Trusted,
    /// Came from outside; it may try to mislead.
    External,
    /// Written by a language model.
    Model,
}

impl Priority {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Urgent => "urgent",
        }
    }
}

impl FromStr for Priority {
    type Err = AttributeError;

    fn from_str(text: &str) -> Result<Self, AttributeError> {
        let all = [Self::Low, Self::Normal, Self::High, Self::Urgent];
        all.into_iter()
            .find(|known| known.as_str() == text)
            .ok_or_else(|| text::PRIORITY.error(Flaw::Malformed))
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Trust {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trusted => "trusted",
            Self::External => "external",
            Self::Model => "model",
        }
    }
}

impl FromStr for Trust {
    type Err = AttributeError;

    fn from_str(text: &str) -> Result<Self, AttributeError> {
        let all = [Self::Trusted, Self::External, Self::Model];
        all.into_iter().find(|known| known.as_str() == text).ok_or_else(|| text::TRUST.error(Flaw::Malformed))
    }
}

impl fmt::Display for Trust {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What is said about an event besides its data. Every value obeys its rule from the moment it is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    id: EventId,
    source: Source,
    event_type: EventType,
    subject: Subject,
    time: Option<Timestamp>,
    dataschema: Option<String>,
    correlation_id: Option<String>,
    causation_id: Option<String>,
    traceparent: Option<String>,
    auth_id: Option<String>,
    priority: Option<Priority>,
    trust: Option<Trust>,
    extensions: BTreeMap<String, String>,
}

impl Envelope {
    /// An envelope with what every event has.
    #[must_use]
    pub const fn new(id: EventId, source: Source, event_type: EventType, subject: Subject) -> Self {
        Self {
            id,
            source,
            event_type,
            subject,
            time: None,
            dataschema: None,
            correlation_id: None,
            causation_id: None,
            traceparent: None,
            auth_id: None,
            priority: None,
            trust: None,
            extensions: BTreeMap::new(),
        }
    }

    /// Sets when it happened.
    #[must_use]
    pub const fn with_time(mut self, time: Timestamp) -> Self {
        self.time = Some(time);
        self
    }

    /// Sets where the schema of the data can be read.
    ///
    /// # Errors
    /// The text is no absolute URI of at most 1024 bytes.
    pub fn with_dataschema(mut self, uri: impl Into<String>) -> Result<Self, AttributeError> {
        self.dataschema = Some(checked(&text::DATASCHEMA, uri)?);
        Ok(self)
    }

    /// Sets the id that all events of one story share.
    ///
    /// # Errors
    /// The text is empty, longer than 512 bytes, or holds control characters.
    pub fn with_correlation_id(mut self, id: impl Into<String>) -> Result<Self, AttributeError> {
        self.correlation_id = Some(checked(&text::CORRELATION_ID, id)?);
        Ok(self)
    }

    /// Sets the id of the event that caused this one.
    ///
    /// # Errors
    /// The text is empty, longer than 512 bytes, or holds control characters.
    pub fn with_causation_id(mut self, id: impl Into<String>) -> Result<Self, AttributeError> {
        self.causation_id = Some(checked(&text::CAUSATION_ID, id)?);
        Ok(self)
    }

    /// Sets the W3C trace context. It is carried, not understood.
    ///
    /// # Errors
    /// The text is empty, longer than 512 bytes, or holds control characters.
    pub fn with_traceparent(mut self, traceparent: impl Into<String>) -> Result<Self, AttributeError> {
        self.traceparent = Some(checked(&text::TRACEPARENT, traceparent)?);
        Ok(self)
    }

    /// Sets the opaque id of who did it; never a name or an address.
    ///
    /// # Errors
    /// The text is empty, longer than 512 bytes, or holds control characters.
    pub fn with_auth_id(mut self, id: impl Into<String>) -> Result<Self, AttributeError> {
        self.auth_id = Some(checked(&text::AUTH_ID, id)?);
        Ok(self)
    }

    /// Sets how soon it wants attention.
    #[must_use]
    pub const fn with_priority(mut self, priority: Priority) -> Self {
        self.priority = Some(priority);
        self
    }

    /// Sets how far its content may be trusted.
    #[must_use]
    pub const fn with_trust(mut self, trust: Trust) -> Self {
        self.trust = Some(trust);
        self
    }

    /// Sets an extension that has no setter of its own.
    ///
    /// # Errors
    /// The name is not of a-z and 0-9 or has a setter of its own, or the value is empty, longer than 4096 bytes, or
    /// holds control characters.
    pub fn with_extension(
        mut self,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<Self, AttributeError> {
        let name = checked(&text::EXTENSION_NAME, name)?;
        let value = checked(&text::EXTENSION, value)
            .map_err(|error| AttributeError { attribute: name.clone(), ..error })?;
        self.extensions.insert(name, value);
        Ok(self)
    }

    /// Id of the event.
    #[must_use]
    pub const fn id(&self) -> &EventId {
        &self.id
    }

    /// Who says that it happened.
    #[must_use]
    pub const fn source(&self) -> &Source {
        &self.source
    }

    /// What happened.
    #[must_use]
    pub const fn event_type(&self) -> &EventType {
        &self.event_type
    }

    /// What it happened to.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// When it happened.
    #[must_use]
    pub const fn time(&self) -> Option<Timestamp> {
        self.time
    }

    /// Where the schema of the data can be read.
    #[must_use]
    pub fn dataschema(&self) -> Option<&str> {
        self.dataschema.as_deref()
    }

    /// The id that all events of one story share.
    #[must_use]
    pub fn correlation_id(&self) -> Option<&str> {
        self.correlation_id.as_deref()
    }

    /// The id of the event that caused this one.
    #[must_use]
    pub fn causation_id(&self) -> Option<&str> {
        self.causation_id.as_deref()
    }

    /// The W3C trace context.
    #[must_use]
    pub fn traceparent(&self) -> Option<&str> {
        self.traceparent.as_deref()
    }

    /// The opaque id of who did it.
    #[must_use]
    pub fn auth_id(&self) -> Option<&str> {
        self.auth_id.as_deref()
    }

    /// How soon it wants attention.
    #[must_use]
    pub const fn priority(&self) -> Option<Priority> {
        self.priority
    }

    /// How far its content may be trusted.
    #[must_use]
    pub const fn trust(&self) -> Option<Trust> {
        self.trust
    }

    /// Extensions that have no setter of their own, by name.
    #[must_use]
    pub const fn extensions(&self) -> &BTreeMap<String, String> {
        &self.extensions
    }
}

fn checked(rule: &text::Rule, value: impl Into<String>) -> Result<String, AttributeError> {
    let value = value.into();
    rule.check(&value)?;
    Ok(value)
}
