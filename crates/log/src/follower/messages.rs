//! What the consumer thread and the follower say to each other.
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::Receiver;

use brainops_event::{Partition, TopicName};
use rdkafka::error::KafkaError;
use tokio::sync::mpsc;

use super::assignment::Assignment;
use crate::batch::Span;
use crate::frontier::PartitionLag;
use crate::intake::Gathered;
use crate::read_error::ReadError;

/// From the thread to the follower.
#[derive(Debug)]
pub(super) enum Message {
    Assigned(Assignment),
    Revoked(Vec<(TopicName, Partition)>),
    Gathered(Gathered),
    Idle(Vec<PartitionLag>),
    Failed(ReadError),
}

/// From the follower to the thread.
#[derive(Debug)]
pub(super) enum Command {
    Hold(TopicName, Partition),
    /// Records of this partition wait at the follower: fetch no more of it.
    KeepBack(TopicName, Partition),
    GoOn(TopicName, Partition),
    DealtWith(Vec<Span>),
    Stop,
}

/// The thread's ends of what joins it with the follower.
pub(super) struct Ends {
    pub(super) messages: mpsc::Sender<Message>,
    pub(super) commands: Receiver<Command>,
    /// Set by the follower when it begins to wait for a batch.
    pub(super) wanting: Arc<AtomicBool>,
}

/// Why turns end.
pub(super) enum End {
    /// Nobody wants more.
    Stopped,
    Failed(ReadError),
}

impl From<ReadError> for End {
    fn from(error: ReadError) -> End {
        End::Failed(error)
    }
}

impl From<KafkaError> for End {
    fn from(error: KafkaError) -> End {
        End::Failed(ReadError::Client(error))
    }
}
