//! Takes records partition by partition in log order, judges each, and gathers those that are to be delivered.
//!
//! ```text
//!   refill_from ............ start ................ through ......... end
//!      shown to the window,    delivered in spans      next to be
//!      never delivered                                 delivered
//! ```
use std::collections::BTreeMap;
use std::ffi::CString;

use brainops_event::{Offset, Partition, PartitionCount, Timestamp, TopicId, TopicName};
use chrono::Utc;
use rdkafka::message::{BorrowedMessage, Message};

use crate::batch::Span;
use crate::claim::Claim;
use crate::digest::RecordDigest;
use crate::frontier::{PartitionLag, age};
use crate::records::Records;
use crate::window::{WINDOW_OFFSETS, Window};

/// How much is gathered before it is handed on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) records: usize,
    /// A record that is larger alone is handed on alone.
    pub(crate) bytes: usize,
}

/// What was gathered, not yet looked into.
#[derive(Debug)]
pub(crate) struct Gathered {
    pub(crate) records: Records,
    pub(crate) spans: Vec<Span>,
}

/// A partition to take records of.
#[derive(Debug, Clone)]
pub(crate) struct Begin {
    pub(crate) topic: TopicName,
    pub(crate) topic_id: TopicId,
    pub(crate) partitions: PartitionCount,
    pub(crate) partition: Partition,
    /// The first offset of the log.
    pub(crate) low: Offset,
    /// The offset after its last record.
    pub(crate) end: Offset,
    /// The first offset to be delivered.
    pub(crate) start: Offset,
}

impl Begin {
    /// Where reading begins, so that the window is full at `start`.
    pub(crate) fn refill_from(&self) -> Offset {
        let back = self.start.get().saturating_sub(WINDOW_OFFSETS as i64);
        Offset::new(back).map_or(self.low, |back| back.max(self.low))
    }
}

pub(crate) struct Intake {
    limits: Limits,
    records: Records,
    topics: Vec<Topic>,
}

struct Topic {
    name: TopicName,
    /// The name as the Kafka client wants it.
    c_name: CString,
    partitions: BTreeMap<Partition, Followed>,
}

struct Followed {
    begin: Begin,
    /// The next offset to be looked at.
    seen: Offset,
    /// The next offset to be handed on.
    through: Offset,
    window: Window,
    previous_digest: Option<RecordDigest>,
    end: Offset,
    held: bool,
    /// Since when there have been records that were not handed on.
    behind_since: Option<Timestamp>,
}

impl Intake {
    pub(crate) fn new(limits: Limits) -> Intake {
        Intake { limits, records: Records::default(), topics: Vec::new() }
    }

    /// Begins to take records of a partition, at [`Begin::refill_from`].
    pub(crate) fn insert(&mut self, begin: Begin) {
        let followed = Followed {
            seen: begin.refill_from(),
            through: begin.start,
            window: Window::new(),
            previous_digest: None,
            end: begin.end,
            held: false,
            behind_since: None,
            begin,
        };
        let (name, partition) = (followed.begin.topic.clone(), followed.begin.partition);
        if self.topic(name.as_str()).is_none() {
            let c_name = CString::new(name.as_str()).unwrap_or_default(); // a topic name holds no zero byte
            self.topics.push(Topic { name: name.clone(), c_name, partitions: BTreeMap::new() });
        }
        if let Some(topic) = self.topic(name.as_str()) {
            topic.partitions.insert(partition, followed);
        }
    }

    /// Forgets a partition. What was gathered of it must have been handed on.
    pub(crate) fn remove(&mut self, topic: &TopicName, partition: Partition) {
        if let Some(topic) = self.topic(topic.as_str()) {
            topic.partitions.remove(&partition);
        }
    }

    /// Takes nothing more of a partition.
    pub(crate) fn hold(&mut self, topic: &TopicName, partition: Partition) {
        if let Some(followed) = self.followed(topic.as_str(), partition) {
            followed.held = true;
        }
    }

    /// Whether what is gathered must be handed on before this message can be taken.
    pub(crate) fn is_full_for(&self, message: &BorrowedMessage<'_>) -> bool {
        let gathered = self.records.bytes_len();
        !self.is_empty() && gathered + Records::size(message) > self.limits.bytes
    }

    pub(crate) fn is_full(&self) -> bool {
        self.records.list.len() >= self.limits.records || self.records.bytes_len() >= self.limits.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.records.list.is_empty()
    }

    /// Judges a message and, unless it serves the window only, gathers it.
    pub(crate) fn take(&mut self, message: &BorrowedMessage<'_>) {
        let Ok(offset) = Offset::new(message.offset()) else { return };
        let Ok(partition) = Partition::new(message.partition()) else { return };
        let topic = self.topics.iter_mut().find(|topic| topic.name.as_str() == message.topic());
        let Some(followed) = topic.and_then(|topic| topic.partitions.get_mut(&partition)) else { return };
        if followed.held || offset < followed.seen {
            return; // a repeated fetch, or nobody wants it
        }
        followed.seen = offset.next();
        let claim = Claim::of(message, partition, followed.begin.partitions);
        let verdict = followed.window.judge(offset, claim.identity, claim.placed);
        if offset >= followed.begin.start {
            self.records.push(message, &followed.begin.topic, partition, offset, verdict);
        } else if offset.next() == followed.begin.start {
            followed.previous_digest = Some(Records::digest_of(message));
        }
    }

    /// Everything gathered so far, if there is anything. `end_of` says where a partition ends now, if known.
    pub(crate) fn hand_on(
        &mut self,
        end_of: impl Fn(&CString, Partition) -> Option<Offset>,
    ) -> Option<Gathered> {
        if self.is_empty() {
            return None;
        }
        let records = std::mem::take(&mut self.records);
        let mut spans = Vec::new();
        for ((topic, partition), last) in records.last_of_each() {
            let Some(topic) = self.topic(topic.as_str()) else { continue };
            let Some(followed) = topic.partitions.get_mut(&partition) else { continue };
            let through = last.offset.next();
            let last_digest = records.digest(last);
            followed.learn_end(end_of(&topic.c_name, partition));
            spans.push(Span {
                topic: followed.begin.topic.clone(),
                topic_id: followed.begin.topic_id.clone(),
                partition,
                from: followed.through,
                through,
                previous_digest: followed.previous_digest.replace(last_digest),
                last_digest,
                last_recorded_at: last.recorded_at,
                log_end: Some(followed.end.max(through)),
            });
            followed.through = through;
            followed.behind_since = None;
        }
        Some(Gathered { records, spans })
    }

    /// How far what was handed on is behind the end, as far as is known here without asking.
    pub(crate) fn lag(
        &mut self,
        end_of: impl Fn(&CString, Partition) -> Option<Offset>,
    ) -> Vec<PartitionLag> {
        let now = Utc::now();
        let mut lags = Vec::new();
        for topic in &mut self.topics {
            for (partition, followed) in &mut topic.partitions {
                followed.learn_end(end_of(&topic.c_name, *partition));
                let is_behind = followed.end > followed.through;
                let since = if is_behind { Some(*followed.behind_since.get_or_insert(now)) } else { None };
                followed.behind_since = since;
                let name = topic.name.clone();
                let seconds = since.map(|since| age(now, since));
                lags.push(PartitionLag::new(name, *partition, followed.through, followed.end, seconds));
            }
        }
        lags
    }

    /// The partitions that are followed, each with the next offset to be looked at and its topic's id.
    pub(crate) fn places(&self) -> impl Iterator<Item = (&Begin, Offset)> {
        let followed = self.topics.iter().flat_map(|topic| topic.partitions.values());
        followed.map(|followed| (&followed.begin, followed.seen))
    }

    /// Whether nothing more of it is taken.
    pub(crate) fn is_held(&self, begin: &Begin) -> bool {
        let topic = self.topics.iter().find(|topic| topic.name == begin.topic);
        let followed = topic.and_then(|topic| topic.partitions.get(&begin.partition));
        followed.is_none_or(|followed| followed.held)
    }

    fn topic(&mut self, name: &str) -> Option<&mut Topic> {
        self.topics.iter_mut().find(|topic| topic.name.as_str() == name)
    }

    fn followed(&mut self, topic: &str, partition: Partition) -> Option<&mut Followed> {
        self.topic(topic)?.partitions.get_mut(&partition)
    }
}

impl Followed {
    fn learn_end(&mut self, end: Option<Offset>) {
        if let Some(end) = end {
            self.end = self.end.max(end);
        }
    }
}
