//! Headers of a message whose names need not be UTF-8; the Rust client panics at those.
//!
//! `unsafe` is allowed in this module alone of [`super`]: names and values belong to the message, which is borrowed
//! as long as they are.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_void};
use std::ptr;

use rdkafka::message::BorrowedMessage;
use rdkafka_sys as sys;
use rdkafka_sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;

/// Value of the first header of this name, unless there is none or it is null.
pub(super) fn header<'a>(message: &'a BorrowedMessage<'_>, wanted: &str) -> Option<&'a [u8]> {
    let mut headers = ptr::null_mut();
    // SAFETY: headers belong to the message, which is borrowed for the result's lifetime; so do names and values.
    unsafe {
        if sys::rd_kafka_message_headers(message.ptr(), &mut headers) != RD_KAFKA_RESP_ERR_NO_ERROR {
            return None; // there are none
        }
        for index in 0..sys::rd_kafka_header_cnt(headers) {
            let (mut name, mut value, mut size) = (ptr::null(), ptr::null::<c_void>(), 0);
            let error = sys::rd_kafka_header_get_all(headers, index, &mut name, &mut value, &mut size);
            if error != RD_KAFKA_RESP_ERR_NO_ERROR || name.is_null() {
                return None;
            }
            if CStr::from_ptr(name).to_bytes().eq_ignore_ascii_case(wanted.as_bytes()) {
                return (!value.is_null()).then(|| std::slice::from_raw_parts(value.cast(), size));
            }
        }
    }
    None
}
