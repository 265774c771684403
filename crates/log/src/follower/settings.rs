//! How the client of a follower is set up.
use rdkafka::ClientConfig;

use super::FollowerConfig;
use crate::read_only::ReadOnlyCluster;

/// How much the client's queue holds, in bytes, before it stops fetching. One answer of each broker (2 MiB as it lies in
/// the log, compressed) may come on top. Larger queues and answers were measured (benches/reading): they read no
/// faster.
pub const CLIENT_QUEUE_BYTES: usize = 8 * 1024 * 1024;
/// And in records. Each takes some 400 bytes of the client's own besides.
const CLIENT_QUEUE_RECORDS: usize = 15_000;
const FETCH_BYTES: usize = 2 * 1024 * 1024;
const PARTITION_FETCH_BYTES: usize = 256 * 1024;
/// How long a request for records waits at the broker for the first one. What comes meanwhile to a partition that the request
/// does not name waits for its end: with the client's 500 ms, one saga in a hundred took half a second longer.
const FETCH_WAIT_MS: u32 = 100;

/// How the members of a group agree on who has which partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GroupProtocol {
    /// Members decide among themselves, cooperatively: what stays is not interrupted.
    #[default]
    Classic,
    /// The broker decides (KIP-848, Kafka 4.0). How soon a killed member is missed is the broker's setting
    /// `group.consumer.session.timeout.ms`.
    Consumer,
}

pub(super) fn settings(cluster: &ReadOnlyCluster, config: &FollowerConfig) -> ClientConfig {
    let mut settings = cluster.consumer(&config.group);
    settings
        .set("queued.max.messages.kbytes", (CLIENT_QUEUE_BYTES / 1024).to_string())
        .set("queued.min.messages", CLIENT_QUEUE_RECORDS.to_string())
        .set("fetch.max.bytes", FETCH_BYTES.to_string())
        .set("max.partition.fetch.bytes", PARTITION_FETCH_BYTES.to_string())
        .set("topic.metadata.refresh.interval.ms", "10000") // how long partitions that were added go unnoticed
        .set("fetch.wait.max.ms", FETCH_WAIT_MS.to_string())
        .set("fetch.queue.backoff.ms", "5"); // the default lets a queue that was full run empty for a second
    match config.protocol {
        GroupProtocol::Classic => settings
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", "10000") // how long the partitions of a killed member stand still
            .set("heartbeat.interval.ms", "3000"),
        GroupProtocol::Consumer => settings.set("group.protocol", "consumer"),
    };
    settings
}
