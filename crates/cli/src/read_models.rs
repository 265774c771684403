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
