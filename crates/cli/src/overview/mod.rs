//! How everything is: what commands show of read models and figures, gathered once and shown in many ways.

mod agents;
mod figures;
mod models;
mod outbox;
mod tables;
mod units;

pub use agents::{AgentState, agents, agents_table};
pub use figures::{Figures, figures};
pub use models::{Model, ModelState, Place, all, one, places};
pub use outbox::{outbox, outbox_lines};
pub use tables::{dora_table, funnel_table, models_table, places_table, rows_table, table};
pub use units::{brief, bytes, count, duration};
