//! The read model `operations`: alerts, and in SQL the incidents that they make; and what was done about incidents.
//!
//! Folds the topic `monitor`. Tables, views, queries and the data dictionary are in `projections/operations/`.

mod alert;
mod body;
mod case;
mod entry;
mod fold;
mod fold_incident;
mod kind;
mod model;
mod read;
mod status;

pub use alert::{AlertKey, AlertRow};
pub use case::IncidentCaseRow;
pub use entry::{EntryKey, GatheredAlert, IncidentEntryRow};
pub use kind::{EntryKind, UnknownKind};
pub use model::{OperationTables, Operations};
pub use status::Status;
