//! The reference for reading: a bare client in a loop that looks at key, value and every header.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers as _, Message as _};
use rdkafka::{Offset, TopicPartitionList};

use crate::event::Kind;
use crate::meter::{Meter, own_pid};
use crate::stand::{Stand, report};

/// How long nothing may come.
const STALL: Duration = Duration::from_secs(20);

#[derive(Args)]
pub(crate) struct Consume {
    /// Which events.
    #[arg(long, value_enum)]
    kind: Kind,
    /// How many.
    #[arg(long)]
    events: u64,
    /// After how many the measuring begins.
    #[arg(long, default_value_t = 0)]
    warm: u64,
    /// The broker's process.
    #[arg(long, default_value_t = 0)]
    broker: i32,
}

/// A consumer of all partitions of a topic, from the beginning, in no group.
pub(crate) fn consumer(stand: &Stand, kind: Kind) -> anyhow::Result<BaseConsumer> {
    let mut config = stand.reader()?;
    config
        .set("group.id", format!("{}.bench-reference", stand.log.prefix))
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("check.crcs", "true")
        .set("queued.max.messages.kbytes", "65536");
    let consumer: BaseConsumer = config.create()?;
    let mut list = TopicPartitionList::new();
    for partition in 0..i32::from(stand.log.partitions) {
        list.add_partition_offset(&stand.topic(kind.topic()), partition, Offset::Beginning)?;
    }
    consumer.assign(&list)?;
    Ok(consumer)
}

pub(crate) fn run(asked: &Consume) -> anyhow::Result<()> {
    let consumer = consumer(&Stand::from_env()?, asked.kind)?;
    let meter = Meter { process: own_pid(), broker: asked.broker, ..Meter::default() };
    let (mut seen, mut bytes, mut from) = (0, 0_usize, meter.read());
    while seen < asked.events {
        let message = next(&consumer)?;
        bytes += message.key_len() + message.payload_len();
        if let Some(headers) = message.headers() {
            bytes += headers
                .iter()
                .map(|header| header.key.len() + header.value.map_or(0, <[u8]>::len))
                .sum::<usize>();
        }
        seen += 1;
        if seen == asked.warm {
            from = meter.read();
        }
    }
    let mut figures = meter.since(&from, &meter.read(), asked.events - asked.warm);
    figures["bytes"] = bytes.into();
    report(&figures)
}

/// The next message.
pub(crate) fn next(consumer: &BaseConsumer) -> anyhow::Result<rdkafka::message::BorrowedMessage<'_>> {
    let began = Instant::now();
    loop {
        if let Some(message) = consumer.poll(Duration::from_millis(500)) {
            return message.context("the bare consumer failed");
        }
        anyhow::ensure!(began.elapsed() < STALL, "nothing came for {} s", STALL.as_secs());
    }
}
