//! Reads the end of partitions for whoever must know what stands there: which event each record is, not what it says.

use std::collections::HashMap;

use brainops_event::{PartitionCount, TopicId, TopicName};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::cluster::{Cluster, ClusterError};
use crate::frontier::{describe, describe_all};

/// How many partitions a topic has.
///
/// # Errors
/// The cluster is silent or refuses, or the topic does not exist.
pub async fn partition_count(cluster: &Cluster, topic: &TopicName) -> Result<PartitionCount, ClusterError> {
    let found = describe_all(cluster, std::slice::from_ref(topic)).await?;
    match found.get(topic) {
        Some(found) => Ok(found.partitions),
        None => {
            Err(cluster
                .error("which topics there are", KafkaError::MetadataFetch(RDKafkaErrorCode::BadMessage)))
        }
    }
}

/// Id and partition count of those topics that exist.
///
/// # Errors
/// The cluster is silent or refuses.
pub async fn existing_topics(
    cluster: &Cluster,
    topics: &[TopicName],
) -> Result<HashMap<TopicName, (TopicId, PartitionCount)>, ClusterError> {
    let found = describe(cluster, topics).await?;
    Ok(found.into_iter().map(|(topic, found)| (topic, (found.id, found.partitions))).collect())
}
