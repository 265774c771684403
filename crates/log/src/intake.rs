//! Takes records partition by partition in log order, judges each, and gathers those that are to be delivered.
//!
//! ```text
//!   refill_from ............ start ................ through ......... end
//!      shown to the window,    delivered in spans      next to be
//!      never delivered                                 delivered
//! ```
use std::ffi::{CStr, CString};

use brainops_event::{Offset, Partition, PartitionCount, Timestamp, TopicId, TopicName};
use chrono::Utc;

use crate::batch::Span;
use crate::claim::ClaimHeaders;
use crate::digest::RecordDigest;
use crate::frontier::{PartitionLag, age};
use crate::header_name::HeaderName;
use crate::native::{RawMessage, TopicHandle};
use crate::records::{PlaceIndex, Records};
use crate::window::{WINDOW_OFFSETS, Window};

/// How much is gathered before it is handed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

impl Gathered {
    /// Takes what it has of a partition from the record of this number on, if there is any.
    pub(crate) fn split_off(
        &mut self,
        topic: &TopicName,
        partition: Partition,
        from: usize,
    ) -> Option<Gathered> {
        let position = |span: &Span| span.partition == partition && span.topic == *topic;
        let position = self.spans.iter().position(position)?;
        let mut rest = Records::default();
        let place = rest.add_place(topic, partition);
        let records = &mut self.records;
        let goes = |records: &Records, index: usize| {
            index >= from && records.is_of(&records.list[index], topic, partition)
        };
        let (mut stays, mut last) = (Vec::with_capacity(records.list.len()), None);
        for (index, record) in records.list.iter().enumerate() {
            if goes(records, index) {
                rest.copy(records, record, place);
            } else {
                if records.is_of(record, topic, partition) {
                    last = Some(*record);
                }
                stays.push(*record);
            }
        }
        if rest.list.is_empty() {
            return None;
        }
        records.list = stays;
        let mut span = self.spans[position].clone();
        match last {
            None => drop(self.spans.remove(position)),
            Some(last) => {
                let cut = &mut self.spans[position];
                (cut.through, cut.last_digest) = (last.offset.next(), records.digest(&last));
                cut.last_recorded_at = last.recorded_at();
                (span.from, span.previous_digest) = (cut.through, Some(cut.last_digest));
            }
        }
        Some(Gathered { records: rest, spans: vec![span] })
    }
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
    /// The first offset that is not wanted any more; none when reading goes on for ever.
    pub(crate) until: Option<Offset>,
}

impl Begin {
    /// Where reading begins, so that the window is full at `start`.
    pub(crate) fn refill_from(&self) -> Offset {
        let back = self.start.get().saturating_sub(WINDOW_OFFSETS as i64);
        Offset::new(back).map_or(self.low, |back| back.max(self.low))
    }
}

/// Headers of one record are taken to be at most as large, unless there is reason to count them.
const HEADER_BYTES: usize = 1024 * 1024;

pub(crate) struct Intake {
    steady: Limits,
    /// Of the batch at hand.
    limits: Limits,
    records: Records,
    followed: Vec<Followed>,
    /// Records come in rows of one partition: where the last one belonged.
    latest: Option<(TopicHandle, i32, usize)>,
}

struct Followed {
    begin: Begin,
    /// The topic's name as the Kafka client wants it.
    c_topic: CString,
    /// The next offset to be looked at.
    seen: Offset,
    /// The next offset to be handed on.
    through: Offset,
    window: Window,
    previous_digest: Option<RecordDigest>,
    end: Offset,
    held: bool,
    /// Whether its records wait elsewhere, and more are not fetched meanwhile.
    kept_back: bool,
    /// Since when there have been records that were not handed on.
    behind_since: Option<Timestamp>,
    /// In the batch at hand, if it has records of this partition: its number there, and the last of them.
    gathered: Option<(PlaceIndex, usize)>,
}

impl Intake {
    pub(crate) fn new(limits: Limits) -> Intake {
        Intake { steady: limits, limits, records: Records::default(), followed: Vec::new(), latest: None }
    }

    /// Begins to take records of a partition, at [`Begin::refill_from`].
    pub(crate) fn insert(&mut self, begin: Begin) {
        self.remove(&begin.topic.clone(), begin.partition);
        self.followed.push(Followed {
            c_topic: begin.c_topic(),
            seen: begin.refill_from(),
            through: begin.start,
            window: Window::new(),
            previous_digest: None,
            end: begin.end,
            held: false,
            kept_back: false,
            behind_since: None,
            gathered: None,
            begin,
        });
    }

    /// Forgets a partition. What was gathered of it must have been handed on.
    pub(crate) fn remove(&mut self, topic: &TopicName, partition: Partition) {
        self.latest = None;
        self.followed.retain(|followed| !followed.is_of(topic, partition));
    }

    /// Takes nothing more of a partition.
    pub(crate) fn hold(&mut self, topic: &TopicName, partition: Partition) {
        if let Some(followed) = self.followed.iter_mut().find(|followed| followed.is_of(topic, partition)) {
            followed.held = true;
        }
    }

    /// Says whether a partition's records wait elsewhere. False when there is no such partition, or it is held.
    pub(crate) fn keep_back(&mut self, topic: &TopicName, partition: Partition, kept_back: bool) -> bool {
        let followed = self.followed.iter_mut().find(|followed| followed.is_of(topic, partition));
        let Some(followed) = followed.filter(|followed| !followed.held) else { return false };
        followed.kept_back = kept_back;
        true
    }

    /// Whether what is gathered must be handed on before this message can be taken.
    pub(crate) fn is_full_for(&self, message: RawMessage<'_>) -> bool {
        let size = Records::size_without_headers(message);
        if self.is_empty() || self.records.bytes_len() + size + HEADER_BYTES <= self.limits.bytes {
            return false;
        }
        self.records.bytes_len() + Records::size(message) > self.limits.bytes
    }

    pub(crate) fn is_full(&self) -> bool {
        self.room() == 0 || self.records.bytes_len() >= self.limits.bytes
    }

    /// How many records may still be taken.
    pub(crate) fn room(&self) -> usize {
        self.limits.records.saturating_sub(self.records.list.len())
    }

    /// Lets the batch at hand become as large as this, if that is more.
    pub(crate) fn grow(&mut self, limits: Limits) {
        let Limits { records, bytes } = self.steady;
        self.limits = Limits { records: records.max(limits.records), bytes: bytes.max(limits.bytes) };
    }

    pub(crate) fn has_grown(&self) -> bool {
        self.limits != self.steady
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.records.list.is_empty()
    }

    /// Judges a message and, unless it serves the window only, gathers it.
    pub(crate) fn take(&mut self, message: RawMessage<'_>) {
        let Ok(offset) = Offset::new(message.offset()) else { return };
        let Some(index) = self.index_of(message) else { return };
        let followed = &mut self.followed[index];
        if followed.held || offset < followed.seen {
            return; // a repeated fetch, or nobody wants it
        }
        if let Some(until) = followed.begin.until.filter(|until| offset >= *until) {
            followed.seen = until; // what lay between is no record
            return;
        }
        followed.seen = offset.next();
        if offset < followed.begin.start {
            return followed.refill(message, offset);
        }
        let Begin { topic, partition, partitions, .. } = &followed.begin;
        let place = match followed.gathered {
            Some((place, _)) => place,
            None => self.records.add_place(topic, *partition),
        };
        followed.gathered = Some((place, self.records.list.len()));
        let headers = self.records.push(message, place, offset);
        let claim = headers.claim(message.key(), message.value(), *partition, *partitions);
        self.records.judge_last(followed.window.judge(offset, claim.identity, claim.placed));
    }

    /// Whether a partition was not looked at up to where reading ends.
    pub(crate) fn is_unfinished(&self) -> bool {
        self.followed.iter().any(|followed| !followed.is_finished())
    }

    /// The partitions that have come to where reading ends; each is named once, and nothing more is taken of it.
    pub(crate) fn hold_finished(&mut self) -> impl Iterator<Item = &Begin> {
        let finished = self.followed.iter_mut().filter(|followed| !followed.held && followed.is_finished());
        finished.map(|followed| {
            followed.held = true;
            &followed.begin
        })
    }

    fn index_of(&mut self, message: RawMessage<'_>) -> Option<usize> {
        let (handle, partition) = (message.topic_handle(), message.partition());
        if let Some((same_topic, same_partition, index)) = self.latest
            && same_topic == handle
            && same_partition == partition
        {
            return Some(index);
        }
        let topic = message.topic();
        let is_it = |followed: &Followed| {
            followed.begin.partition.get() == partition && followed.begin.topic.as_str().as_bytes() == topic
        };
        let index = self.followed.iter().position(is_it)?;
        self.latest = Some((handle, partition, index));
        Some(index)
    }

    /// Everything gathered so far, if there is anything. `end_of` says where a partition ends now, if known.
    pub(crate) fn hand_on(
        &mut self,
        end_of: impl Fn(&CStr, Partition) -> Option<Offset>,
    ) -> Option<Gathered> {
        self.limits = self.steady;
        if self.is_empty() {
            return None;
        }
        let room = Records::with_room_like(&self.records);
        let records = std::mem::replace(&mut self.records, room);
        let mut spans = Vec::new();
        for followed in &mut self.followed {
            let Some((_, last)) = followed.gathered.take() else { continue };
            followed.learn_end(&end_of);
            spans.push(followed.hand_on(&records, last));
        }
        Some(Gathered { records, spans })
    }

    /// How many offsets are known to lie before the end and were not looked at yet, without those of partitions that
    /// are held or kept back.
    pub(crate) fn known_ahead(&mut self, end_of: impl Fn(&CStr, Partition) -> Option<Offset>) -> u64 {
        let followed = self.followed.iter_mut().filter(|followed| !followed.held && !followed.kept_back);
        let ahead = |followed: &mut Followed| {
            followed.learn_end(&end_of);
            u64::try_from(followed.end.get() - followed.seen.get()).unwrap_or(0)
        };
        followed.map(ahead).sum()
    }

    /// How far what was handed on is behind the end, as far as is known here without asking.
    pub(crate) fn lag(&mut self, end_of: impl Fn(&CStr, Partition) -> Option<Offset>) -> Vec<PartitionLag> {
        let now = Utc::now();
        let lag = |followed: &mut Followed| {
            followed.learn_end(&end_of);
            let is_behind = followed.end > followed.through;
            let since = if is_behind { Some(*followed.behind_since.get_or_insert(now)) } else { None };
            followed.behind_since = since;
            let (topic, partition) = (followed.begin.topic.clone(), followed.begin.partition);
            let seconds = since.map(|since| age(now, since));
            PartitionLag::new(topic, partition, followed.through, followed.end, seconds)
        };
        self.followed.iter_mut().map(lag).collect()
    }

    /// The partitions that are followed, each with the next offset to be looked at and its topic's id.
    pub(crate) fn places(&self) -> impl Iterator<Item = (&Begin, Offset)> {
        self.followed.iter().map(|followed| (&followed.begin, followed.seen))
    }
}

impl Begin {
    /// The topic's name as the Kafka client wants it.
    pub(crate) fn c_topic(&self) -> CString {
        CString::new(self.topic.as_str()).unwrap_or_default() // a topic name holds no zero byte
    }
}

impl Followed {
    fn is_of(&self, topic: &TopicName, partition: Partition) -> bool {
        self.begin.partition == partition && self.begin.topic == *topic
    }

    fn is_finished(&self) -> bool {
        self.begin.until.is_some_and(|until| self.seen >= until)
    }

    fn learn_end(&mut self, end_of: &impl Fn(&CStr, Partition) -> Option<Offset>) {
        if let Some(end) = end_of(&self.c_topic, self.begin.partition) {
            self.end = self.end.max(end);
        }
    }

    /// Shows the window a record that is not delivered: nothing of it is copied.
    fn refill(&mut self, message: RawMessage<'_>, offset: Offset) {
        let mut headers = ClaimHeaders::default();
        message.headers().for_each(|(name, value)| headers.take(HeaderName::of(name), value));
        self.window.remember(offset, headers.identity(message.value()));
        if offset.next() == self.begin.start {
            self.previous_digest = Some(Records::digest_of(message));
        }
    }

    fn hand_on(&mut self, records: &Records, last: usize) -> Span {
        let last = &records.list[last];
        let (from, through) = (self.through, last.offset.next());
        let last_digest = records.digest(last);
        self.through = through;
        self.behind_since = None;
        Span {
            topic: self.begin.topic.clone(),
            topic_id: self.begin.topic_id.clone(),
            partition: self.begin.partition,
            from,
            through,
            previous_digest: self.previous_digest.replace(last_digest),
            last_digest,
            last_recorded_at: last.recorded_at(),
            log_end: Some(self.end.max(through)),
        }
    }
}
