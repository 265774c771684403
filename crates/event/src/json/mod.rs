//! Events as JSON: CloudEvents (structured and batch) and agent messages (ACP) in, and out again.
//!
//! In: [`parse`] reads a body and answers with every fault it finds, each naming the field and what is accepted
//! there; [`Incoming::into_outgoing`] seals what is personal and makes what is appended. Which record carries it:
//!
//! | type | record | data |
//! |---|---|---|
//! | has a schema of its own | that one | converted field by field, personal text sealed |
//! | `agent.*`, and every ACP type without a schema | `brainops.agent.Message` | JSON text, exactly as sent |
//! | any other | `brainops.webhook.Received` | the whole event as sent, sealed under its subject |
//!
//! JSON values are plain: a nullable string is `"x"`, not `{"string": "x"}`; times are RFC 3339 or integer
//! milliseconds; bytes are base64. Out: [`to_cloudevent_json`], [`to_acp_json`]; what is sealed stays sealed and is
//! shown as a token, which may come in again as it is.
//!
//! Pure functions, no I/O. No error repeats a value, since a value may be personal.

mod acp;
mod attributes;
mod binary;
mod cloudevent;
mod encode;
#[cfg(test)]
mod encode_tests;
mod expected;
mod field_error;
mod incoming;
mod media;
mod path;
mod scalar;
mod sealing;
mod subject;
mod text;
mod write;

pub use cloudevent::read_structured;
pub use field_error::{FieldError, FieldErrors, Refusal};
pub use incoming::{Form, Incoming, MAX_BATCH, into_outgoing_all, parse};
pub use write::{to_acp_json, to_cloudevent_json};
