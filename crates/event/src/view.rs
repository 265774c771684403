//! The envelope of an event that was read, borrowed from the record.

use std::borrow::Cow;

use crate::envelope::{Envelope, Priority, Trust};
use crate::headers::{CONTENT_TYPE_HEADER, ContentMode, HeaderError, PREFIX, SPECVERSION};
use crate::ids::{EventId, EventType, Source, Subject};
use crate::text::{self, AttributeError, Flaw, Rule};
use crate::time::{Timestamp, parse_timestamp};

/// What is said about an event besides its data, as read. Every value obeys its rule; only the subject may be missing,
/// since other producers may leave it out (such a record is misplaced).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvelopeView<'a> {
    id: Cow<'a, str>,
    source: Cow<'a, str>,
    event_type: Cow<'a, str>,
    subject: Option<Cow<'a, str>>,
    time: Option<Timestamp>,
    dataschema: Option<Cow<'a, str>>,
    correlation_id: Option<Cow<'a, str>>,
    causation_id: Option<Cow<'a, str>>,
    traceparent: Option<Cow<'a, str>>,
    auth_id: Option<Cow<'a, str>>,
    priority: Option<Priority>,
    trust: Option<Trust>,
    extensions: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> EnvelopeView<'a> {
    /// Reads the headers of a record in binary mode. Headers that are no attributes are ignored, extensions that we
    /// do not know are kept, a header without a value counts as absent.
    ///
    /// # Errors
    /// An attribute is missing, there twice, or against its rule; the error names the header. Or the value is not in
    /// Avro.
    pub fn from_headers(
        headers: impl IntoIterator<Item = (&'a str, Option<&'a [u8]>)>,
    ) -> Result<Self, HeaderError> {
        let mut read = ReadHeaders::default();
        for (name, value) in headers {
            let Some(value) = value else { continue };
            if let Some(attribute) = name.strip_prefix(PREFIX) {
                read.take_attribute(attribute, value).map_err(|error| in_header(name, error))?;
            } else if name.eq_ignore_ascii_case(CONTENT_TYPE_HEADER) {
                match ContentMode::of_media_type(value)? {
                    ContentMode::BinaryAvro => {}
                    ContentMode::StructuredJson => return Err(HeaderError::Structured),
                }
            }
        }
        read.finish().map_err(|error| in_header(&format!("{PREFIX}{}", error.attribute), error))
    }

    /// Id of the event.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Who says that it happened.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What happened.
    #[must_use]
    pub fn event_type(&self) -> &str {
        &self.event_type
    }

    /// What it happened to.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// When it happened, as said by the producer.
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

    /// Extensions that have no place of their own, in the order of the headers.
    pub fn extensions(&self) -> impl Iterator<Item = (&str, &str)> {
        self.extensions.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The envelope as an owned one.
    ///
    /// # Errors
    /// There is no subject.
    pub fn to_envelope(&self) -> Result<Envelope, AttributeError> {
        let subject = self.subject().ok_or_else(|| text::SUBJECT.error(Flaw::Missing))?;
        let mut envelope = Envelope::new(
            EventId::new(self.id())?,
            Source::new(self.source())?,
            EventType::new(self.event_type())?,
            Subject::new(subject)?,
        );
        envelope = set(envelope, self.time, |envelope, time| Ok(envelope.with_time(time)))?;
        envelope = set(envelope, self.dataschema(), Envelope::with_dataschema)?;
        envelope = set(envelope, self.correlation_id(), Envelope::with_correlation_id)?;
        envelope = set(envelope, self.causation_id(), Envelope::with_causation_id)?;
        envelope = set(envelope, self.traceparent(), Envelope::with_traceparent)?;
        envelope = set(envelope, self.auth_id(), Envelope::with_auth_id)?;
        envelope = set(envelope, self.priority, |envelope, priority| Ok(envelope.with_priority(priority)))?;
        envelope = set(envelope, self.trust, |envelope, trust| Ok(envelope.with_trust(trust)))?;
        self.extensions().try_fold(envelope, |envelope, (name, value)| envelope.with_extension(name, value))
    }
}

fn set<V>(
    envelope: Envelope,
    value: Option<V>,
    setter: impl FnOnce(Envelope, V) -> Result<Envelope, AttributeError>,
) -> Result<Envelope, AttributeError> {
    match value {
        Some(value) => setter(envelope, value),
        None => Ok(envelope),
    }
}

impl Envelope {
    /// The envelope as one that was read.
    #[must_use]
    pub fn view(&self) -> EnvelopeView<'_> {
        let extensions = self.extensions().iter();
        EnvelopeView {
            id: self.id().as_str().into(),
            source: self.source().as_str().into(),
            event_type: self.event_type().as_str().into(),
            subject: Some(self.subject().as_str().into()),
            time: self.time(),
            dataschema: self.dataschema().map(Cow::Borrowed),
            correlation_id: self.correlation_id().map(Cow::Borrowed),
            causation_id: self.causation_id().map(Cow::Borrowed),
            traceparent: self.traceparent().map(Cow::Borrowed),
            auth_id: self.auth_id().map(Cow::Borrowed),
            priority: self.priority(),
            trust: self.trust(),
            extensions: extensions.map(|(name, value)| (name.into(), value.into())).collect(),
        }
    }

    /// The envelope as one that was read and needs nothing to borrow from.
    #[must_use]
    pub fn into_view(self) -> EnvelopeView<'static> {
        EnvelopeView {
            time: self.time(),
            dataschema: self.dataschema().map(owned),
            correlation_id: self.correlation_id().map(owned),
            causation_id: self.causation_id().map(owned),
            traceparent: self.traceparent().map(owned),
            auth_id: self.auth_id().map(owned),
            priority: self.priority(),
            trust: self.trust(),
            extensions: self.extensions().iter().map(|(name, value)| (owned(name), owned(value))).collect(),
            id: owned(self.id().as_str()),
            source: owned(self.source().as_str()),
            event_type: owned(self.event_type().as_str()),
            subject: Some(owned(self.subject().as_str())),
        }
    }
}

fn owned(text: &str) -> Cow<'static, str> {
    Cow::Owned(text.to_owned())
}

fn in_header(header: &str, error: AttributeError) -> HeaderError {
    HeaderError::Attribute {
        header: header.chars().take(100).collect(),
        flaw: error.flaw,
        accepted: error.accepted,
    }
}

/// What the headers have said so far.
#[derive(Default)]
struct ReadHeaders<'a> {
    specversion: Option<&'a str>,
    id: Option<&'a str>,
    source: Option<&'a str>,
    event_type: Option<&'a str>,
    subject: Option<&'a str>,
    time: Option<&'a str>,
    dataschema: Option<&'a str>,
    correlation_id: Option<&'a str>,
    causation_id: Option<&'a str>,
    traceparent: Option<&'a str>,
    auth_id: Option<&'a str>,
    priority: Option<&'a str>,
    trust: Option<&'a str>,
    extensions: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> ReadHeaders<'a> {
    fn take_attribute(&mut self, attribute: &'a str, value: &'a [u8]) -> Result<(), AttributeError> {
        let (rule, place) = match attribute {
            "specversion" => (&text::SPECVERSION, &mut self.specversion),
            "id" => (&text::ID, &mut self.id),
            "source" => (&text::SOURCE, &mut self.source),
            "type" => (&text::TYPE, &mut self.event_type),
            "subject" => (&text::SUBJECT, &mut self.subject),
            "time" => (&text::TIME, &mut self.time),
            "dataschema" => (&text::DATASCHEMA, &mut self.dataschema),
            "correlationid" => (&text::CORRELATION_ID, &mut self.correlation_id),
            "causationid" => (&text::CAUSATION_ID, &mut self.causation_id),
            "traceparent" => (&text::TRACEPARENT, &mut self.traceparent),
            "authid" => (&text::AUTH_ID, &mut self.auth_id),
            "priority" => (&text::PRIORITY, &mut self.priority),
            "trust" => (&text::TRUST, &mut self.trust),
            // some SDKs write it beside content-type, against the binding; content-type says all there is to say
            "datacontenttype" => return Ok(()),
            _ => return self.take_extension(attribute, value),
        };
        let text = rule.check_bytes(value)?;
        if place.replace(text).is_some() { Err(rule.error(Flaw::Repeated)) } else { Ok(()) }
    }

    fn take_extension(&mut self, name: &'a str, value: &'a [u8]) -> Result<(), AttributeError> {
        text::EXTENSION_NAME.check(name)?;
        let value = text::EXTENSION.check_bytes(value)?;
        if self.extensions.iter().any(|(known, _)| known == name) {
            return Err(text::EXTENSION.error(Flaw::Repeated));
        }
        self.extensions.push((name.into(), value.into()));
        Ok(())
    }

    fn finish(self) -> Result<EnvelopeView<'a>, AttributeError> {
        if required(&text::SPECVERSION, self.specversion)? != SPECVERSION {
            return Err(text::SPECVERSION.error(Flaw::Malformed));
        }
        Ok(EnvelopeView {
            id: required(&text::ID, self.id)?.into(),
            source: required(&text::SOURCE, self.source)?.into(),
            event_type: required(&text::TYPE, self.event_type)?.into(),
            subject: self.subject.map(Cow::Borrowed),
            time: self.time.map(parse_timestamp).transpose()?,
            dataschema: self.dataschema.map(Cow::Borrowed),
            correlation_id: self.correlation_id.map(Cow::Borrowed),
            causation_id: self.causation_id.map(Cow::Borrowed),
            traceparent: self.traceparent.map(Cow::Borrowed),
            auth_id: self.auth_id.map(Cow::Borrowed),
            priority: self.priority.map(str::parse).transpose()?,
            trust: self.trust.map(str::parse).transpose()?,
            extensions: self.extensions,
        })
    }
}

fn required<'a>(rule: &Rule, value: Option<&'a str>) -> Result<&'a str, AttributeError> {
    value.ok_or_else(|| rule.error(Flaw::Missing))
}
