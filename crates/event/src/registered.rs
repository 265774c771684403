//! Schemas as events: the log tells of every schema that wrote something in it, so that it can be read alone.

use sha2::{Digest, Sha256};

use crate::catalog::Catalog;
use crate::datum::decode_datum;
use crate::envelope::Envelope;
use crate::identity::derived_id;
use crate::ids::{EventType, Source, Subject};
use crate::outgoing::{EncodeError, Outgoing, TypedEvent};
use crate::schema::SchemaId;
use crate::text::AttributeError;
use crate::types::schema::Registered;

/// Who tells of schemas.
const SOURCE: &str = "brainops/schemas";

/// A schema cannot be told as an event.
#[derive(Debug, thiserror::Error)]
pub enum UntellableSchema {
    /// Its subject cannot be the subject of an event.
    #[error("the subject {subject} cannot be the subject of an event")]
    Subject {
        /// The subject at the registry.
        subject: String,
        /// Why.
        source: AttributeError,
    },
    /// The event cannot be encoded.
    #[error("the schema {subject} cannot be told")]
    Encode {
        /// The subject at the registry.
        subject: String,
        /// Why.
        source: EncodeError,
    },
}

/// SHA-256 of a schema's text, in lower-case hexadecimal.
#[must_use]
pub fn schema_fingerprint(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Registered {
    /// Tells of a schema; its fingerprint is made from its text.
    #[must_use]
    pub fn new(subject: &str, id: SchemaId, version: i32, text: &str) -> Self {
        Self {
            subject: subject.to_owned(),
            schema_id: id.get().into(),
            version,
            fingerprint: schema_fingerprint(text),
            text: text.to_owned(),
        }
    }

    /// The same schema under the same id is the same event, whoever tells of it and however often.
    ///
    /// # Errors
    /// The subject cannot be the subject of an event.
    pub fn into_outgoing(self) -> Result<Outgoing, UntellableSchema> {
        let unfit = |source| UntellableSchema::Subject { subject: self.subject.clone(), source };
        let source = Source::new(SOURCE).map_err(unfit)?;
        let event_type = EventType::new(Self::EVENT_TYPE).map_err(unfit)?;
        let subject = Subject::new(&self.subject).map_err(unfit)?;
        let parts = [self.subject.as_str(), &self.schema_id.to_string(), &self.fingerprint];
        let id = derived_id(&source, &parts);
        let envelope = Envelope::new(id, source, event_type, subject);
        let encoded = Outgoing::typed(envelope, &self);
        encoded.map_err(|source| UntellableSchema::Encode { subject: self.subject, source })
    }

    /// Reads a datum of an event `schema.registered` by the built-in schema, without a look at the schema that it
    /// names: that one is told by just such an event. The built-in schema never changes, and the fingerprint shows
    /// whether the datum was written with it.
    #[must_use]
    pub fn from_datum(datum: &[u8]) -> Option<(SchemaId, Self)> {
        let entry = Catalog::builtin().by_name(Self::SCHEMA)?;
        let told: Self = decode_datum(&entry.fast, datum).ok()?;
        let id = SchemaId::new(u32::try_from(told.schema_id).ok()?);
        (told.fingerprint == schema_fingerprint(&told.text)).then_some((id, told))
    }
}
