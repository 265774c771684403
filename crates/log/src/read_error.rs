//! Why reading stops.
use std::time::Duration;

use brainops_event::{Offset, Partition, TopicId, TopicName};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use thiserror::Error;

use crate::cluster::ClusterError;

/// Why nothing more is read. A broker that is away for a while is none of these: it is waited for.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The cluster did not answer, or not as it should.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The Kafka client cannot be made, or broke. Beginning again may help.
    #[error("the kafka client failed")]
    Client(#[source] KafkaError),
    /// The reader may not read this, or the group may not be joined. Beginning again does not help.
    #[error("kafka refuses to let the reader read: {code}")]
    Refused {
        /// What the broker said.
        code: RDKafkaErrorCode,
    },
    /// The offset to go on from is outside of the log: history was cut off, or this is another log. A person has to
    /// decide; it is never reset.
    #[error("{topic}/{partition} is to be read from offset {wanted}, the log there goes from {low} to {end}")]
    OutOfRange {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: Partition,
        /// The offset to go on from.
        wanted: Offset,
        /// The first offset that there is.
        low: Offset,
        /// The offset after the last record.
        end: Offset,
    },
    /// The topic was deleted and made again: positions of the old one mean nothing there. A person has to decide.
    #[error("{topic} has the id {found}, reading began with {expected}: it was deleted and made again")]
    OtherTopic {
        /// The topic.
        topic: TopicName,
        /// The id when reading began.
        expected: TopicId,
        /// The id now.
        found: TopicId,
    },
    /// What was read is damaged, as its checksum or compression says.
    #[error("a record is damaged: {code}")]
    Damaged {
        /// What the client found.
        code: RDKafkaErrorCode,
    },
    /// An assignment was answered with another set of partitions.
    #[error("the assignment of {topic}/{partition} was answered with {found} offsets, accepted is one")]
    Answer {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: Partition,
        /// How many offsets were named for it.
        found: usize,
    },
    /// An assignment was not answered: dropped, or too late.
    #[error("an assignment was not answered within {} s", limit.as_secs())]
    Unanswered {
        /// How long an answer may take.
        limit: Duration,
    },
    /// Nothing came though there should be something: reading up to a frontier gave up.
    #[error("{topic}/{partition} gave nothing from offset {next} on for {} s, wanted is up to {to}", limit.as_secs())]
    Stalled {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: Partition,
        /// The next offset to be read.
        next: Offset,
        /// Where reading was to end.
        to: Offset,
        /// How long nothing came.
        limit: Duration,
    },
    /// Reading has ended before; the first answer said why.
    #[error("reading has ended")]
    Ended,
}
