//! The read model `leads`: where each lead stands, how it got there, and what was said to it.
//!
//! Folds the topic `lead`, in which `lead.*` and `outreach.*` of one lead stand in one order. The funnel and the time
//! in each stage are SQL in `projections/leads/`.

mod body;
mod fold;
mod lead;
mod milestones;
mod model;
mod read;
mod stage;
mod stage_entry;

pub use lead::{LeadId, LeadRow, OutreachCounts};
pub use milestones::Milestones;
pub use model::{LeadTables, Leads};
pub use stage::{Stage, UnknownStage};
pub use stage_entry::StageEntryRow;
