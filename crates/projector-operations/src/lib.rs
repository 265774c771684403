//! The read model `operations`: alerts, and in SQL the incidents that they make; what was done about incidents; and
//! agents with their sagas and what these wait for; calls of tools; deployments that went wrong; what is remembered.
//!
//! Folds the topics `monitor`, `saga`, `tool`, `agent` and `memory`. Tables, views, queries and the data dictionary are in `projections/operations/`.

mod agent_switch;
mod alert;
mod body;
mod case;
mod deployment_health;
mod deployment_key;
mod entry;
mod fold;
mod fold_healing;
mod fold_incident;
mod fold_memory;
mod fold_saga;
mod fold_tool;
mod healing;
mod kind;
mod memory;
mod model;
mod read;
mod saga;
mod status;
mod tool_call;

pub use agent_switch::AgentSwitchRow;
pub use alert::{AlertKey, AlertRow};
pub use case::IncidentCaseRow;
pub use deployment_health::DeploymentHealthRow;
pub use deployment_key::DeploymentKey;
pub use entry::{EntryKey, GatheredAlert, IncidentEntryRow};
pub use healing::HealingRow;
pub use kind::{EntryKind, UnknownKind};
pub use memory::{MemoryKey, MemoryRow};
pub use model::{OperationTables, Operations};
pub use saga::{ParkedAt, SagaKey, SagaRow};
pub use status::Status;
pub use tool_call::{ToolCallKey, ToolCallRow};
