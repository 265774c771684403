//! Records as they were read, in one piece of memory.
use std::collections::HashMap;
use std::ops::Range;

use brainops_event::{Offset, Partition, Timestamp, TopicName, timestamp_from_millis};
use rdkafka::message::{BorrowedMessage, Message};

use crate::batch::Place;
use crate::digest::RecordDigest;
use crate::native::each_header;
use crate::window::Verdict;

/// Keys, values and headers of records, end to end.
#[derive(Debug, Default)]
pub(crate) struct Records {
    bytes: Vec<u8>,
    headers: Vec<(Range<usize>, Option<Range<usize>>)>,
    pub(crate) list: Vec<RawRecord>,
}

/// A record's places in [`Records`].
#[derive(Debug)]
pub(crate) struct RawRecord {
    pub(crate) topic: TopicName,
    pub(crate) partition: Partition,
    pub(crate) offset: Offset,
    pub(crate) recorded_at: Timestamp,
    pub(crate) verdict: Verdict,
    key: Option<Range<usize>>,
    value: Option<Range<usize>>,
    headers: Range<usize>,
}

impl Records {
    /// How many bytes a message takes here.
    pub(crate) fn size(message: &BorrowedMessage<'_>) -> usize {
        let mut size = message.key_len() + message.payload_len();
        each_header(message, |name, value| size += name.len() + value.map_or(0, <[u8]>::len));
        size
    }

    /// Digest of a message that is not kept.
    pub(crate) fn digest_of(message: &BorrowedMessage<'_>) -> RecordDigest {
        let mut headers: Vec<(Vec<u8>, Option<Vec<u8>>)> = Vec::new();
        each_header(message, |name, value| headers.push((name.to_vec(), value.map(<[u8]>::to_vec))));
        let headers = headers.iter().map(|(name, value)| (name.as_slice(), value.as_deref()));
        RecordDigest::of(message.key(), message.payload(), headers)
    }

    pub(crate) fn bytes_len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn push(
        &mut self,
        message: &BorrowedMessage<'_>,
        topic: &TopicName,
        partition: Partition,
        offset: Offset,
        verdict: Verdict,
    ) {
        let key = message.key().map(|key| self.keep(key));
        let value = message.payload().map(|value| self.keep(value));
        let first_header = self.headers.len();
        each_header(message, |name, value| {
            let name = self.keep(name);
            let value = value.map(|value| self.keep(value));
            self.headers.push((name, value));
        });
        let headers = first_header..self.headers.len();
        let recorded_at = recorded_at(message).unwrap_or_default();
        let topic = topic.clone();
        self.list.push(RawRecord { topic, partition, offset, recorded_at, verdict, key, value, headers });
    }

    fn keep(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }

    pub(crate) fn get(&self, range: &Range<usize>) -> &[u8] {
        &self.bytes[range.clone()]
    }

    pub(crate) fn value(&self, record: &RawRecord) -> Option<&[u8]> {
        record.value.as_ref().map(|range| self.get(range))
    }

    /// The places of the last `length` bytes of a record's value.
    pub(crate) fn value_tail(record: &RawRecord, length: usize) -> Range<usize> {
        let end = record.value.as_ref().map_or(0, |range| range.end);
        end - length..end
    }

    pub(crate) fn key_text(&self, record: &RawRecord) -> Option<&str> {
        record.key.as_ref().and_then(|range| std::str::from_utf8(self.get(range)).ok())
    }

    pub(crate) fn headers(&self, record: &RawRecord) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        self.headers[record.headers.clone()]
            .iter()
            .map(|(name, value)| (self.get(name), value.as_ref().map(|value| self.get(value))))
    }

    /// Without those whose name is not UTF-8: they are none of ours.
    pub(crate) fn text_headers(&self, record: &RawRecord) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        self.headers(record).filter_map(|(name, value)| Some((std::str::from_utf8(name).ok()?, value)))
    }

    pub(crate) fn place<'a>(&'a self, record: &'a RawRecord) -> Place<'a> {
        let RawRecord { partition, offset, recorded_at, .. } = *record;
        Place { topic: &record.topic, partition, offset, recorded_at }
    }

    pub(crate) fn digest(&self, record: &RawRecord) -> RecordDigest {
        let key = record.key.as_ref().map(|range| self.get(range));
        RecordDigest::of(key, self.value(record), self.headers(record))
    }

    pub(crate) fn first_recorded_at(&self, topic: &TopicName, partition: Partition) -> Option<Timestamp> {
        let mut list = self.list.iter();
        let first = list.find(|record| record.partition == partition && record.topic == *topic)?;
        Some(first.recorded_at)
    }

    /// The last record of each partition.
    pub(crate) fn last_of_each(&self) -> HashMap<(&TopicName, Partition), &RawRecord> {
        self.list.iter().map(|record| ((&record.topic, record.partition), record)).collect()
    }
}

/// When the broker recorded a message.
pub(crate) fn recorded_at(message: &BorrowedMessage<'_>) -> Option<Timestamp> {
    message.timestamp().to_millis().and_then(timestamp_from_millis)
}
