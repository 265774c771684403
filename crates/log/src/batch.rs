//! A batch of records as its reader gets it: each with its verdict, and with its value ready to be decoded.
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use brainops_event::{
    Body, EnvelopeView, FrameError, HeaderError, Offset, Partition, Position, Recorded, SchemaId, SchemaName,
    Timestamp, TopicId, TopicName, WriterSchema,
};
use thiserror::Error;

use crate::digest::RecordDigest;
use crate::records::{RawRecord, Records};
use crate::window::{Misplacement, Verdict};

/// Records of several partitions, each partition's in order. Owns their bytes; items borrow from it.
#[derive(Debug)]
pub struct Batch {
    pub(crate) records: Records,
    pub(crate) contents: Vec<Content>,
    pub(crate) schemas: Vec<Arc<WriterSchema>>,
    pub(crate) spans: Vec<Span>,
}

/// What a batch holds of one partition.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// The topic.
    pub topic: TopicName,
    /// The id of that topic when reading began.
    pub topic_id: TopicId,
    /// The partition.
    pub partition: Partition,
    /// The next offset before this batch: where the span before ended, or where reading began.
    pub from: Offset,
    /// The next offset after this batch.
    pub through: Offset,
    /// Digest of the last record before `from`, if it was read.
    pub previous_digest: Option<RecordDigest>,
    /// Digest of the last record in this span.
    pub last_digest: RecordDigest,
    /// When the last record in this span was recorded.
    pub last_recorded_at: Timestamp,
    /// The offset after the last record of the partition as of the last fetch, if known.
    pub log_end: Option<Offset>,
}

/// Where a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// The topic.
    pub topic: &'a TopicName,
    /// The partition.
    pub partition: Partition,
    /// The offset.
    pub offset: Offset,
    /// When the broker recorded it.
    pub recorded_at: Timestamp,
}

/// One record, judged.
#[derive(Debug)]
pub enum Item<'a> {
    /// An event, said for the first time within the window.
    Event(Recorded<'a>),
    /// A repeat: dropped, but it moves the checkpoint.
    Duplicate {
        /// Where it stands.
        place: Place<'a>,
        /// The earliest record of the same event that the window still holds.
        first: Offset,
    },
    /// A record whose key or partition is not its subject's: to be parked alone, and an alarm.
    Misplaced {
        /// Where it stands.
        place: Place<'a>,
        /// Its key, when that is text.
        key: Option<&'a str>,
        /// Its envelope, when it can be read.
        envelope: Option<EnvelopeView<'a>>,
        /// How it is misplaced.
        reason: Misplacement,
    },
    /// A record that can never be read as an event: its subject stops here.
    Poison {
        /// Where it stands.
        place: Place<'a>,
        /// Its key, which is its subject, when that is text.
        subject: Option<&'a str>,
        /// Why.
        error: PoisonError,
    },
}

/// Why a record can never be read as an event.
#[derive(Debug, Clone, Error)]
pub enum PoisonError {
    /// The headers are not those of an event.
    #[error("the headers are not those of an event")]
    Headers(#[source] HeaderError),
    /// The value does not say which schema wrote it.
    #[error("the value does not say which schema wrote it")]
    Frame(#[source] FrameError),
    /// The registry has no such schema, and said so for a minute.
    #[error("the registry has no schema {reference}")]
    UnknownSchema {
        /// The id or GUID that the record names.
        reference: String,
    },
    /// The schema that wrote the value cannot be used here.
    #[error("the schema {reference} cannot be used: {reason}")]
    UnusableSchema {
        /// The id or GUID that the record names.
        reference: String,
        /// Why.
        reason: String,
    },
    /// The event's type belongs to another schema than the one that wrote the value.
    #[error("schema {id} is {found}, the type of this event wants {wanted}")]
    OtherSchema {
        /// Id of the writer's schema.
        id: SchemaId,
        /// Name of its record.
        found: SchemaName,
        /// Name of the record that the type belongs to.
        wanted: &'static str,
    },
    /// The value says that it is a CloudEvent as JSON, and is none that we take.
    #[error("the value is no CloudEvent that is accepted here: {reason}")]
    Structured {
        /// Which field, and what is accepted.
        reason: String,
    },
}

impl Place<'_> {
    /// The same, owning its topic.
    pub fn position(&self) -> Position {
        Position { topic: self.topic.clone(), partition: self.partition, offset: self.offset }
    }
}

impl Batch {
    /// What the batch holds of each partition; partitions appear once.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// How many records it holds, whatever their verdict.
    pub fn len(&self) -> usize {
        self.records.list.len()
    }

    /// Whether it holds no record.
    pub fn is_empty(&self) -> bool {
        self.records.list.is_empty()
    }

    /// How many bytes of keys, values and headers it holds.
    pub fn bytes(&self) -> usize {
        self.records.bytes_len()
    }

    /// Digest and recorded time of the last record of a partition before an offset, if this batch holds it: what a
    /// checkpoint says that stops in the middle of a span.
    pub fn record_before(
        &self,
        topic: &TopicName,
        partition: Partition,
        offset: Offset,
    ) -> Option<(RecordDigest, Timestamp)> {
        let is_before = |record: &&RawRecord| {
            record.offset < offset && record.partition == partition && record.topic == *topic
        };
        let record = self.records.list.iter().rev().find(is_before)?;
        Some((self.records.digest(record), record.recorded_at))
    }

    /// Every record with its verdict; those of one partition in log order.
    pub fn items(&self) -> impl Iterator<Item = Item<'_>> {
        self.records.list.iter().zip(&self.contents).map(|(record, content)| self.item(record, content))
    }

    /// What to count, by topic.
    pub(crate) fn counts(&self) -> BTreeMap<&TopicName, Counts> {
        let mut counts: BTreeMap<&TopicName, Counts> = BTreeMap::new();
        for (record, content) in self.records.list.iter().zip(&self.contents) {
            let counts = counts.entry(&record.topic).or_default();
            counts.records += 1;
            match (record.verdict, content) {
                (Verdict::Duplicate { .. }, _) => counts.duplicates += 1,
                (Verdict::Misplaced(_), _) => counts.misplaced += 1,
                (Verdict::New, Content::Poison(_)) => counts.poison += 1,
                (Verdict::New, _) => {}
            }
        }
        counts
    }

    fn item<'a>(&'a self, record: &'a RawRecord, content: &'a Content) -> Item<'a> {
        let place = self.records.place(record);
        match record.verdict {
            Verdict::Duplicate { first } => Item::Duplicate { place, first },
            Verdict::Misplaced(reason) => Item::Misplaced {
                place,
                key: self.records.key_text(record),
                envelope: self.envelope(record, content).ok(),
                reason,
            },
            Verdict::New => self.new_item(place, record, content).unwrap_or_else(|error| Item::Poison {
                place,
                subject: self.records.key_text(record),
                error,
            }),
        }
    }

    fn new_item<'a>(
        &'a self,
        place: Place<'a>,
        record: &'a RawRecord,
        content: &'a Content,
    ) -> Result<Item<'a>, PoisonError> {
        let body = match content {
            Content::Poison(error) => return Err(error.clone()),
            Content::Avro { schema, datum } => {
                Body::Avro { schema: &self.schemas[*schema], datum: self.records.get(datum) }
            }
            Content::Structured(event) => match &event.body {
                StructuredBody::Avro { schema, datum } => {
                    Body::Avro { schema: &self.schemas[*schema], datum }
                }
                StructuredBody::Json(text) => Body::Json(text.as_str().into()),
            },
            Content::Empty | Content::Unread => Body::Empty,
        };
        let envelope = self.envelope(record, content).map_err(PoisonError::Headers)?;
        let Place { topic, partition, offset, recorded_at } = place;
        Ok(Item::Event(Recorded { topic, partition, offset, recorded_at, envelope, body }))
    }

    fn envelope<'a>(
        &'a self,
        record: &'a RawRecord,
        content: &'a Content,
    ) -> Result<EnvelopeView<'a>, HeaderError> {
        match content {
            Content::Structured(event) => Ok(event.envelope.clone()),
            _ => EnvelopeView::from_headers(self.records.text_headers(record)),
        }
    }
}

/// How many records of a batch came to what.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) records: u64,
    pub(crate) duplicates: u64,
    pub(crate) misplaced: u64,
    pub(crate) poison: u64,
}

/// What became of a record's value.
#[derive(Debug)]
pub(crate) enum Content {
    /// Not looked at: its verdict says enough.
    Unread,
    Empty,
    Avro {
        schema: usize,
        datum: Range<usize>,
    },
    Structured(Box<StructuredEvent>),
    Poison(PoisonError),
}

/// A CloudEvent that stood in the value as JSON.
#[derive(Debug)]
pub(crate) struct StructuredEvent {
    pub(crate) envelope: EnvelopeView<'static>,
    pub(crate) body: StructuredBody,
}

#[derive(Debug)]
pub(crate) enum StructuredBody {
    Avro { schema: usize, datum: Vec<u8> },
    Json(String),
}
