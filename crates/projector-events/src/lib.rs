//! The read model `events`: an index of every accepted event, what its envelope says and where it stands.
//!
//! Events that were counted more than once are found by their identities, in a table of its own (see [`IdentityRow`]).
//! Knows nothing of what an event carries, so it takes every type there is. Tables, views, queries and the data
//! dictionary are in `projections/events/`.

mod identity;
mod model;
mod row;

pub use identity::{IdentityKey, IdentityRow};
pub use model::{EventTables, Events};
pub use row::{EventKey, EventRow};
