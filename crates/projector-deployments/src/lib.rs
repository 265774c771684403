//! The read model `deployments`: commits, branches and tags, and what was deployed where, when, and with what end.
//!
//! Folds the topics `git` and `deployment`. What joins the two, such as the commits that a deployment brought in and
//! the DORA figures, is SQL in `projections/deployments/`, for a row has one writer.

mod body;
mod branch;
mod commit;
mod deployment;
mod environment;
mod fact;
mod fold;
mod model;
mod read;
mod subject;
mod tag;

pub use branch::{BranchKey, BranchRow};
pub use commit::{CommitKey, CommitRow};
pub use deployment::{DeploymentKey, DeploymentRow};
pub use environment::{EnvironmentKey, EnvironmentRow, Serving};
pub use fact::{Status, UnknownStatus};
pub use model::{DeploymentTables, Deployments};
pub use tag::{TagKey, TagRow};
