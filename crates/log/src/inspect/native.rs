//! What a principal may do with topics: the Kafka client's C library offers the question, its Rust crate does not.
//!
//! `unsafe` is allowed here for that one question. Every pointer below is freed by its guard, or borrowed from one for
//! as long as the guard lives.
#![allow(unsafe_code)]

use std::collections::BTreeSet;
use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr;
use std::time::Duration;

use brainops_event::TopicName;
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka_sys as sys;
use rdkafka_sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;

use super::TopicPermissions;

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
    let limit_ms = c_int::try_from(limit.as_millis()).unwrap_or(c_int::MAX);
    let names = topics.iter().map(|name| CString::new(name.as_str())).collect::<Result<Vec<_>, _>>()?;
    let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
    // SAFETY: the client outlives this call; the collection copies the names, which live until its end.
    let event = unsafe {
        let topics = Owned::new(
            sys::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len()),
            sys::rd_kafka_TopicCollection_destroy,
        );
        let options = Owned::new(
            sys::rd_kafka_AdminOptions_new(
                client.native_ptr(),
                sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS,
            ),
            sys::rd_kafka_AdminOptions_destroy,
        );
        let queue = Owned::new(sys::rd_kafka_queue_new(client.native_ptr()), sys::rd_kafka_queue_destroy);
        sys::rd_kafka_AdminOptions_set_request_timeout(options.0, limit_ms, ptr::null_mut(), 0);
        let refused = sys::rd_kafka_AdminOptions_set_include_authorized_operations(options.0, 1);
        drop(Owned::new(refused, sys::rd_kafka_error_destroy));
        sys::rd_kafka_DescribeTopics(client.native_ptr(), topics.0, options.0, queue.0);
        Owned::new(sys::rd_kafka_queue_poll(queue.0, limit_ms), sys::rd_kafka_event_destroy)
    };
    if event.0.is_null() {
        return Err(KafkaError::MetadataFetch(RDKafkaErrorCode::OperationTimedOut));
    }
    // SAFETY: the event is not null, and everything read from it is copied before it is freed.
    let mut found = unsafe { read_answer(event.0) }?;
    let take = |topic: &TopicName| {
        let place = found.iter().position(|(name, _)| name == topic.as_str());
        let operations = place.and_then(|place| found.swap_remove(place).1);
        TopicPermissions { topic: topic.clone(), operations }
    };
    Ok(topics.iter().map(take).collect())
}

type Found = (String, Option<BTreeSet<Operation>>);

unsafe fn read_answer(event: *mut sys::rd_kafka_event_t) -> Result<Vec<Found>, KafkaError> {
    // SAFETY: the caller's event is valid; results borrow from it.
    unsafe {
        let error = sys::rd_kafka_event_error(event);
        if error != RD_KAFKA_RESP_ERR_NO_ERROR {
            return Err(KafkaError::MetadataFetch(error.into()));
        }
        let result = sys::rd_kafka_event_DescribeTopics_result(event);
        if result.is_null() {
            return Err(KafkaError::MetadataFetch(RDKafkaErrorCode::Fail));
        }
        let mut count = 0;
        let topics = sys::rd_kafka_DescribeTopics_result_topics(result, &mut count);
        Ok((0..count).map(|index| read_topic(*topics.add(index))).collect())
    }
}

unsafe fn read_topic(topic: *const sys::rd_kafka_TopicDescription_t) -> Found {
    // SAFETY: the caller's description is valid; name and operations are copied.
    unsafe {
        let name = sys::rd_kafka_TopicDescription_name(topic);
        let name = if name.is_null() { "".into() } else { CStr::from_ptr(name).to_string_lossy() };
        let error = sys::rd_kafka_TopicDescription_error(topic);
        if !error.is_null() && sys::rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR_NO_ERROR {
            return (name.into_owned(), None);
        }
        let mut count = 0;
        let operations = sys::rd_kafka_TopicDescription_authorized_operations(topic, &mut count);
        if operations.is_null() {
            return (name.into_owned(), None);
        }
        let operations = (0..count).filter_map(|index| Operation::of(*operations.add(index))).collect();
        (name.into_owned(), Some(operations))
    }
}

/// Frees what it holds, unless that is null.
struct Owned<T>(*mut T, unsafe extern "C" fn(*mut T));

impl<T> Owned<T> {
    /// `pointer` is null or may be freed once by `free`.
    unsafe fn new(pointer: *mut T, free: unsafe extern "C" fn(*mut T)) -> Owned<T> {
        Owned(pointer, free)
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: by `new`, and only here.
            unsafe { (self.1)(self.0) }
        }
    }
}
