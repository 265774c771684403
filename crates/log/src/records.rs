//! Records as they were read, in one piece of memory.
//!
//! ```text
//!   key | value | header, header, ... | key | value | ...
//!
//!   a header:  name (1 byte; 255: length and name follow) | length of its value, or null | value
//! ```
use brainops_event::{Offset, Partition, Timestamp, TopicName, timestamp_from_millis};
use rdkafka::message::{BorrowedMessage, Message};

use crate::batch::Place;
use crate::claim::ClaimHeaders;
use crate::digest::RecordDigest;
use crate::header_name::HeaderName;
use crate::native::RawMessage;
use crate::window::Verdict;

/// Stands for null where a length is expected; no record is as long.
const NULL: u32 = u32::MAX;
/// Stands before a name that is not known.
const OTHER_NAME: u8 = u8::MAX;

/// Keys, values and headers of records, end to end.
#[derive(Debug, Default)]
pub(crate) struct Records {
    bytes: Vec<u8>,
    places: Vec<(TopicName, Partition)>,
    pub(crate) list: Vec<RawRecord>,
}

/// A record's places in [`Records`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawRecord {
    pub(crate) offset: Offset,
    pub(crate) verdict: Verdict,
    recorded_at_ms: i64,
    start: usize,
    key: u32,
    value: u32,
    headers: u32,
    pub(crate) place: PlaceIndex,
}

/// A record with its key, value and headers end to end as they lie in [`Records`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kept<'a> {
    pub(crate) offset: Offset,
    pub(crate) recorded_at_ms: i64,
    /// Length of the key; none when it is null.
    pub(crate) key: Option<u32>,
    /// Length of the value; none when it is null.
    pub(crate) value: Option<u32>,
    /// Length of the headers.
    pub(crate) headers: u32,
    pub(crate) bytes: &'a [u8],
}

/// One of the partitions of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PlaceIndex(u32);

impl Records {
    /// With room for about as much as came the time before.
    pub(crate) fn with_room_like(before: &Records) -> Records {
        Records {
            bytes: Vec::with_capacity(before.bytes.len()),
            places: Vec::with_capacity(before.places.len()),
            list: Vec::with_capacity(before.list.len()),
        }
    }

    /// The most bytes that a message can take here, except for its headers.
    pub(crate) fn size_without_headers(message: RawMessage<'_>) -> usize {
        message.key().map_or(0, <[u8]>::len) + message.value().map_or(0, <[u8]>::len)
    }

    /// How many bytes a message takes here.
    pub(crate) fn size(message: RawMessage<'_>) -> usize {
        let header = |(name, value): (&[u8], Option<&[u8]>)| match HeaderName::of(name) {
            HeaderName::Known(_) => 5 + value.map_or(0, <[u8]>::len),
            HeaderName::Other(name) => 9 + name.len() + value.map_or(0, <[u8]>::len),
        };
        Records::size_without_headers(message) + message.headers().map(header).sum::<usize>()
    }

    /// Digest of a message that is not kept.
    pub(crate) fn digest_of(message: RawMessage<'_>) -> RecordDigest {
        RecordDigest::of(message.key(), message.value(), message.headers())
    }

    pub(crate) fn bytes_len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn add_place(&mut self, topic: &TopicName, partition: Partition) -> PlaceIndex {
        self.places.push((topic.clone(), partition));
        PlaceIndex(self.places.len() as u32 - 1)
    }

    pub(crate) fn places(&self) -> &[(TopicName, Partition)] {
        &self.places
    }

    /// Keeps a message, not judged yet. Returns what it claims to be by its headers.
    pub(crate) fn push<'a>(
        &mut self,
        message: RawMessage<'a>,
        place: PlaceIndex,
        offset: Offset,
    ) -> ClaimHeaders<'a> {
        let start = self.bytes.len();
        let (key, value) = (self.keep(message.key()), self.keep(message.value()));
        let headers_from = self.bytes.len();
        let mut claim = ClaimHeaders::default();
        for (name, value) in message.headers() {
            let name = HeaderName::of(name);
            claim.take(name, value);
            self.keep_header(name, value);
        }
        let headers = (self.bytes.len() - headers_from) as u32;
        let recorded_at_ms = message.recorded_at_ms().unwrap_or_default();
        let verdict = Verdict::New;
        self.list.push(RawRecord { offset, verdict, recorded_at_ms, start, key, value, headers, place });
        claim
    }

    /// One of its records as it lies here.
    pub(crate) fn kept(&self, record: &RawRecord) -> Kept<'_> {
        let length = |length| (length != NULL).then_some(length);
        let RawRecord { offset, recorded_at_ms, start, headers, .. } = *record;
        let bytes = &self.bytes[start..record.headers_from() + headers as usize];
        Kept { offset, recorded_at_ms, key: length(record.key), value: length(record.value), headers, bytes }
    }

    /// Keeps a record that lay in others like these, as new. The three lengths must add up to its bytes.
    pub(crate) fn push_kept(&mut self, kept: Kept<'_>, place: PlaceIndex) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(kept.bytes);
        let (key, value) = (kept.key.unwrap_or(NULL), kept.value.unwrap_or(NULL));
        let Kept { offset, recorded_at_ms, headers, .. } = kept;
        let verdict = Verdict::New;
        self.list.push(RawRecord { offset, verdict, recorded_at_ms, start, key, value, headers, place });
    }

    /// The number of a partition here, if it has one.
    pub(crate) fn place_index(&self, topic: &TopicName, partition: Partition) -> Option<PlaceIndex> {
        let is_it = |(its_topic, its_partition): &(_, _)| *its_partition == partition && its_topic == topic;
        self.places.iter().position(is_it).map(|index| PlaceIndex(index as u32))
    }

    /// Keeps a record of others.
    pub(crate) fn copy(&mut self, others: &Records, record: &RawRecord, place: PlaceIndex) {
        let length = record.headers_from() + record.headers as usize - record.start;
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&others.bytes[record.start..record.start + length]);
        self.list.push(RawRecord { start, place, ..*record });
    }

    /// Judges the record that was kept last.
    pub(crate) fn judge_last(&mut self, verdict: Verdict) {
        if let Some(record) = self.list.last_mut() {
            record.verdict = verdict;
        }
    }

    /// Keeps a record that came from nowhere.
    #[cfg(test)]
    pub(crate) fn push_made(
        &mut self,
        place: PlaceIndex,
        (offset, recorded_at_ms): (Offset, i64),
        verdict: Verdict,
        (key, value): (Option<&[u8]>, Option<&[u8]>),
        headers: &[(Vec<u8>, Option<Vec<u8>>)],
    ) {
        let start = self.bytes.len();
        let (key, value) = (self.keep(key), self.keep(value));
        let headers_from = self.bytes.len();
        for (name, value) in headers {
            self.keep_header(HeaderName::of(name), value.as_deref());
        }
        let headers = (self.bytes.len() - headers_from) as u32;
        self.list.push(RawRecord { offset, verdict, recorded_at_ms, start, key, value, headers, place });
    }

    fn keep(&mut self, bytes: Option<&[u8]>) -> u32 {
        bytes.map_or(NULL, |bytes| {
            self.bytes.extend_from_slice(bytes);
            bytes.len() as u32
        })
    }

    fn keep_header(&mut self, name: HeaderName<'_>, value: Option<&[u8]>) {
        match name {
            HeaderName::Known(known) => self.bytes.push(known),
            HeaderName::Other(name) => {
                self.bytes.push(OTHER_NAME);
                self.bytes.extend_from_slice(&(name.len() as u32).to_le_bytes());
                self.bytes.extend_from_slice(name);
            }
        }
        let length = value.map_or(NULL, |value| value.len() as u32);
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(value.unwrap_or_default());
    }

    pub(crate) fn key(&self, record: &RawRecord) -> Option<&[u8]> {
        (record.key != NULL).then(|| &self.bytes[record.start..record.value_from()])
    }

    pub(crate) fn value(&self, record: &RawRecord) -> Option<&[u8]> {
        (record.value != NULL).then(|| &self.bytes[record.value_from()..record.headers_from()])
    }

    /// The last `length` bytes of a record's value.
    pub(crate) fn value_tail(&self, record: &RawRecord, length: u32) -> &[u8] {
        let end = record.headers_from();
        &self.bytes[end - length as usize..end]
    }

    pub(crate) fn key_text(&self, record: &RawRecord) -> Option<&str> {
        self.key(record).and_then(|key| std::str::from_utf8(key).ok())
    }

    pub(crate) fn headers(&self, record: &RawRecord) -> KeptHeaders<'_> {
        let from = record.headers_from();
        KeptHeaders { rest: &self.bytes[from..from + record.headers as usize] }
    }

    /// Without those whose name is not UTF-8: they are none of ours.
    pub(crate) fn text_headers(&self, record: &RawRecord) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        self.headers(record).filter_map(|(name, value)| Some((name.text()?, value)))
    }

    pub(crate) fn place<'a>(&'a self, record: &RawRecord) -> Place<'a> {
        let (topic, partition) = &self.places[record.place.index()];
        Place { topic, partition: *partition, offset: record.offset, recorded_at: record.recorded_at() }
    }

    pub(crate) fn is_of(&self, record: &RawRecord, topic: &TopicName, partition: Partition) -> bool {
        let (its_topic, its_partition) = &self.places[record.place.index()];
        *its_partition == partition && its_topic == topic
    }

    pub(crate) fn digest(&self, record: &RawRecord) -> RecordDigest {
        let headers = self.headers(record).map(|(name, value)| (name.bytes(), value));
        RecordDigest::of(self.key(record), self.value(record), headers)
    }

    pub(crate) fn first_recorded_at(&self, topic: &TopicName, partition: Partition) -> Option<Timestamp> {
        let first = self.list.iter().find(|record| self.is_of(record, topic, partition))?;
        Some(first.recorded_at())
    }
}

impl<'a> Kept<'a> {
    /// The key; nothing when it is null.
    pub(crate) fn key_bytes(&self) -> &'a [u8] {
        &self.bytes[..self.key.unwrap_or(0) as usize]
    }
}

impl PlaceIndex {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

impl RawRecord {
    pub(crate) fn recorded_at(&self) -> Timestamp {
        timestamp_from_millis(self.recorded_at_ms).unwrap_or_default()
    }

    fn value_from(&self) -> usize {
        self.start + if self.key == NULL { 0 } else { self.key as usize }
    }

    fn headers_from(&self) -> usize {
        self.value_from() + if self.value == NULL { 0 } else { self.value as usize }
    }
}

/// Headers as they were kept, in order.
pub(crate) struct KeptHeaders<'a> {
    rest: &'a [u8],
}

impl<'a> KeptHeaders<'a> {
    fn length(&mut self) -> Option<u32> {
        let (length, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(u32::from_le_bytes(*length))
    }

    fn bytes(&mut self, length: u32) -> Option<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(length as usize)?;
        self.rest = rest;
        Some(bytes)
    }
}

impl<'a> Iterator for KeptHeaders<'a> {
    type Item = (HeaderName<'a>, Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, rest) = self.rest.split_first()?;
        self.rest = rest;
        let name = match *name {
            OTHER_NAME => {
                let length = self.length()?;
                HeaderName::Other(self.bytes(length)?)
            }
            known => HeaderName::Known(known),
        };
        let value = match self.length()? {
            NULL => None,
            length => Some(self.bytes(length)?),
        };
        Some((name, value))
    }
}

/// When the broker recorded a message.
pub(crate) fn recorded_at(message: &BorrowedMessage<'_>) -> Option<Timestamp> {
    message.timestamp().to_millis().and_then(timestamp_from_millis)
}
