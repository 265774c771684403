//! An event that is ready to be appended: envelope, schema, and the data encoded.

use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::catalog::{Catalog, SchemaEntry};
use crate::datum::encode_datum;
use crate::envelope::Envelope;
use crate::ids::EventType;
use crate::schema::SchemaName;
use crate::time::has_four_digit_year;
use crate::types::agent::Message;

/// A record of `schemas/` that has one event type of its own.
pub trait TypedEvent: Serialize + DeserializeOwned {
    /// Full name of the record.
    const SCHEMA: &'static str;
    /// Its event type.
    const EVENT_TYPE: &'static str;
}

/// The records that carry events whose type has no schema of its own.
const GENERIC_RECORDS: [&str; 2] = ["brainops.agent.Message", "brainops.webhook.Received"];

/// An event to be appended.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// What is said about it.
    pub envelope: Envelope,
    /// The schema of its data.
    pub schema: &'static SchemaEntry,
    /// Its data in Avro, without the prefix.
    pub datum: Vec<u8>,
}

/// An event cannot be made ready.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// No schema of that name was compiled in.
    #[error("there is no schema {name}")]
    UnknownSchema {
        /// Full name of the record.
        name: String,
    },
    /// The schema does not carry events of that type.
    #[error("events of the type {event_type} are not carried by {schema}, accepted is {accepted}")]
    OtherType {
        /// Type in the envelope.
        event_type: EventType,
        /// Schema of the data.
        schema: SchemaName,
        /// The schema of that type, or how a generic record may be used.
        accepted: String,
    },
    /// The time is beyond what RFC 3339 can say.
    #[error("the time is not within the years 0 to 9999")]
    Time,
    /// The payload is no JSON.
    #[error("the payload is no JSON: line {line}, column {column}")]
    Payload {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// The value is not one of the schema.
    #[error("the data is not a {schema}: {reason}")]
    Data {
        /// Schema of the data.
        schema: SchemaName,
        /// What the encoder says.
        reason: String,
    },
}

impl Outgoing {
    /// Makes a typed event ready.
    ///
    /// # Errors
    /// The envelope's type is not carried by this record, its time is beyond RFC 3339, or the data does not fit.
    pub fn typed<T: TypedEvent>(envelope: Envelope, data: &T) -> Result<Self, EncodeError> {
        Self::encode(envelope, T::SCHEMA, data)
    }

    /// Makes a message between agents ready: any `agent.intent.*`, `agent.command.*`, `agent.task.*`, or a type
    /// without a schema of its own, with its payload as JSON text, kept as it is.
    ///
    /// # Errors
    /// The payload is no JSON, or the envelope's type has another schema.
    pub fn message(envelope: Envelope, payload_json: &str) -> Result<Self, EncodeError> {
        serde_json::from_str::<IgnoredAny>(payload_json)
            .map_err(|error| EncodeError::Payload { line: error.line(), column: error.column() })?;
        Self::encode(envelope, "brainops.agent.Message", &Message { payload: payload_json.to_owned() })
    }

    /// Makes an event ready from any value that fits the schema of that name.
    ///
    /// # Errors
    /// There is no such schema, it does not carry the envelope's type, or the value does not fit.
    pub fn encode<T: Serialize + ?Sized>(
        envelope: Envelope,
        schema: &str,
        data: &T,
    ) -> Result<Self, EncodeError> {
        let unknown = || EncodeError::UnknownSchema { name: schema.to_owned() };
        let schema = Catalog::builtin().by_name(schema).ok_or_else(unknown)?;
        let datum = encode_datum(&schema.fast, data)
            .map_err(|reason| EncodeError::Data { schema: schema.name.clone(), reason })?;
        Self::from_datum(envelope, schema, datum)
    }

    /// Takes data that was encoded elsewhere with this schema.
    ///
    /// # Errors
    /// The schema does not carry the envelope's type, or its time is beyond RFC 3339.
    pub fn from_datum(
        envelope: Envelope,
        schema: &'static SchemaEntry,
        datum: Vec<u8>,
    ) -> Result<Self, EncodeError> {
        refuse_other_type(envelope.event_type(), schema)?;
        if envelope.time().is_some_and(|time| !has_four_digit_year(&time)) {
            return Err(EncodeError::Time);
        }
        Ok(Self { envelope, schema, datum })
    }

    /// Topic that it goes to, without the prefix. The schema decides, so that events without a schema of their own
    /// have a place too.
    #[must_use]
    pub fn topic(&self) -> &'static str {
        self.schema.topic
    }

    /// Key of its record: the subject.
    #[must_use]
    pub fn key(&self) -> &str {
        self.envelope.subject().as_str()
    }
}

fn refuse_other_type(event_type: &EventType, schema: &SchemaEntry) -> Result<(), EncodeError> {
    let accepted = match Catalog::builtin().schema_for(event_type) {
        Some(own) if own.name == schema.name => return Ok(()),
        Some(own) => own.name.to_string(),
        None if GENERIC_RECORDS.contains(&schema.name.as_str()) => return Ok(()),
        None => GENERIC_RECORDS.join(" or "),
    };
    Err(EncodeError::OtherType { event_type: event_type.clone(), schema: schema.name.clone(), accepted })
}
