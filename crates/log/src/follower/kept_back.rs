//! Partitions whose next record names a schema that the registry does not have: they wait beside, so that others go
//! on. The client fetches no more of them meanwhile, so that what waits here is what was under way.
use std::collections::VecDeque;
use std::time::Instant;

use brainops_event::{Partition, TopicName};

use crate::frontier::{PartitionLag, age};
use crate::intake::Gathered;
use crate::resolve::RETRY;

#[derive(Debug, Default)]
pub(super) struct KeptBack {
    waiting: Vec<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    topic: TopicName,
    partition: Partition,
    /// In order, each of this partition alone.
    rest: VecDeque<Gathered>,
    look_again: Instant,
}

impl KeptBack {
    /// Keeps what could not be resolved, before all else of its partition. True when that is the first.
    pub(super) fn push_front(&mut self, topic: &TopicName, partition: Partition, rest: Gathered) -> bool {
        let is_new = self.of(topic, partition).is_none();
        if is_new {
            let (topic, rest) = (topic.clone(), VecDeque::new());
            self.waiting.push(Waiting { topic, partition, rest, look_again: Instant::now() });
        }
        if let Some(waiting) = self.of(topic, partition) {
            waiting.rest.push_front(rest);
            waiting.look_again = Instant::now() + RETRY;
        }
        is_new
    }

    /// Takes out of a batch what must not overtake those that wait.
    pub(super) fn follow(&mut self, gathered: &mut Gathered) {
        for waiting in &mut self.waiting {
            waiting.rest.extend(gathered.split_off(&waiting.topic, waiting.partition, 0));
        }
    }

    /// What is to be looked at again by now.
    pub(super) fn due(&mut self) -> Option<Gathered> {
        let now = Instant::now();
        self.waiting.iter_mut().find(|waiting| waiting.look_again <= now)?.rest.pop_front()
    }

    /// When something is to be looked at again.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.waiting.iter().map(|waiting| waiting.look_again).min()
    }

    /// Lets go of partitions of which nothing waits any more.
    pub(super) fn freed(&mut self) -> Vec<(TopicName, Partition)> {
        let freed = self.waiting.extract_if(.., |waiting| waiting.rest.is_empty());
        freed.map(|waiting| (waiting.topic, waiting.partition)).collect()
    }

    pub(super) fn forget(&mut self, revoked: &[(TopicName, Partition)]) {
        let is_revoked = |waiting: &Waiting| {
            revoked
                .iter()
                .any(|(topic, partition)| *partition == waiting.partition && *topic == waiting.topic)
        };
        self.waiting.retain(|waiting| !is_revoked(waiting));
    }

    /// What waits here was not delivered.
    pub(super) fn correct(&self, lags: &mut [PartitionLag]) {
        let now = chrono::Utc::now();
        for lag in lags {
            let waiting = self.waiting.iter().find(|waiting| {
                waiting.partition == lag.partition && waiting.topic == lag.topic && !waiting.rest.is_empty()
            });
            let Some(first) = waiting.and_then(|waiting| waiting.rest.front()) else { continue };
            let Some(span) = first.spans.first() else { continue };
            let oldest =
                first.records.first_recorded_at(&lag.topic, lag.partition).map(|then| age(now, then));
            *lag = PartitionLag::new(lag.topic.clone(), lag.partition, span.from, lag.end, oldest);
        }
    }

    fn of(&mut self, topic: &TopicName, partition: Partition) -> Option<&mut Waiting> {
        self.waiting.iter_mut().find(|waiting| waiting.partition == partition && waiting.topic == *topic)
    }
}
