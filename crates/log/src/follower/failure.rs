//! What an error of the consumer means: something that passes, or the end of reading.
use std::time::Duration;

use rdkafka::Offset as KafkaOffset;
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::cluster::{ANSWER_LIMIT, ClusterError};
use crate::frontier::{describe_now, list_offsets};
use crate::intake::Intake;
use crate::read_error::ReadError;
use crate::read_only::ReadOnlyCluster;

/// Ok when it passes by itself.
pub(crate) fn judge(
    cluster: &ReadOnlyCluster,
    consumer: &BaseConsumer<impl ConsumerContext>,
    intake: &Intake,
    error: KafkaError,
) -> Result<(), ReadError> {
    if matches!(error, KafkaError::MessageConsumptionFatal(_)) {
        return Err(ReadError::Client(error));
    }
    let Some(code) = error.rdkafka_error_code() else { return Err(ReadError::Client(error)) };
    match code {
        Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::InconsistentGroupProtocol
        | Code::InvalidGroupId => Err(ReadError::Refused { code }),
        Code::BadMessage | Code::BadCompression | Code::InvalidMessage => Err(ReadError::Damaged { code }),
        Code::AutoOffsetReset | Code::OffsetOutOfRange => {
            find_cause(cluster, consumer, intake)?;
            Err(ReadError::Client(error)) // the client reads that partition no further, whatever the cause
        }
        Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition => {
            find_cause(cluster, consumer, intake)
        }
        _ => {
            tracing::debug!(%error, "reading goes on after an error that passes");
            Ok(())
        }
    }
}

/// Compares what is followed with the cluster as it is now; an error names the first difference. A cluster that is
/// silent differs in nothing.
fn find_cause(
    cluster: &ReadOnlyCluster,
    consumer: &BaseConsumer<impl ConsumerContext>,
    intake: &Intake,
) -> Result<(), ReadError> {
    check_topics(cluster, consumer, intake, ANSWER_LIMIT)?;
    let places: Vec<_> = intake.places().map(|(begin, _)| (begin.topic.clone(), begin.partition)).collect();
    let lows = list_offsets(consumer, &places, KafkaOffset::Beginning);
    let ends = list_offsets(consumer, &places, KafkaOffset::End);
    let (Ok(lows), Ok(ends)) = (lows, ends) else { return Ok(()) };
    for (begin, wanted) in intake.places() {
        let (topic, partition) = (begin.topic.clone(), begin.partition);
        let (low, end) = (lows.get(&topic, partition), ends.get(&topic, partition));
        let (Some(low), Some(end)) = (low, end) else { continue };
        if wanted < low || wanted > end {
            return Err(ReadError::OutOfRange { topic, partition, wanted, low, end });
        }
    }
    Ok(())
}

/// Whether the topics that are followed are still those of the beginning. The client itself goes on in a topic that
/// was made again under the same name, if only it is long enough.
pub(crate) fn check_topics(
    cluster: &ReadOnlyCluster,
    consumer: &BaseConsumer<impl ConsumerContext>,
    intake: &Intake,
    limit: Duration,
) -> Result<(), ReadError> {
    let mut topics: Vec<_> = intake.places().map(|(begin, _)| begin.topic.clone()).collect();
    topics.dedup();
    let Ok(described) = describe_now(consumer, &topics, limit) else { return Ok(()) };
    for (begin, _) in intake.places() {
        let topic = begin.topic.clone();
        match described.get(&topic) {
            Some(found) if found.id == begin.topic_id => {}
            Some(found) => {
                let (expected, found) = (begin.topic_id.clone(), found.id.clone());
                return Err(ReadError::OtherTopic { topic, expected, found });
            }
            None => {
                let servers = cluster.servers().to_owned();
                return Err(ClusterError::MissingTopic { topic, servers }.into());
            }
        }
    }
    Ok(())
}
