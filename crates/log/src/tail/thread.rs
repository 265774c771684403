//! Reads topic after topic, so that the end of a partition, of which the client tells the number only, is no riddle.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use brainops_event::{
    ContentMode, EventId, Offset, Partition, SCHEMA_ID_HEADER, Source, TopicName, locate,
    timestamp_from_millis,
};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::{Offset as KafkaOffset, TopicPartitionList};
use serde::Deserialize;
use tokio::sync::mpsc;

use super::{Said, TailRange, TailRecord};
use crate::context::LoggingContext;
use crate::native::RawMessage;
use crate::read_error::ReadError;

/// What is handed on at once.
const CHUNK_RECORDS: usize = 2_000;
const CHUNK_BYTES: usize = 4 * 1024 * 1024;
/// How long a chunk gathers while nothing comes.
const GATHER: Duration = Duration::from_millis(20);
/// How long nothing may come before reading gives up.
const STALL_LIMIT: Duration = Duration::from_secs(30);

type Chunks = mpsc::Sender<Result<Vec<TailRecord>, ReadError>>;

pub(super) fn run(consumer: &BaseConsumer<LoggingContext>, ranges: Vec<TailRange>, chunks: &Chunks) {
    let mut topics: BTreeMap<TopicName, BTreeMap<Partition, (Offset, Offset)>> = BTreeMap::new();
    for TailRange { topic, partition, from, to } in ranges.into_iter().filter(|range| range.from < range.to) {
        topics.entry(topic).or_default().insert(partition, (from, to));
    }
    for (topic, ends) in topics {
        if let Err(error) = read_topic(consumer, &topic, ends, chunks) {
            chunks.blocking_send(Err(error)).ok(); // nobody listens: nobody wants to know
            return;
        }
    }
}

fn read_topic(
    consumer: &BaseConsumer<LoggingContext>,
    topic: &TopicName,
    mut ends: BTreeMap<Partition, (Offset, Offset)>,
    chunks: &Chunks,
) -> Result<(), ReadError> {
    let mut list = TopicPartitionList::with_capacity(ends.len());
    for (partition, (from, _)) in &ends {
        list.add_partition_offset(topic.as_str(), partition.get(), KafkaOffset::Offset(from.get()))
            .map_err(ReadError::Client)?;
    }
    consumer.assign(&list).map_err(ReadError::Client)?;
    let (mut chunk, mut bytes, mut since) = (Vec::new(), 0, Instant::now());
    while !ends.is_empty() && !chunks.is_closed() {
        match consumer.poll(GATHER) {
            Some(Ok(message)) => {
                since = Instant::now();
                bytes += take(&message, topic, &mut ends, &mut chunk);
            }
            Some(Err(KafkaError::PartitionEOF(number))) => {
                since = Instant::now();
                ends.retain(|partition, _| partition.get() != number);
            }
            Some(Err(error)) => pass(topic, &ends, error)?,
            None if since.elapsed() > STALL_LIMIT => return Err(stalled(topic, &ends)),
            None if chunk.is_empty() => continue,
            None => bytes = CHUNK_BYTES, // nothing comes for now: hand on what there is
        }
        if chunk.len() >= CHUNK_RECORDS || bytes >= CHUNK_BYTES {
            chunks.blocking_send(Ok(std::mem::take(&mut chunk))).ok(); // seen at the next turn
            (bytes, since) = (0, Instant::now());
        }
    }
    if !chunk.is_empty() {
        chunks.blocking_send(Ok(chunk)).ok(); // nobody wants to know any more
    }
    Ok(())
}

/// Takes a record, if it is asked for and names an event; answers how many bytes it has.
fn take(
    message: &BorrowedMessage<'_>,
    topic: &TopicName,
    ends: &mut BTreeMap<Partition, (Offset, Offset)>,
    chunk: &mut Vec<TailRecord>,
) -> usize {
    let (Ok(partition), Ok(offset)) = (Partition::new(message.partition()), Offset::new(message.offset()))
    else {
        return 0;
    };
    let Some((_, to)) = ends.get(&partition).copied() else { return 0 };
    if message.topic() != topic.as_str() {
        return 0; // of the topic before
    }
    if offset.next() >= to {
        ends.remove(&partition);
    }
    let Some((source, id)) = name(message).filter(|_| offset < to) else { return 0 };
    let recorded_at = message.timestamp().to_millis().and_then(timestamp_from_millis).unwrap_or_default();
    let said = said(message);
    chunk.push(TailRecord { topic: topic.clone(), partition, offset, recorded_at, source, id, said });
    message.payload_len()
}

/// The names in an envelope that stands in the value.
#[derive(Deserialize)]
struct JsonName {
    source: Option<String>,
    id: Option<String>,
}

fn name(message: &BorrowedMessage<'_>) -> Option<(Source, EventId)> {
    let (source, id) = if is_json(message) {
        let name: JsonName = serde_json::from_slice(message.payload()?).ok()?;
        (name.source?, name.id?)
    } else {
        let text = |name| std::str::from_utf8(header(message, name)?).ok().map(str::to_owned);
        (text("ce_source")?, text("ce_id")?)
    };
    Some((Source::new(source).ok()?, EventId::new(id).ok()?))
}

/// Value of the first header of this name, unless there is none or it is null.
fn header<'a>(message: &'a BorrowedMessage<'_>, wanted: &str) -> Option<&'a [u8]> {
    let mut headers = RawMessage::from(message).headers();
    headers.find(|(name, _)| name.eq_ignore_ascii_case(wanted.as_bytes()))?.1
}

fn is_json(message: &BorrowedMessage<'_>) -> bool {
    let content_type = header(message, "content-type").map(|value| ("content-type", Some(value)));
    matches!(ContentMode::of(content_type), Ok(ContentMode::StructuredJson))
}

fn said(message: &BorrowedMessage<'_>) -> Said {
    let value = message.payload().unwrap_or_default();
    let located = locate(header(message, SCHEMA_ID_HEADER), value);
    match (is_json(message), header(message, "ce_type"), header(message, "ce_subject"), located) {
        (false, Some(event_type), Some(subject), Ok((schema, datum))) => Said::Avro {
            event_type: event_type.to_vec(),
            subject: subject.to_vec(),
            schema,
            datum: datum.to_vec(),
        },
        _ => Said::Other(value.to_vec()),
    }
}

/// Ok when the error passes by itself.
fn pass(
    topic: &TopicName,
    ends: &BTreeMap<Partition, (Offset, Offset)>,
    error: KafkaError,
) -> Result<(), ReadError> {
    let Some(code) = error.rdkafka_error_code() else { return Err(ReadError::Client(error)) };
    match code {
        Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed => Err(ReadError::Refused { code }),
        Code::BadMessage | Code::BadCompression | Code::InvalidMessage => Err(ReadError::Damaged { code }),
        Code::AutoOffsetReset
        | Code::OffsetOutOfRange
        | Code::UnknownTopicOrPartition
        | Code::UnknownTopic
        | Code::UnknownPartition => Err(ReadError::Client(error)),
        _ => {
            let partitions = ends.len();
            tracing::debug!(%error, %topic, partitions, "reading goes on after an error that passes");
            Ok(())
        }
    }
}

fn stalled(topic: &TopicName, ends: &BTreeMap<Partition, (Offset, Offset)>) -> ReadError {
    match ends.first_key_value() {
        None => ReadError::Ended,
        Some((partition, (next, to))) => ReadError::Stalled {
            topic: topic.clone(),
            partition: *partition,
            next: *next,
            to: *to,
            limit: STALL_LIMIT,
        },
    }
}
