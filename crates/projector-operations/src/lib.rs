//! The read model `operations`: alerts, and in SQL the incidents that they make.
//!
//! Folds the topic `monitor`. Tables, views, queries and the data dictionary are in `projections/operations/`.

mod alert;
mod body;
mod fold;
mod model;
mod status;

pub use alert::{AlertKey, AlertRow};
pub use model::{OperationTables, Operations};
pub use status::Status;
