//! The vocabulary of the platform: what an event is, how it is named, placed, encoded and sealed.
//!
//! Pure functions and values: no files, no network, no clock, no randomness. It has never heard of Kafka clients,
//! Postgres or HTTP. Begin with [`Recorded`] (an event as it stands in the log), [`Outgoing`] (one to be appended),
//! and [`Catalog`] (the schemas of `schemas/`).

mod catalog;
mod cause_path;
mod datum;
mod envelope;
mod error_chain;
mod evolution;
mod frame;
mod frontier;
mod headers;
mod identity;
mod ids;
pub mod json;
mod key;
mod keystore;
mod mac;
mod outgoing;
mod position;
mod recorded;
mod registered;
mod resolution;
mod schema;
mod sealed;
mod text;
mod time;
mod topic;
mod tree;
pub mod types;
mod uri;
mod view;

pub use catalog::{Catalog, CatalogPart, PiiField, SchemaEntry, UnknownDomain};
pub use cause_path::CausePath;
pub use datum::{DatumError, decode_datum, encode_datum};
pub use envelope::{Envelope, Priority, Trust};
pub use error_chain::error_chain;
pub use evolution::{
    AvroValue, Readers, Reading, ReadingError, Upcaster, UpcasterError, Upcasters, builtin_upcasters,
};
pub use frame::{FrameError, SCHEMA_ID_HEADER, SchemaReference, frame, locate, unframe};
pub use frontier::Frontier;
pub use headers::{AVRO_MEDIA_TYPE, CONTENT_TYPE_HEADER, ContentMode, HeaderError};
pub use identity::{derived_id, new_id};
pub use ids::{EventId, EventType, Source, Subject};
pub use key::{murmur2, partition_for};
pub use keystore::{
    DataKey, InstallationKey, KEY_BYTES, KeyError, KeyId, KeyIdError, KeyStore, NONCE_BYTES, Sealer,
};
pub use outgoing::{EncodeError, Outgoing, TypedEvent};
pub use position::{Offset, Partition, PartitionCount, Position, PositionError};
pub use recorded::{Body, DecodeError, Recorded};
pub use registered::{UntellableSchema, schema_fingerprint};
pub use resolution::{MAX_OUTPUT_BYTES, Resolution, TranscodeError, Unresolvable};
pub use schema::{SchemaError, SchemaId, SchemaName, WriterSchema, is_same_schema};
pub use sealed::{MAX_SEALED_BYTES, OpenError, SealError, TokenError};
pub use text::{AttributeError, Flaw};
pub use time::{Timestamp, format_timestamp, parse_timestamp, timestamp_from_millis};
pub use topic::{TopicId, TopicName};
pub use tree::datum_json;
pub use view::EnvelopeView;
