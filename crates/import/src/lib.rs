//! Imports of history: what a git repository or a lead list says happened, as events with ids that are the same
//! each time. Knows neither Kafka nor Postgres; whoever appends says which ids are in the log already.
//!
//! Begin at [`git::Repository::open`] and [`leads::LeadList::open`].

mod erasable;
mod name;
mod read;

pub mod git;
pub mod leads;

pub use read::{ImportKeys, Known, Read};
