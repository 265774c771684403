//! An event as it stands in the log.

use std::borrow::Cow;

use serde::Deserialize;

use crate::datum::{DatumError, decode_datum};
use crate::outgoing::TypedEvent;
use crate::position::{Offset, Partition, Position};
use crate::schema::{SchemaId, SchemaName, WriterSchema};
use crate::time::Timestamp;
use crate::topic::TopicName;
use crate::view::EnvelopeView;

/// The data of an event.
#[derive(Debug, Clone)]
pub enum Body<'a> {
    /// Avro, with the schema that it is data of.
    Avro {
        /// The catalog's schema, where it has one for the event's type: data that another schema wrote was made data of
        /// this one. Else the writer's. Its id is always that of the writer's schema, whose own text the registry
        /// gives for it.
        schema: &'a WriterSchema,
        /// The bytes, without the prefix.
        datum: &'a [u8],
    },
    /// JSON text of a CloudEvent that has no schema of its own.
    Json(Cow<'a, str>),
    /// No data.
    Empty,
}

/// An event and where it stands.
#[derive(Debug, Clone)]
pub struct Recorded<'a> {
    /// Its topic.
    pub topic: &'a TopicName,
    /// Its partition.
    pub partition: Partition,
    /// Its offset.
    pub offset: Offset,
    /// When the broker recorded it.
    pub recorded_at: Timestamp,
    /// What is said about it.
    pub envelope: EnvelopeView<'a>,
    /// Its data.
    pub body: Body<'a>,
}

/// The data of an event cannot be read as what the caller wants. The reader adds the position.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The event has no data.
    #[error("the event has no data")]
    NoData,
    /// The bytes do not fit the schema that they name, or the wanted type.
    #[error("schema {id} ({name}): {problem}")]
    Datum {
        /// Id of the writer's schema.
        id: SchemaId,
        /// Name of its record.
        name: SchemaName,
        /// What is wrong.
        problem: DatumError,
    },
    /// The data is of another record than the caller wants.
    #[error("schema {id} is {found}, wanted is {wanted}")]
    OtherRecord {
        /// Id of the writer's schema.
        id: SchemaId,
        /// Name of its record.
        found: SchemaName,
        /// Name of the wanted record.
        wanted: &'static str,
    },
    /// The JSON text does not fit.
    #[error("the JSON data cannot be read ({what} at line {line}, column {column})")]
    Json {
        /// `syntax`, `eof` or `data`.
        what: &'static str,
        /// Line, from 1; 0 when unknown.
        line: usize,
        /// Column, from 1; 0 when unknown.
        column: usize,
    },
}

impl<'a> Recorded<'a> {
    /// Where it stands.
    #[must_use]
    pub fn position(&self) -> Position {
        Position { topic: self.topic.clone(), partition: self.partition, offset: self.offset }
    }

    /// When it happened: as the producer said, else when it was recorded.
    #[must_use]
    pub fn happened_at(&self) -> Timestamp {
        self.envelope.time().unwrap_or(self.recorded_at)
    }

    /// Reads the data as `T`: by name, and only the fields that `T` has. Text can be borrowed (`&'a str`) from Avro.
    ///
    /// # Errors
    /// There is no data, or it does not fit `T`.
    pub fn decode<T: Deserialize<'a>>(&self) -> Result<T, DecodeError> {
        match &self.body {
            Body::Avro { schema, datum } => decode_datum(&schema.fast, datum)
                .map_err(|problem| DecodeError::Datum { id: schema.id, name: schema.name.clone(), problem }),
            Body::Json(Cow::Borrowed(text)) => serde_json::from_str(text).map_err(|error| json_error(&error)),
            Body::Json(Cow::Owned(text)) => {
                let tree: serde_json::Value =
                    serde_json::from_str(text).map_err(|error| json_error(&error))?;
                T::deserialize(tree).map_err(|error| json_error(&error))
            }
            Body::Empty => Err(DecodeError::NoData),
        }
    }

    /// Reads the data as the whole typed event, after a look at the name of its schema.
    ///
    /// # Errors
    /// There is no data, it is of another record, or it cannot be read.
    pub fn typed<T: TypedEvent>(&self) -> Result<T, DecodeError> {
        match &self.body {
            Body::Avro { schema, .. } if schema.name.as_str() != T::SCHEMA => {
                Err(DecodeError::OtherRecord { id: schema.id, found: schema.name.clone(), wanted: T::SCHEMA })
            }
            _ => self.decode(),
        }
    }
}

pub(crate) fn json_error(error: &serde_json::Error) -> DecodeError {
    use serde_json::error::Category;
    let what = match error.classify() {
        Category::Eof => "eof",
        Category::Data => "data",
        Category::Syntax | Category::Io => "syntax",
    };
    DecodeError::Json { what, line: error.line(), column: error.column() }
}
