//! The loop to be compared with: no verdict, no envelope, no batch.
use std::hint::black_box;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::{Offset, TopicPartitionList};

use crate::data::Data;
use crate::figures::{Clock, Took};

/// Reads every record once. `settings`: of the client, beside those that both ways have.
pub fn read(data: &Data, settings: &[(&str, &str)]) -> Took {
    let mut config = data.space.raw("reader");
    config.remove("partitioner").remove("message.timeout.ms");
    config.set("group.id", format!("{}.bare", data.space.cluster.log_config().prefix));
    config.set("enable.auto.commit", "false");
    for (name, value) in settings {
        config.set(*name, *value);
    }
    let consumer: BaseConsumer = config.create().expect("a client");
    consumer.fetch_metadata(Some(data.topic.as_str()), Duration::from_secs(10)).expect("connected");
    let mut all = TopicPartitionList::new();
    for (topic, partition, _) in data.end.iter() {
        all.add_partition_offset(topic.as_str(), partition.get(), Offset::Offset(0)).expect("an offset");
    }
    let clock = Clock::start();
    consumer.assign(&all).expect("assigned");
    let (mut seen, mut bytes) = (0, 0);
    while seen < data.events {
        let Some(message) = consumer.poll(Duration::from_secs(10)) else { panic!("nothing came") };
        let message = message.expect("a record");
        bytes += message.key().map_or(0, <[u8]>::len) + message.payload().map_or(0, <[u8]>::len);
        for header in message.headers().expect("headers").iter() {
            bytes += header.key.len() + header.value.map_or(0, <[u8]>::len);
        }
        seen += 1;
    }
    black_box(bytes);
    clock.stop()
}
