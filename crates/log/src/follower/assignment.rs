//! Partitions that became ours, and the answer where to go on from.
use std::sync::mpsc::Sender;
use std::thread::Thread;

use brainops_event::{Offset, Partition, TopicId, TopicName};

/// A partition that became ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssignedPartition {
    /// The topic.
    pub topic: TopicName,
    /// The id of the topic now; a checkpoint of another id is of another log.
    pub topic_id: TopicId,
    /// The partition.
    pub partition: Partition,
    /// The first offset that the log has.
    pub low: Offset,
    /// The offset after the last record.
    pub end: Offset,
}

/// Partitions that became ours. Nothing is read of them, and no rebalance goes on, until this is answered; an
/// assignment that is dropped ends the follower.
#[derive(Debug)]
pub struct Assignment {
    pub(super) partitions: Vec<AssignedPartition>,
    pub(super) answer: Sender<Vec<(TopicName, Partition, Offset)>>,
    pub(super) thread: Thread,
}

impl Assignment {
    /// The partitions.
    pub fn partitions(&self) -> &[AssignedPartition] {
        &self.partitions
    }

    /// Says from which offset on each partition is to be delivered. Each must be named once; another answer, or an
    /// offset outside of the log, is [`Signal::Failed`](super::Signal::Failed).
    pub fn start(self, offsets: Vec<(TopicName, Partition, Offset)>) {
        if self.answer.send(offsets).is_err() {
            tracing::debug!("an assignment was answered after it was taken back");
        }
        self.thread.unpark();
    }
}
