//! Where the log stood at a moment, by the time that the broker recorded.
use brainops_event::{Frontier, Offset, Timestamp, TopicName};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset as KafkaOffset, TopicPartitionList};

use crate::cluster::{ANSWER_LIMIT, ClusterError};
use crate::context::LoggingContext;
use crate::frontier::{
    Place, describe_all, first_records, list_offsets, partitions, place_of, while_leaders_move,
};
use crate::read_only::{ReadOnlyCluster, Readable};

/// For every partition the offset after the last record that was recorded at or before `at`: the end of the log where
/// nothing was recorded later. With topic ids.
///
/// The same moment in the past gives the same frontier for ever, as long as the log keeps what came after it. A moment
/// that is still to come, or this very millisecond, gives where the log ends now. Should a broker's clock have gone
/// back, the frontier lies before the first record that was recorded later than `at`.
///
/// # Errors
/// The cluster is silent or refuses, or a topic does not exist.
pub async fn frontier_at(
    cluster: &impl Readable,
    topics: &[TopicName],
    at: Timestamp,
) -> Result<Frontier, ClusterError> {
    frontier_after(cluster.reader(), topics, at).await
}

/// When the earliest record that the log still holds of these topics was recorded; nothing while it holds none.
///
/// # Errors
/// The cluster is silent or refuses, a topic does not exist, or a first record does not come within seconds.
pub async fn first_recorded_at(
    cluster: &impl Readable,
    topics: &[TopicName],
) -> Result<Option<Timestamp>, ClusterError> {
    earliest(cluster.reader(), topics).await
}

async fn frontier_after(
    cluster: &ReadOnlyCluster,
    topics: &[TopicName],
    at: Timestamp,
) -> Result<Frontier, ClusterError> {
    let described = describe_all(cluster, topics).await?;
    let places: Vec<Place> =
        described.iter().flat_map(|(topic, found)| partitions(topic, found.partitions)).collect();
    // below zero, times have other meanings
    let after_ms = at.timestamp_millis().saturating_add(1).max(0);
    let ask = move |asker: &BaseConsumer<LoggingContext>| {
        // the ends first: a record that comes in between was recorded later than this question
        let mut frontier = list_offsets(asker, &places, KafkaOffset::End)?;
        for ((topic, partition), first_later) in first_at(asker, &places, after_ms)? {
            if frontier.get(&topic, partition).is_some_and(|end| first_later < end) {
                frontier.set(topic, partition, first_later);
            }
        }
        Ok(frontier)
    };
    let mut frontier = cluster.ask("where the log stood at a moment", ask).await?;
    for (topic, found) in described {
        frontier.set_topic_id(topic, found.id);
    }
    Ok(frontier)
}

/// The first offset of each partition that was recorded at this time or later, where there is one.
fn first_at(
    asker: &BaseConsumer<LoggingContext>,
    places: &[Place],
    time_ms: i64,
) -> Result<Vec<(Place, Offset)>, KafkaError> {
    while_leaders_move(|| {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let mut question = TopicPartitionList::with_capacity(places.len());
        for (topic, partition) in places {
            let time = KafkaOffset::Offset(time_ms);
            question.add_partition_offset(topic.as_str(), partition.get(), time)?;
        }
        let answer = asker.offsets_for_times(question, ANSWER_LIMIT)?;
        let mut found = Vec::with_capacity(places.len());
        for element in answer.elements() {
            element.error()?;
            let bad = || KafkaError::OffsetFetch(RDKafkaErrorCode::BadMessage);
            let place = place_of(places, element.topic(), element.partition()).ok_or_else(bad)?;
            match element.offset() {
                KafkaOffset::End => {} // nothing is as late
                KafkaOffset::Offset(raw) => {
                    found.push((place.clone(), Offset::new(raw).map_err(|_| bad())?));
                }
                _ => return Err(bad()),
            }
        }
        Ok(found)
    })
}

async fn earliest(
    cluster: &ReadOnlyCluster,
    topics: &[TopicName],
) -> Result<Option<Timestamp>, ClusterError> {
    let described = describe_all(cluster, topics).await?;
    let places: Vec<Place> =
        described.iter().flat_map(|(topic, found)| partitions(topic, found.partitions)).collect();
    let ask = move |asker: &BaseConsumer<LoggingContext>| {
        let lows = list_offsets(asker, &places, KafkaOffset::Beginning)?;
        Ok((lows, list_offsets(asker, &places, KafkaOffset::End)?))
    };
    let (lows, ends) = cluster.ask("where the log begins and ends", ask).await?;
    let is_filled = |(topic, partition, low): &(&TopicName, _, Offset)| {
        ends.get(topic, *partition).is_some_and(|end| *low < end)
    };
    let filled: Frontier = lows
        .iter()
        .filter(is_filled)
        .map(|(topic, partition, low)| (topic.clone(), partition, low))
        .collect();
    let wanted = filled.len();
    let found = first_records(cluster, filled).await?;
    if found.len() < wanted {
        let silence = KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut);
        return Err(cluster.error("when its first records were recorded", silence));
    }
    Ok(found.into_values().min())
}
