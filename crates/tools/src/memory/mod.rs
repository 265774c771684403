//! What agents and people want to be remembered: `memory.record`, `memory.search`.

mod record;
mod search;

pub use record::RecordMemory;
pub use search::SearchMemory;
