//! Imports of history: what a git repository or a lead list says happened, as events with ids that are the same
//! each time, and with the same content: telling a history twice is telling it once. Knows neither Kafka nor Postgres.
//! Events of one subject come in the order in which they must stand in the log.
//!
//! Begin at [`git::Repository::open`] and [`leads::LeadList::open`].

mod erasable;
mod keys;
mod name;

pub mod git;
pub mod leads;

pub use keys::ImportKeys;
