//! Makes a topic of the bench and fills it: a bare producer, the platform's headers and framing.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use brainops_event::{PartitionCount, format_timestamp, timestamp_from_millis};
use clap::Args;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use crate::event::{Generator, Kind, Line};
use crate::meter::{Meter, own_pid};
use crate::stand::{Stand, report};

#[derive(Args)]
pub(crate) struct Produce {
    /// Which events.
    #[arg(long, value_enum)]
    kind: Kind,
    /// How many.
    #[arg(long)]
    events: u64,
    /// Id of their schema at the registry.
    #[arg(long)]
    schema: u32,
    /// The broker's process.
    #[arg(long, default_value_t = 0)]
    broker: i32,
}

pub(crate) async fn run(asked: Produce) -> anyhow::Result<()> {
    let stand = Stand::from_env()?;
    let topic = stand.topic(asked.kind.topic());
    let is_new = make_topic(&stand, &topic).await?;
    anyhow::ensure!(is_new || asked.kind == Kind::Raw, "{topic} is there already, with other events in it");
    let producer = producer(&stand)?;
    tokio::task::spawn_blocking(move || fill(&asked, &stand, &topic, &producer)).await?
}

/// Makes a topic of the bench; false when there is one already.
pub(crate) async fn make_topic(stand: &Stand, topic: &str) -> anyhow::Result<bool> {
    let admin: AdminClient<DefaultClientContext> = stand.admin()?.create()?;
    let new = NewTopic::new(topic, i32::from(stand.log.partitions), TopicReplication::Fixed(1))
        .set("retention.ms", "-1")
        .set("message.timestamp.type", "LogAppendTime");
    for made in admin.create_topics(&[new], &AdminOptions::new()).await? {
        match made {
            Ok(_) => {}
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => return Ok(false),
            Err((name, code)) => anyhow::bail!("topic {name} cannot be made: {code}"),
        }
    }
    Ok(true)
}

/// As bare as can be, with batches of a size that is good for a bulk.
pub(crate) fn producer(stand: &Stand) -> anyhow::Result<BaseProducer> {
    let mut config = stand.appender()?;
    config
        .set("enable.idempotence", "true")
        .set("linger.ms", "20")
        .set("batch.size", "262144")
        .set("queue.buffering.max.messages", "500000");
    Ok(config.create()?)
}

fn fill(asked: &Produce, stand: &Stand, topic: &str, producer: &BaseProducer) -> anyhow::Result<()> {
    let count = PartitionCount::new(i32::from(stand.log.partitions))?;
    let generator = Generator::new(asked.kind, asked.events);
    let meter = Meter { process: own_pid(), broker: asked.broker, ..Meter::default() };
    let (from, mut bytes) = (meter.read(), 0_u64);
    for number in 0..asked.events {
        let line = generator.line(number);
        bytes += send(producer, topic, asked.schema, &line, count)?;
        if number % 1_000 == 0 {
            producer.poll(Duration::ZERO);
        }
    }
    producer.flush(Duration::from_secs(120)).context("the last events were not acknowledged")?;
    let mut figures = meter.since(&from, &meter.read(), asked.events);
    figures["bytes_per_event"] = (bytes as f64 / asked.events.max(1) as f64).into();
    report(&figures)
}

/// Sends one event and says how many bytes it has; waits while the queue is full.
pub(crate) fn send(
    producer: &BaseProducer,
    topic: &str,
    schema: u32,
    line: &Line,
    count: PartitionCount,
) -> anyhow::Result<u64> {
    let mut value = Vec::with_capacity(256);
    value.push(0);
    value.extend_from_slice(&schema.to_be_bytes());
    line.encode(&mut value);
    let headers = headers(line);
    let partition = Generator::partition(&line.subject, count).get();
    let size = value.len() + line.subject.len();
    let mut record =
        BaseRecord::to(topic).partition(partition).key(&line.subject).payload(&value).headers(headers);
    let began = Instant::now();
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(u64::try_from(size)?),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                anyhow::ensure!(began.elapsed() < Duration::from_secs(60), "the producer's queue stays full");
                record = back;
                producer.poll(Duration::from_millis(10));
            }
            Err((error, _)) => return Err(error.into()),
        }
    }
}

/// What the platform itself writes.
fn headers(line: &Line) -> OwnedHeaders {
    let time = timestamp_from_millis(line.occurred_at_millis).map(|time| format_timestamp(&time));
    let values = [
        ("content-type", "application/vnd.confluent.avro"),
        ("ce_specversion", "1.0"),
        ("ce_id", line.event_id.as_str()),
        ("ce_source", "bench"),
        ("ce_type", "bench.line_set"),
        ("ce_subject", line.subject.as_str()),
        ("ce_time", time.as_deref().unwrap_or_default()),
    ];
    values.into_iter().fold(OwnedHeaders::new_with_capacity(values.len()), |headers, (key, value)| {
        headers.insert(Header { key, value: Some(value) })
    })
}
