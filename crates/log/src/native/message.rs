//! A record as the Kafka client holds it: borrowed, nothing copied.
use std::ffi::{CStr, c_void};
use std::marker::PhantomData;
use std::ptr;

use rdkafka::message::BorrowedMessage;
use rdkafka_sys as sys;
use rdkafka_sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;

/// A record that lives as long as `'a`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawMessage<'a> {
    message: &'a sys::rd_kafka_message_t,
}

/// Tells topics apart for as long as an assignment holds, without comparing names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TopicHandle(usize);

impl<'a> RawMessage<'a> {
    pub(super) fn new(message: &'a sys::rd_kafka_message_t) -> RawMessage<'a> {
        RawMessage { message }
    }

    pub(crate) fn offset(self) -> i64 {
        self.message.offset
    }

    pub(crate) fn partition(self) -> i32 {
        self.message.partition
    }

    pub(crate) fn topic_handle(self) -> TopicHandle {
        TopicHandle(self.message.rkt.addr())
    }

    pub(crate) fn topic(self) -> &'a [u8] {
        if self.message.rkt.is_null() {
            return &[];
        }
        // SAFETY: the message keeps its topic, whose name ends with a zero byte.
        unsafe { CStr::from_ptr(sys::rd_kafka_topic_name(self.message.rkt)) }.to_bytes()
    }

    pub(crate) fn key(self) -> Option<&'a [u8]> {
        // SAFETY: the message owns the bytes, and is borrowed for 'a.
        unsafe { bytes(self.message.key, self.message.key_len) }
    }

    pub(crate) fn value(self) -> Option<&'a [u8]> {
        // SAFETY: as for the key.
        unsafe { bytes(self.message.payload, self.message.len) }
    }

    /// When the broker recorded it, in milliseconds since 1970.
    pub(crate) fn recorded_at_ms(self) -> Option<i64> {
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is valid, and the call writes to a variable of ours.
        let time = unsafe { sys::rd_kafka_message_timestamp(self.message, &mut kind) };
        (kind != sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE).then_some(time)
    }

    /// Its headers in order.
    pub(crate) fn headers(self) -> RawHeaders<'a> {
        let mut headers = ptr::null_mut();
        // SAFETY: the headers belong to the message, which is borrowed for 'a.
        let count = unsafe {
            match sys::rd_kafka_message_headers(self.message, &mut headers) {
                RD_KAFKA_RESP_ERR_NO_ERROR => sys::rd_kafka_header_cnt(headers),
                _ => 0, // there are none
            }
        };
        RawHeaders { headers, next: 0, count, message: PhantomData }
    }
}

impl<'a> From<&'a BorrowedMessage<'_>> for RawMessage<'a> {
    fn from(message: &'a BorrowedMessage<'_>) -> RawMessage<'a> {
        // SAFETY: the pointer of a message is never null, and valid until the message is dropped.
        RawMessage { message: unsafe { &*message.ptr() } }
    }
}

/// Names and values of a record's headers; names need not be UTF-8, a value may be null.
pub(crate) struct RawHeaders<'a> {
    headers: *mut sys::rd_kafka_headers_t,
    next: usize,
    count: usize,
    message: PhantomData<RawMessage<'a>>,
}

impl<'a> Iterator for RawHeaders<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.next == self.count {
            return None;
        }
        let (mut name, mut value, mut size) = (ptr::null(), ptr::null::<c_void>(), 0);
        // SAFETY: there are headers, since their count is above 0; names end with a zero byte, and both belong to the
        // message, which is borrowed for 'a.
        unsafe {
            let error =
                sys::rd_kafka_header_get_all(self.headers, self.next, &mut name, &mut value, &mut size);
            if error != RD_KAFKA_RESP_ERR_NO_ERROR || name.is_null() {
                self.next = self.count;
                return None;
            }
            self.next += 1;
            Some((CStr::from_ptr(name).to_bytes(), bytes(value, size)))
        }
    }
}

/// # Safety
/// Null, or that many bytes that live for `'a`.
unsafe fn bytes<'a>(pointer: *const c_void, length: usize) -> Option<&'a [u8]> {
    // SAFETY: the caller's promise.
    (!pointer.is_null()).then(|| unsafe { std::slice::from_raw_parts(pointer.cast(), length) })
}
