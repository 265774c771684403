//! The read model `events`: an index of every accepted event, what its envelope says and where it stands.
//!
//! Knows nothing of what an event carries, so it takes every type there is. Tables, views, queries and the data
//! dictionary are in `projections/events/`.

mod model;
mod row;

pub use model::{EventTables, Events};
pub use row::{EventKey, EventRow};
