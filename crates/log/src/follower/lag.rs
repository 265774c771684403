//! Keeps what is known of the lag of each partition, and shows its sum per topic.
use std::collections::BTreeMap;

use brainops_event::{Partition, TopicName};
use metrics::gauge;

use crate::batch::Span;
use crate::frontier::{PartitionLag, age};
use crate::metrics::{LAG_OFFSETS, LAG_SECONDS};

#[derive(Debug)]
pub(super) struct KnownLag {
    group: String,
    partitions: BTreeMap<(TopicName, Partition), PartitionLag>,
}

impl KnownLag {
    pub(super) fn new(group: String) -> KnownLag {
        KnownLag { group, partitions: BTreeMap::new() }
    }

    pub(super) fn learn(&mut self, lags: &[PartitionLag]) {
        for lag in lags {
            self.partitions.insert((lag.topic.clone(), lag.partition), lag.clone());
        }
        self.show();
    }

    /// After these spans were handed out; what comes next is about as old as what came last.
    pub(super) fn advance(&mut self, spans: &[Span]) {
        let now = chrono::Utc::now();
        let lag = |span: &Span| {
            let end = span.log_end.unwrap_or(span.through);
            let age = age(now, span.last_recorded_at);
            PartitionLag::new(span.topic.clone(), span.partition, span.through, end, Some(age))
        };
        let lags: Vec<PartitionLag> = spans.iter().map(lag).collect();
        self.learn(&lags);
    }

    pub(super) fn forget(&mut self, revoked: &[(TopicName, Partition)]) {
        for place in revoked {
            if let Some(lag) = self.partitions.remove(place) {
                self.gauge(&lag.topic, 0, 0.0); // unless another partition of the topic says otherwise
            }
        }
        self.show();
    }

    fn show(&self) {
        let mut topics: BTreeMap<&TopicName, (u64, f64)> = BTreeMap::new();
        for lag in self.partitions.values() {
            let (offsets, seconds) = topics.entry(&lag.topic).or_default();
            *offsets += lag.offsets;
            *seconds = seconds.max(lag.seconds);
        }
        for (topic, (offsets, seconds)) in topics {
            self.gauge(topic, offsets, seconds);
        }
    }

    fn gauge(&self, topic: &TopicName, offsets: u64, seconds: f64) {
        let labels = [("topic", topic.as_str().to_owned()), ("group", self.group.clone())];
        gauge!(LAG_OFFSETS, &labels).set(offsets as f64);
        gauge!(LAG_SECONDS, &labels).set(seconds);
    }
}
