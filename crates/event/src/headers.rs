//! The envelope as Kafka record headers: CloudEvents 1.0, Kafka protocol binding, binary mode.

use std::borrow::Cow;

use crate::envelope::Envelope;
use crate::text::Flaw;
use crate::time::format_timestamp;

/// Name of the header that holds the media type of the value.
pub const CONTENT_TYPE_HEADER: &str = "content-type";

/// The media type that we write: Avro in the Confluent wire format.
pub const AVRO_MEDIA_TYPE: &str = "application/vnd.confluent.avro";

/// What the name of every attribute's header begins with.
pub(crate) const PREFIX: &str = "ce_";

/// The version of CloudEvents that we speak.
pub(crate) const SPECVERSION: &str = "1.0";

/// Record headers are not those of an event. Values are never repeated here: they may be personal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// An attribute is missing or refused.
    #[error("header {header} {flaw}, accepted is {accepted}")]
    Attribute {
        /// Name of the header, such as `ce_id`, cut after 100 characters.
        header: String,
        /// What is wrong with it.
        flaw: Flaw,
        /// What is accepted, in words.
        accepted: &'static str,
    },
    /// The value is of a kind that we do not read.
    #[error(
        "header content-type is {found:?}, accepted is application/vnd.confluent.avro, application/avro or \
         application/cloudevents+json"
    )]
    ContentType {
        /// The media type found, cut after 100 characters.
        found: String,
    },
    /// The event stands in the value as JSON; its headers hold no envelope.
    #[error("header content-type says that the envelope is in the value, as JSON")]
    Structured,
}

/// Where the envelope stands and what the value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentMode {
    /// Envelope in the headers, value in Avro.
    BinaryAvro,
    /// Envelope and data together in the value, as JSON.
    StructuredJson,
}

impl ContentMode {
    /// Tells by the header `content-type`; a record without it counts as Avro.
    ///
    /// # Errors
    /// The value is of a kind that we do not read.
    pub fn of<'a>(
        headers: impl IntoIterator<Item = (&'a str, Option<&'a [u8]>)>,
    ) -> Result<Self, HeaderError> {
        let is_content_type = |name: &str| name.eq_ignore_ascii_case(CONTENT_TYPE_HEADER);
        match headers.into_iter().find(|(name, _)| is_content_type(name)) {
            Some((_, Some(value))) => Self::of_media_type(value),
            Some((_, None)) | None => Ok(Self::BinaryAvro),
        }
    }

    pub(crate) fn of_media_type(value: &[u8]) -> Result<Self, HeaderError> {
        if value == AVRO_MEDIA_TYPE.as_bytes() {
            return Ok(Self::BinaryAvro); // nearly every record
        }
        let text = String::from_utf8_lossy(value);
        let media_type = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match media_type.as_str() {
            AVRO_MEDIA_TYPE | "application/avro" => Ok(Self::BinaryAvro),
            "application/cloudevents+json" | "application/cloudevents" => Ok(Self::StructuredJson),
            _ => Err(HeaderError::ContentType { found: text.chars().take(100).collect() }),
        }
    }
}

impl Envelope {
    /// The record headers that carry this envelope, `content-type` first.
    #[must_use]
    pub fn headers(&self) -> Vec<(Cow<'static, str>, Cow<'_, str>)> {
        let time = self.time().map(|time| format_timestamp(&time));
        let attributes = [
            ("ce_specversion", Some(SPECVERSION)),
            ("ce_id", Some(self.id().as_str())),
            ("ce_source", Some(self.source().as_str())),
            ("ce_type", Some(self.event_type().as_str())),
            ("ce_subject", Some(self.subject().as_str())),
            ("ce_dataschema", self.dataschema()),
            ("ce_correlationid", self.correlation_id()),
            ("ce_causationid", self.causation_id()),
            ("ce_traceparent", self.traceparent()),
            ("ce_authid", self.auth_id()),
            ("ce_priority", self.priority().map(|priority| priority.as_str())),
            ("ce_trust", self.trust().map(|trust| trust.as_str())),
        ];
        let mut headers = vec![(Cow::Borrowed(CONTENT_TYPE_HEADER), Cow::Borrowed(AVRO_MEDIA_TYPE))];
        let present =
            attributes.into_iter().filter_map(|(name, value)| Some((Cow::Borrowed(name), value?.into())));
        headers.extend(present);
        headers.extend(time.map(|time| (Cow::Borrowed("ce_time"), Cow::Owned(time))));
        let extensions = self.extensions().iter();
        headers.extend(extensions.map(|(name, value)| (Cow::Owned(format!("{PREFIX}{name}")), value.into())));
        headers
    }
}
