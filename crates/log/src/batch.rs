//! A batch of records as its reader gets it: each with its verdict, and with its value ready to be decoded.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use brainops_event::{
    Body, EnvelopeView, FrameError, HeaderError, Offset, Partition, Position, ReadingError, Recorded,
    SchemaId, SchemaName, Timestamp, TopicId, TopicName, WriterSchema,
};
use metrics::counter;
use thiserror::Error;

use crate::digest::RecordDigest;
use crate::metrics::POISON_RECORDS;
use crate::records::{RawRecord, Records};
use crate::window::{Misplacement, Verdict};

/// Records of several partitions, each partition's in order. Owns their bytes; items borrow from it.
#[derive(Debug)]
pub struct Batch {
    pub(crate) records: Records,
    pub(crate) contents: Vec<Content>,
    pub(crate) schemas: Vec<Arc<WriterSchema>>,
    pub(crate) spans: Vec<Span>,
    /// Who follows, for what is counted.
    pub(crate) group: Option<Arc<str>>,
    /// How far poison was counted, in records.
    pub(crate) poison_counted: AtomicUsize,
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

impl Item<'_> {
    /// Its offset.
    pub fn offset(&self) -> Offset {
        match self {
            Item::Event(event) => event.offset,
            Item::Duplicate { place, .. } | Item::Misplaced { place, .. } | Item::Poison { place, .. } => {
                place.offset
            }
        }
    }
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
    /// The data was written with another schema than the reader's, and cannot be made data of that.
    #[error("schema {id} ({name}) wrote what the reader's schema cannot take")]
    Reading {
        /// Id of the writer's schema.
        id: SchemaId,
        /// Name of its record.
        name: SchemaName,
        /// What is wrong with the bytes, or what an upcaster says.
        #[source]
        problem: ReadingError,
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

    /// How many bytes its keys, values and headers take here.
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
        let is_before =
            |record: &&RawRecord| record.offset < offset && self.records.is_of(record, topic, partition);
        let record = self.records.list.iter().rev().find(is_before)?;
        Some((self.records.digest(record), record.recorded_at()))
    }

    /// Every record with its verdict; those of one partition in log order.
    pub fn items(&self) -> impl Iterator<Item = Item<'_>> {
        let records = self.records.list.iter().zip(&self.contents).enumerate();
        records.map(|(index, (record, content))| self.item(index, record, content))
    }

    /// Where each record stands, in the order of [`Batch::items`]: enough to know whether one is wanted, before it is looked
    /// at by [`Batch::item_at`].
    pub fn places(&self) -> impl Iterator<Item = Place<'_>> {
        self.records.list.iter().map(|record| self.records.place(record))
    }

    /// The record of this number in the order of [`Batch::items`], with its verdict; none when there are fewer.
    pub fn item_at(&self, index: usize) -> Option<Item<'_>> {
        let (record, content) = (self.records.list.get(index)?, self.contents.get(index)?);
        Some(self.item(index, record, content))
    }

    /// What to count, by topic, of what is known before an item is looked at.
    pub(crate) fn counts(&self) -> BTreeMap<&TopicName, Counts> {
        let mut of_places = vec![Counts::default(); self.records.places().len()];
        for record in &self.records.list {
            let counts = &mut of_places[record.place.index()];
            counts.records += 1;
            match record.verdict {
                Verdict::Duplicate { .. } => counts.duplicates += 1,
                Verdict::Misplaced(_) => counts.misplaced += 1,
                Verdict::New => {}
            }
        }
        let mut counts: BTreeMap<&TopicName, Counts> = BTreeMap::new();
        for ((topic, _), of_place) in self.records.places().iter().zip(of_places) {
            let counts = counts.entry(topic).or_default();
            counts.records += of_place.records;
            counts.duplicates += of_place.duplicates;
            counts.misplaced += of_place.misplaced;
        }
        counts
    }

    /// Counts a record that turned out to be poison, however often the batch is looked through.
    fn count_poison(&self, index: usize, topic: &TopicName) {
        let Some(group) = &self.group else { return };
        if self.poison_counted.fetch_max(index + 1, Ordering::Relaxed) <= index {
            let labels = [("topic", topic.as_str().to_owned()), ("group", group.to_string())];
            counter!(POISON_RECORDS, &labels).increment(1);
        }
    }

    pub(crate) fn item<'a>(&'a self, index: usize, record: &'a RawRecord, content: &'a Content) -> Item<'a> {
        let place = self.records.place(record);
        match record.verdict {
            Verdict::Duplicate { first } => Item::Duplicate { place, first },
            Verdict::Misplaced(reason) => Item::Misplaced {
                place,
                key: self.records.key_text(record),
                envelope: self.envelope(record, content).ok(),
                reason,
            },
            Verdict::New => self.new_item(place, record, content).unwrap_or_else(|error| {
                self.count_poison(index, place.topic);
                Item::Poison { place, subject: self.records.key_text(record), error }
            }),
        }
    }

    fn new_item<'a>(
        &'a self,
        place: Place<'a>,
        record: &'a RawRecord,
        content: &'a Content,
    ) -> Result<Item<'a>, PoisonError> {
        let avro =
            |schema: &SchemaIndex, datum: &'a [u8]| Body::Avro { schema: &self.schemas[schema.0], datum };
        let body = match content {
            Content::Poison(error) => return Err((**error).clone()),
            Content::Avro { schema, length } => avro(schema, self.records.value_tail(record, *length)),
            Content::Read { schema, datum } => avro(schema, datum),
            Content::Structured(event) => match &event.body {
                StructuredBody::Avro { schema, datum } => avro(schema, datum),
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
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    pub(crate) records: u64,
    pub(crate) duplicates: u64,
    pub(crate) misplaced: u64,
}

/// One of the schemas of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SchemaIndex(pub(crate) usize);

/// What became of a record's value.
#[derive(Debug)]
pub(crate) enum Content {
    /// Not looked at: its verdict says enough.
    Unread,
    Empty,
    /// The last bytes of the value.
    Avro {
        schema: SchemaIndex,
        length: u32,
    },
    /// Made of the value, which another schema wrote.
    Read {
        schema: SchemaIndex,
        datum: Box<[u8]>,
    },
    Structured(Box<StructuredEvent>),
    Poison(Box<PoisonError>),
}

/// A CloudEvent that stood in the value as JSON.
#[derive(Debug)]
pub(crate) struct StructuredEvent {
    pub(crate) envelope: EnvelopeView<'static>,
    pub(crate) body: StructuredBody,
}

#[derive(Debug)]
pub(crate) enum StructuredBody {
    Avro { schema: SchemaIndex, datum: Vec<u8> },
    Json(String),
}
