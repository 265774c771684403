//! Why a session with a shard ends. All of it passes, or concerns one partition: the next session begins anew, with a
//! new epoch, a new producer, and the log read again.

use brainops_log::{ClusterError, ConfigError, DeliveryError, ReadError, RegistryError, SendError};
use thiserror::Error;

use crate::handover::Doubted;
use crate::recovery::Place;

#[derive(Debug, Error)]
pub(crate) enum SessionEnd {
    #[error("the lease is lost: another relay may have the shard")]
    LeaseLost,
    #[error("postgres did not answer while the lease was asked for")]
    NoAnswer,
    #[error("postgres did not do what it should")]
    Database(#[from] sqlx::Error),
    #[error("kafka did not tell what topics there are")]
    Cluster(#[from] ClusterError),
    #[error("the ends of the partitions cannot be read")]
    Read(#[from] ReadError),
    #[error("the registry did not tell the schema of a record that has no reservation")]
    Registry(#[source] std::sync::Arc<RegistryError>),
    #[error("no producer can be made")]
    Producer(#[source] ConfigError),
    #[error("a row cannot be sent")]
    ProducerEnded(#[source] SendError),
    #[error("kafka did not acknowledge row {outbox_id} in {}/{}", place.0, place.1)]
    Delivery { outbox_id: i64, place: Place, source: DeliveryError },
    #[error("kafka acknowledged rows of a partition out of order")]
    OutOfOrder,
    #[error("kafka acknowledged offset {offset} in {}/{}, which had come to {expected}", place.0, place.1)]
    WentBack { place: Place, offset: i64, expected: i64 },
    #[error("row {outbox_id} was acknowledged in {}/{}, and does not stand there", place.0, place.1)]
    NotThere { outbox_id: i64, place: Place },
    #[error("{0} names were reserved while they were looked up")]
    Raced(u64),
    #[error("{topic}/{partition} has rows to be sent and is not known here")]
    NewPlace { topic: String, partition: i32 },
    #[error("row {0}, which rows of earlier epochs waited for, stands in the log now")]
    GateOpened(i64),
    #[error("a commit gave no answer: there may be numbered rows that were not handed over")]
    Doubted,
    #[error("the topics have changed")]
    TopicsChanged,
}

impl From<Doubted> for SessionEnd {
    fn from(_: Doubted) -> Self {
        Self::Doubted
    }
}
