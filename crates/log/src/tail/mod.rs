//! Reads the end of partitions for whoever must know what stands there: which event each record is, and what it says
//! as far as that tells two events apart.
//!
//! Unlike other readers it sees everything that a leader has acknowledged, also behind a transaction that hangs: what
//! it does not see would be sent again.
mod thread;

use std::collections::HashMap;

use brainops_event::{
    EventId, Frontier, Offset, Partition, PartitionCount, SchemaReference, Source, Timestamp, TopicId,
    TopicName,
};
use rdkafka::ClientConfig;
use rdkafka::Offset as KafkaOffset;
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tokio::sync::mpsc;

use crate::cluster::{ALONE, ClusterError};
use crate::context::LoggingContext;
use crate::frontier::{describe, describe_all, list_offsets};
use crate::read_error::ReadError;
use crate::read_only::{ReadOnlyCluster, Readable};

/// A part of a partition: `[from, to)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TailRange {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: Partition,
    /// The first offset to be read.
    pub from: Offset,
    /// The first offset not to be read.
    pub to: Offset,
}

/// A record of an event.
#[derive(Debug, Clone)]
pub struct TailRecord {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: Partition,
    /// The offset.
    pub offset: Offset,
    /// When the broker recorded it.
    pub recorded_at: Timestamp,
    /// Source of the event.
    pub source: Source,
    /// Id of the event.
    pub id: EventId,
    /// What it says.
    pub said: Said,
}

/// What a record says, as far as that tells two events apart.
#[derive(Debug, Clone)]
pub enum Said {
    /// An event as our doors write it.
    Avro {
        /// Its type.
        event_type: Vec<u8>,
        /// Its subject.
        subject: Vec<u8>,
        /// How it names the schema of its data.
        schema: SchemaReference,
        /// Its data without the schema's id.
        datum: Vec<u8>,
    },
    /// Anything else: the value as it stands.
    Other(Vec<u8>),
}

/// Records as they come, those of one partition in log order. Ends after the last, or after an error.
#[derive(Debug)]
pub struct Tail {
    chunks: mpsc::Receiver<Result<Vec<TailRecord>, ReadError>>,
}

impl Tail {
    /// The next records; nothing after the last. May be dropped and called again without losing anything.
    pub async fn next(&mut self) -> Option<Result<Vec<TailRecord>, ReadError>> {
        self.chunks.recv().await
    }
}

/// Begins to read parts of partitions. Records that name no event, or one whose source or id no door would take, are
/// left out.
///
/// # Errors
/// The client cannot be made. What goes wrong later comes in place of records.
pub fn read_tail(cluster: &impl Readable, ranges: Vec<TailRange>) -> Result<Tail, ReadError> {
    let consumer: BaseConsumer<LoggingContext> =
        config(cluster.reader()).create_with_context(LoggingContext).map_err(ReadError::Client)?;
    let (sender, chunks) = mpsc::channel(1);
    let spawned = std::thread::Builder::new()
        .name("read-tail".to_owned())
        .spawn(move || thread::run(&consumer, ranges, &sender));
    spawned.map_err(|error| ReadError::Client(KafkaError::ClientCreation(error.to_string())))?;
    Ok(Tail { chunks })
}

/// Where these partitions begin and end now: the first offset, and the one after the last record.
///
/// # Errors
/// The cluster is silent or refuses.
pub async fn log_bounds(
    cluster: &impl Readable,
    places: Vec<(TopicName, Partition)>,
) -> Result<(Frontier, Frontier), ClusterError> {
    let cluster = cluster.reader();
    let question = "where the log begins and ends";
    let config = config(cluster);
    let ask = move || {
        let asker: BaseConsumer<LoggingContext> = config.create_with_context(LoggingContext)?;
        let lows = list_offsets(&asker, &places, KafkaOffset::Beginning)?;
        Ok((lows, list_offsets(&asker, &places, KafkaOffset::End)?))
    };
    match tokio::task::spawn_blocking(ask).await {
        Ok(answer) => answer.map_err(|source| cluster.error(question, source)),
        Err(_) => Err(cluster.error(question, KafkaError::Canceled)),
    }
}

/// How many partitions a topic has.
///
/// # Errors
/// The cluster is silent or refuses, or the topic does not exist.
pub async fn partition_count(
    cluster: &impl Readable,
    topic: &TopicName,
) -> Result<PartitionCount, ClusterError> {
    let cluster = cluster.reader();
    let found = describe_all(cluster, std::slice::from_ref(topic)).await?;
    let no_answer = || KafkaError::MetadataFetch(RDKafkaErrorCode::BadMessage);
    let found = found.get(topic).ok_or_else(|| cluster.error("which topics there are", no_answer()))?;
    Ok(found.partitions)
}

/// Id and partition count of those topics that exist.
///
/// # Errors
/// The cluster is silent or refuses.
pub async fn existing_topics(
    cluster: &impl Readable,
    topics: &[TopicName],
) -> Result<HashMap<TopicName, (TopicId, PartitionCount)>, ClusterError> {
    let found = describe(cluster.reader(), topics).await?;
    Ok(found.into_iter().map(|(topic, found)| (topic, (found.id, found.partitions))).collect())
}

fn config(cluster: &ReadOnlyCluster) -> ClientConfig {
    let mut config = cluster.consumer(ALONE);
    config
        .set("isolation.level", "read_uncommitted")
        .set("enable.partition.eof", "true")
        .set("fetch.wait.max.ms", "50")
        .set("queued.max.messages.kbytes", "16384");
    config
}
