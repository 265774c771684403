//! Tells the broker, for people to see, how far we are. Nobody relies on it.
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use brainops_event::{Offset, Partition, TopicName};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{Offset as KafkaOffset, TopicPartitionList};

use super::context::GroupContext;
use crate::batch::Span;

const INTERVAL: Duration = Duration::from_secs(5);

pub(super) struct Hint {
    next: BTreeMap<(TopicName, Partition), Offset>,
    given_at: Instant,
}

impl Hint {
    pub(super) fn new() -> Hint {
        Hint { next: BTreeMap::new(), given_at: Instant::now() }
    }

    pub(super) fn learn(&mut self, dealt_with: Vec<Span>) {
        self.next.extend(dealt_with.into_iter().map(|span| ((span.topic, span.partition), span.through)));
    }

    pub(super) fn forget(&mut self, topic: &TopicName, partition: Partition) {
        self.next.remove(&(topic.clone(), partition));
    }

    pub(super) fn give_when_due(&mut self, consumer: &BaseConsumer<GroupContext>) {
        if self.given_at.elapsed() >= INTERVAL {
            self.give(consumer);
        }
    }

    pub(super) fn give(&mut self, consumer: &BaseConsumer<GroupContext>) {
        self.given_at = Instant::now();
        if self.next.is_empty() {
            return;
        }
        let list = self.list();
        self.next.clear();
        if let Err(error) = list.and_then(|list| consumer.commit(&list, CommitMode::Async)) {
            tracing::debug!(%error, "no hint to the broker");
        }
    }

    fn list(&self) -> Result<TopicPartitionList, KafkaError> {
        let mut list = TopicPartitionList::with_capacity(self.next.len());
        for ((topic, partition), next) in &self.next {
            list.add_partition_offset(topic.as_str(), partition.get(), KafkaOffset::Offset(next.get()))?;
        }
        Ok(list)
    }
}
