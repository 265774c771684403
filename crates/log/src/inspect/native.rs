//! What a principal may do with topics: the Kafka client's C library offers the question, its Rust crate does not.
//!
//! `unsafe` is allowed here to read the answer; [`crate::native`] asks, and keeps it valid meanwhile.
#![allow(unsafe_code)]

use std::collections::BTreeSet;
use std::time::Duration;

use brainops_event::TopicName;
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::KafkaError;
use rdkafka_sys as sys;
use rdkafka_sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;

use super::TopicPermissions;
use crate::native::{ask_about_topics, text};

/// Something that Kafka lets a principal do, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// Read records.
    Read,
    /// Append records.
    Write,
    /// Make the topic.
    Create,
    /// Delete the topic, or records of it.
    Delete,
    /// Change the topic, such as the number of its partitions.
    Alter,
    /// See that it is there.
    Describe,
    /// See how it is configured.
    DescribeConfigs,
    /// Change how it is configured.
    AlterConfigs,
}

impl Operation {
    /// As Kafka's tools write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Operation::Read => "Read",
            Operation::Write => "Write",
            Operation::Create => "Create",
            Operation::Delete => "Delete",
            Operation::Alter => "Alter",
            Operation::Describe => "Describe",
            Operation::DescribeConfigs => "DescribeConfigs",
            Operation::AlterConfigs => "AlterConfigs",
        }
    }

    fn of(operation: sys::rd_kafka_AclOperation_t) -> Option<Operation> {
        use sys::rd_kafka_AclOperation_t as Native;
        match operation {
            Native::RD_KAFKA_ACL_OPERATION_READ => Some(Operation::Read),
            Native::RD_KAFKA_ACL_OPERATION_WRITE => Some(Operation::Write),
            Native::RD_KAFKA_ACL_OPERATION_CREATE => Some(Operation::Create),
            Native::RD_KAFKA_ACL_OPERATION_DELETE => Some(Operation::Delete),
            Native::RD_KAFKA_ACL_OPERATION_ALTER => Some(Operation::Alter),
            Native::RD_KAFKA_ACL_OPERATION_DESCRIBE => Some(Operation::Describe),
            Native::RD_KAFKA_ACL_OPERATION_DESCRIBE_CONFIGS => Some(Operation::DescribeConfigs),
            Native::RD_KAFKA_ACL_OPERATION_ALTER_CONFIGS => Some(Operation::AlterConfigs),
            _ => None, // none that a topic has
        }
    }
}

/// What the client's principal may do with each topic. Blocks for `limit` at most.
pub(super) fn authorized_operations<C: ClientContext>(
    client: &Client<C>,
    topics: &[TopicName],
    limit: Duration,
) -> Result<Vec<TopicPermissions>, KafkaError> {
    let names: Vec<&str> = topics.iter().map(TopicName::as_str).collect();
    // SAFETY: the descriptions are valid while they are read.
    let mut found = ask_about_topics(client, &names, limit, true, |topic| unsafe { read_topic(topic) })?;
    let take = |topic: &TopicName| {
        let place = found.iter().position(|(name, _)| name == topic.as_str());
        let operations = place.and_then(|place| found.swap_remove(place).1);
        TopicPermissions { topic: topic.clone(), operations }
    };
    Ok(topics.iter().map(take).collect())
}

type Found = (String, Option<BTreeSet<Operation>>);

unsafe fn read_topic(topic: *const sys::rd_kafka_TopicDescription_t) -> Found {
    // SAFETY: the caller's description is valid; name and operations are copied.
    unsafe {
        let name = text(sys::rd_kafka_TopicDescription_name(topic));
        let error = sys::rd_kafka_TopicDescription_error(topic);
        if !error.is_null() && sys::rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR_NO_ERROR {
            return (name, None);
        }
        let mut count = 0;
        let operations = sys::rd_kafka_TopicDescription_authorized_operations(topic, &mut count);
        if operations.is_null() {
            return (name, None);
        }
        let operations = (0..count).filter_map(|index| Operation::of(*operations.add(index))).collect();
        (name, Some(operations))
    }
}
