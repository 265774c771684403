//! Appends a made-up history to an installation with a plain producer, for demonstrations: once for each seed, for
//! its events are the same each time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use brainops_event::{Outgoing, SchemaId, Timestamp, frame};
use brainops_log::Registry;
use chrono::TimeDelta;
use clap::Args;
use rdkafka::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};

use crate::made_up::{MadeUp, Pace};
use crate::meter::{Meter, own_pid};
use crate::stand::{Stand, report};

/// How long the queue may stay full, and how long the last acknowledgements may take.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Args)]
pub(crate) struct History {
    /// How many events.
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// Chooses the history.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many services are deployed, each to three environments.
    #[arg(long, default_value_t = 40)]
    services: u32,
    /// When the first event happened.
    #[arg(long, default_value = "2026-01-01T00:00:00Z")]
    from: Timestamp,
    /// Milliseconds between two events.
    #[arg(long, default_value_t = 20_000)]
    step_ms: u32,
}

/// Counts what was not acknowledged.
struct Deliveries {
    failed: AtomicU64,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if result.is_err() {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

pub(crate) async fn run(asked: History) -> anyhow::Result<()> {
    let stand = Stand::from_env()?;
    let pace = Pace { from: asked.from, step: TimeDelta::milliseconds(i64::from(asked.step_ms)) };
    let mut made_up = MadeUp::new(asked.seed, asked.services.max(1), pace)?;
    let mut config = stand.appender()?;
    config
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("partitioner", "murmur2_random")
        .set("linger.ms", "20")
        .set("batch.size", "262144")
        .set("queue.buffering.max.messages", "200000");
    let deliveries = Deliveries { failed: AtomicU64::new(0) };
    let producer: BaseProducer<Deliveries> = config.create_with_context(deliveries)?;
    let mut known = Known { registry: stand.registry()?, stand, ids: BTreeMap::new() };
    let meter = Meter { process: own_pid(), ..Meter::default() };
    let (from, mut of_types) = (meter.read(), BTreeMap::<String, u64>::new());
    for number in 0..asked.events {
        let event = made_up.next()?;
        *of_types.entry(event.envelope.event_type().to_string()).or_default() += 1;
        let (topic, id) = known.place_of(&event).await?;
        send(&producer, topic, id, &event)?;
        if number % 1_000 == 0 {
            producer.poll(Duration::ZERO);
        }
    }
    producer.flush(PATIENCE).context("the last events were not acknowledged")?;
    let failed = producer.context().failed.load(Ordering::Relaxed);
    anyhow::ensure!(failed == 0, "{failed} events were not acknowledged");
    let mut figures = meter.since(&from, &meter.read(), asked.events);
    figures["of_types"] = serde_json::to_value(of_types)?;
    report(&figures)
}

/// Topics and ids of schemas, looked up once each.
struct Known {
    stand: Stand,
    registry: Registry,
    ids: BTreeMap<&'static str, (String, SchemaId)>,
}

impl Known {
    async fn place_of(&mut self, event: &Outgoing) -> anyhow::Result<(&str, SchemaId)> {
        let name = event.schema.name.as_str();
        if !self.ids.contains_key(name) {
            let id = self.registry.id_for(event.schema).await?;
            self.ids.insert(name, (self.stand.topic(event.topic()), id));
        }
        let (topic, id) = self.ids.get(name).context("a schema is forgotten")?;
        Ok((topic, *id))
    }
}

/// Sends one event; waits while the queue is full.
fn send(
    producer: &BaseProducer<Deliveries>,
    topic: &str,
    id: SchemaId,
    event: &Outgoing,
) -> anyhow::Result<()> {
    let value = frame(id, &event.datum);
    let headers = event.envelope.headers();
    let headers = headers.iter().fold(OwnedHeaders::new_with_capacity(headers.len()), |all, (key, value)| {
        all.insert(Header { key, value: Some(value.as_ref()) })
    });
    let mut record = BaseRecord::to(topic).key(event.key()).payload(&value).headers(headers);
    let began = Instant::now();
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                anyhow::ensure!(began.elapsed() < PATIENCE, "the producer's queue stays full");
                record = back;
                producer.poll(Duration::from_millis(10));
            }
            Err((error, _)) => return Err(error.into()),
        }
    }
}
