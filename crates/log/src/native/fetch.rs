//! Takes records from the client many at a time, from a queue of their own beside the one for events.
//!
//! The crate's own `poll` makes an event of each record, with a lock, a clock and two allocations; that is a third of
//! what a bare consumer costs. Here the partitions of an assignment are led into a queue of ours, before fetching
//! begins, so that no record can come the other way.
use std::ffi::{CStr, c_void};
use std::ptr;
use std::thread::Thread;

use rdkafka::client::{Client, ClientContext};
use rdkafka::error::KafkaError;
use rdkafka_sys as sys;
use rdkafka_sys::rd_kafka_resp_err_t::{RD_KAFKA_RESP_ERR__FATAL, RD_KAFKA_RESP_ERR_NO_ERROR};

use super::Owned;
use super::message::RawMessage;

/// A queue of fetched records. Must be dropped before the client that it was made of.
pub(crate) struct FetchQueue {
    queue: Owned<sys::rd_kafka_queue_t>,
    room: Vec<*mut sys::rd_kafka_message_t>,
    /// Who is woken when something comes. In a box: the client keeps its address.
    waiting: Option<Box<Thread>>,
}

// SAFETY: the library's queues may be used from any thread; messages are kept within one call only.
unsafe impl Send for FetchQueue {}

impl FetchQueue {
    pub(crate) fn new<C: ClientContext>(client: &Client<C>) -> FetchQueue {
        // SAFETY: the client is valid; the queue is freed once.
        let queue =
            unsafe { Owned::new(sys::rd_kafka_queue_new(client.native_ptr()), sys::rd_kafka_queue_destroy) };
        FetchQueue { queue, room: Vec::new(), waiting: None }
    }

    /// Leads a partition's records here. Only before the partition is assigned: what was fetched already would come
    /// the other way, too late.
    pub(crate) fn lead_here<C: ClientContext>(&self, client: &Client<C>, topic: &CStr, partition: i32) {
        // SAFETY: the client and the name outlive the call; the library counts who uses a queue.
        unsafe {
            let source = Owned::new(
                sys::rd_kafka_queue_get_partition(client.native_ptr(), topic.as_ptr(), partition),
                sys::rd_kafka_queue_destroy,
            );
            if !source.0.is_null() {
                sys::rd_kafka_queue_forward(source.0, self.queue.0);
            }
        }
    }

    /// Unparks a thread whenever something comes into the empty queue.
    pub(crate) fn wake(&mut self, thread: Thread) {
        let waiting = self.waiting.insert(Box::new(thread));
        // SAFETY: the thread stays in its box until waking is switched off, which waits for calls under way.
        unsafe {
            let opaque: *const Thread = &raw const **waiting;
            sys::rd_kafka_queue_cb_event_enable(self.queue.0, Some(unpark), opaque.cast_mut().cast());
        }
    }

    /// Takes what is there, `most` records at most, without waiting, and shows each once. Returns how many came.
    ///
    /// # Errors
    /// The first error that came instead of a record; records after it were shown as well.
    pub(crate) fn take(
        &mut self,
        most: usize,
        mut show: impl FnMut(RawMessage<'_>),
    ) -> Result<usize, KafkaError> {
        self.room.clear();
        self.room.resize(most.max(1), ptr::null_mut());
        // SAFETY: there is room for as many as said.
        let count = unsafe {
            sys::rd_kafka_consume_batch_queue(self.queue.0, 0, self.room.as_mut_ptr(), self.room.len())
        };
        let count = usize::try_from(count).unwrap_or(0);
        let mut error = None;
        for pointer in self.room.drain(..).take(count) {
            // SAFETY: the library gave this message to us; it is freed once, here.
            let message = unsafe { Owned::new(pointer, sys::rd_kafka_message_destroy) };
            // SAFETY: as above, and it is freed after the last use.
            let raw = unsafe { &*message.0 };
            match raw.err {
                RD_KAFKA_RESP_ERR_NO_ERROR => show(RawMessage::new(raw)),
                RD_KAFKA_RESP_ERR__FATAL => error = Some(KafkaError::MessageConsumptionFatal(raw.err.into())),
                other => error = error.or(Some(KafkaError::MessageConsumption(other.into()))),
            }
        }
        error.map_or(Ok(count), Err)
    }
}

impl Drop for FetchQueue {
    fn drop(&mut self) {
        // SAFETY: the queue is freed after this; nobody is woken from here on.
        unsafe { sys::rd_kafka_queue_cb_event_enable(self.queue.0, None, ptr::null_mut()) }
    }
}

unsafe extern "C" fn unpark(_: *mut sys::rd_kafka_t, thread: *mut c_void) {
    // SAFETY: it is the thread that `wake` was given, which lives until waking is switched off.
    unsafe { &*thread.cast::<Thread>() }.unpark();
}
