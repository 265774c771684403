//! The typed events, generated at build time from `schemas/`: one module per domain, one struct per record.
//!
//! Nullable fields are `Option`, `timestamp-millis` is [`Timestamp`](crate::Timestamp) (what is finer than a
//! millisecond is lost when it is written), and maps are ordered, so that one value has one encoding.

#[allow(clippy::all, rustdoc::invalid_html_tags, rustdoc::bare_urls, reason = "generated code")]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/types.rs"));
}

include!(concat!(env!("OUT_DIR"), "/domains.rs"));
include!(concat!(env!("OUT_DIR"), "/typed_events.rs"));
