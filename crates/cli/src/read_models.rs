//! The read models that this program knows.

use brainops_projection::{AnyReadModel, any};
use brainops_projector_deployments::Deployments;
use brainops_projector_events::Events;
use brainops_projector_leads::Leads;
use brainops_projector_operations::Operations;

/// The name of the index of every event.
pub const EVENTS: &str = "events";

/// All of them.
pub fn all() -> Vec<Box<dyn AnyReadModel>> {
    vec![any(Events), any(Deployments), any(Leads), any(Operations)]
}

/// The one of this name.
///
/// # Errors
/// There is none; the error names those that there are.
pub fn named(name: &str) -> Result<Box<dyn AnyReadModel>, UnknownReadModel> {
    let known = all();
    let names: Vec<&str> = known.iter().map(|model| model.name()).collect();
    let unknown = UnknownReadModel { name: name.to_owned(), known: names.join(", ") };
    known.into_iter().find(|model| model.name() == name).ok_or(unknown)
}

/// No read model has this name.
#[derive(Debug, thiserror::Error)]
#[error("there is no read model {name:?}, there are {known}")]
pub struct UnknownReadModel {
    /// The name.
    name: String,
    /// The names that there are.
    known: String,
}
