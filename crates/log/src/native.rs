//! What the Kafka client's C library offers and its Rust crate does not: topic ids, watermarks that are known without
//! asking, headers whose names need not be UTF-8 and which are borrowed, and records taken many at a time.
//!
//! `unsafe` is allowed in this module and those below it alone. Every pointer below is owned by a guard that frees it, or borrowed from
//! one for as long as the guard lives.
#![allow(unsafe_code)]

mod fetch;
mod message;

use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr;
use std::time::Duration;

use brainops_event::TopicId;
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka_sys as sys;
use rdkafka_sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;

pub(crate) use fetch::FetchQueue;
pub(crate) use message::{RawMessage, TopicHandle};

/// What a broker says of one topic.
pub(crate) struct TopicDescription {
    pub(crate) name: String,
    /// Its id and the number of its partitions, or why there is no answer.
    pub(crate) found: Result<(TopicId, usize), RDKafkaErrorCode>,
}

/// Asks for the ids and partition counts of topics. Blocks for `limit` at most.
pub(crate) fn describe_topics<C: ClientContext>(
    client: &Client<C>,
    names: &[&str],
    limit: Duration,
) -> Result<Vec<TopicDescription>, KafkaError> {
    // SAFETY: the descriptions are valid while they are read.
    ask_about_topics(client, names, limit, false, |topic| unsafe { read_description(topic) })
}

/// Asks for what a broker knows of topics, on demand with what our principal may do there, and lets each
/// description be read. Blocks for `limit` at most.
pub(crate) fn ask_about_topics<C: ClientContext, T>(
    client: &Client<C>,
    names: &[&str],
    limit: Duration,
    with_operations: bool,
    read: impl Fn(*const sys::rd_kafka_TopicDescription_t) -> T,
) -> Result<Vec<T>, KafkaError> {
    let limit_ms = c_int::try_from(limit.as_millis()).unwrap_or(c_int::MAX);
    let names = names.iter().map(|name| CString::new(*name)).collect::<Result<Vec<_>, _>>()?;
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
        if with_operations {
            let refused = sys::rd_kafka_AdminOptions_set_include_authorized_operations(options.0, 1);
            drop(Owned::new(refused, sys::rd_kafka_error_destroy));
        }
        sys::rd_kafka_DescribeTopics(client.native_ptr(), topics.0, options.0, queue.0);
        Owned::new(sys::rd_kafka_queue_poll(queue.0, limit_ms), sys::rd_kafka_event_destroy)
    };
    if event.0.is_null() {
        return Err(KafkaError::MetadataFetch(RDKafkaErrorCode::OperationTimedOut));
    }
    // SAFETY: the event is not null, and everything read from it is copied before it is freed.
    unsafe { read_answer(event.0, read) }
}

unsafe fn read_answer<T>(
    event: *mut sys::rd_kafka_event_t,
    read: impl Fn(*const sys::rd_kafka_TopicDescription_t) -> T,
) -> Result<Vec<T>, KafkaError> {
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
        Ok((0..count).map(|index| read(*topics.add(index))).collect())
    }
}

unsafe fn read_description(topic: *const sys::rd_kafka_TopicDescription_t) -> TopicDescription {
    // SAFETY: the caller's description is valid; texts are copied.
    unsafe {
        let name = text(sys::rd_kafka_TopicDescription_name(topic));
        let error = sys::rd_kafka_TopicDescription_error(topic);
        if !error.is_null() && sys::rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR_NO_ERROR {
            return TopicDescription { name, found: Err(sys::rd_kafka_error_code(error).into()) };
        }
        let mut partitions = 0;
        sys::rd_kafka_TopicDescription_partitions(topic, &mut partitions);
        let uuid = sys::rd_kafka_Uuid_base64str(sys::rd_kafka_TopicDescription_topic_id(topic));
        let id = TopicId::new(text(uuid)).map_err(|_| RDKafkaErrorCode::BadMessage);
        TopicDescription { name, found: id.map(|id| (id, partitions)) }
    }
}

/// The first offset and the offset after the last as of the last fetch, if there was one. Does not ask the broker.
pub(crate) fn cached_watermarks<C: ClientContext>(
    client: &Client<C>,
    topic: &CStr,
    partition: i32,
) -> Option<(i64, i64)> {
    let (mut low, mut high) = (-1, -1);
    // SAFETY: the client and the name outlive the call, which writes to two integers of ours.
    let error = unsafe {
        sys::rd_kafka_get_watermark_offsets(
            client.native_ptr(),
            topic.as_ptr(),
            partition,
            &mut low,
            &mut high,
        )
    };
    (error == RD_KAFKA_RESP_ERR_NO_ERROR && low >= 0 && high >= 0).then_some((low, high))
}

/// # Safety
/// Null, or a text that ends with a zero byte.
pub(crate) unsafe fn text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: the library's texts end with a zero byte.
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
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
