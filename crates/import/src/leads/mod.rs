//! A list of leads in CSV as events: each line a person, each filled time column a fact about them.
//!
//! Ids are derived from the lead and the step, so a list that is imported again, longer or with more columns
//! filled, adds only what is new. The lead's id is made from the address under the installation's key: the
//! same person has the same id in every list.

mod amount;
mod error;
mod events;
mod line;
mod table;

pub use error::{BadLine, LeadsError};
pub use events::{LeadEvents, LeadList, LeadReport};
pub use table::FILE_BYTES;
