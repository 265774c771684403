//! Which partition a key goes to. How many partitions a topic has never changes, so it is asked once.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use brainops_event::{Partition, PartitionCount, TopicName, partition_for};
use brainops_log::{Cluster, ClusterError, partition_count};
use sqlx::PgPool;

pub(crate) struct Places {
    cluster: Cluster,
    pool: PgPool,
    known: RwLock<HashMap<TopicName, PartitionCount>>,
}

impl Places {
    pub(crate) fn new(cluster: &Cluster, pool: &PgPool) -> Places {
        Places { cluster: cluster.clone(), pool: pool.clone(), known: RwLock::default() }
    }

    pub(crate) async fn partition(
        &self,
        topic: &TopicName,
        key: &str,
    ) -> Result<Partition, Arc<ClusterError>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).get(topic).copied();
        let count = match known {
            Some(count) => count,
            None => self.learn(topic).await?,
        };
        Ok(partition_for(key.as_bytes(), count))
    }

    /// From what the relay has stored, so that events are taken while Kafka is away; else from Kafka.
    async fn learn(&self, topic: &TopicName) -> Result<PartitionCount, Arc<ClusterError>> {
        let count = match self.stored(topic).await {
            Some(count) => count,
            None => partition_count(&self.cluster, topic).await?,
        };
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(topic.clone(), count);
        Ok(count)
    }

    async fn stored(&self, topic: &TopicName) -> Option<PartitionCount> {
        let query = "SELECT partitions FROM brainops.outbox_partition WHERE topic = $1 LIMIT 1";
        match sqlx::query_scalar::<_, i32>(query).bind(topic.as_str()).fetch_optional(&self.pool).await {
            Ok(count) => count.and_then(|count| PartitionCount::new(count).ok()),
            Err(error) => {
                tracing::debug!(%error, %topic, "the partitions of a topic are asked of kafka");
                None
            }
        }
    }
}
