//! What differs between what was decided and what is decided now. Pure.

use brainops_event::Outgoing;
use brainops_event::types::saga::{SagaDecision, SagaReacted};

use crate::instance::Instance;
use crate::pen::Written;
use crate::refusal::Refusal;
use crate::sitting::digest_of;

/// A difference in one transaction of a saga.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// What the saga is about.
    pub correlation: String,
    /// Which of its transactions.
    pub revision: i64,
    /// What differs.
    pub kind: DifferenceKind,
}

/// What differs.
#[derive(Debug, Clone, PartialEq)]
pub enum DifferenceKind {
    /// It is decided now, and was not then.
    Added(SagaDecision),
    /// It was decided then, and is not now.
    Removed(SagaDecision),
    /// It is decided in other words.
    Changed {
        /// Then.
        recorded: SagaDecision,
        /// Now.
        found: SagaDecision,
    },
    /// The saga is something else now: running, parked, ended...
    Status {
        /// Then.
        recorded: String,
        /// Now.
        found: String,
    },
    /// The same version, with another state: it is not pure, or its code was changed under its number.
    State {
        /// Digest then.
        recorded: String,
        /// Digest now.
        found: String,
    },
}

impl DifferenceKind {
    /// The decision that is made now instead, or is not any more.
    #[must_use]
    pub const fn decision(&self) -> Option<&SagaDecision> {
        match self {
            Self::Added(decision) | Self::Removed(decision) | Self::Changed { found: decision, .. } => {
                Some(decision)
            }
            Self::Status { .. } | Self::State { .. } => None,
        }
    }
}

/// Compares one transaction with what was told of it.
pub(crate) fn compare(
    reacted: &SagaReacted,
    written: &[Written],
    instance: Option<&Instance>,
) -> Result<Vec<Difference>, Refusal> {
    let mut kinds = decisions(&reacted.decisions, written);
    let status = instance.map_or("not there", Instance::status);
    if reacted.status != status {
        let (recorded, found) = (reacted.status.clone(), status.to_owned());
        kinds.push(DifferenceKind::Status { recorded, found });
    }
    if let Some(instance) = instance
        && kinds.is_empty()
        && i64::from(reacted.version) == i64::from(instance.version)
    {
        let found = instance.digest()?;
        if reacted.state_digest != found {
            kinds.push(DifferenceKind::State { recorded: reacted.state_digest.clone(), found });
        }
    }
    let (correlation, revision) = (&reacted.correlation, reacted.revision);
    Ok(kinds
        .into_iter()
        .map(|kind| Difference { correlation: correlation.clone(), revision, kind })
        .collect())
}

/// Decisions are the same when type, subject and data are; their ids tell which belongs to which, and the order of their
/// types where ids differ, since another version counts differently.
fn decisions(recorded: &[SagaDecision], written: &[Written]) -> Vec<DifferenceKind> {
    let decided = || written.iter().filter(|written| !written.is_fact).map(|written| &written.event);
    // All in the same order: by far the most.
    let is_same = |(one, event): (&SagaDecision, &Outgoing)| {
        one.event_type == event.envelope.event_type().as_str() && one.digest == digest_of(event)
    };
    if decided().count() == recorded.len() && recorded.iter().zip(decided()).all(is_same) {
        return Vec::new();
    }
    let decision = |event: &Outgoing| SagaDecision {
        id: event.envelope.id().to_string(),
        event_type: event.envelope.event_type().to_string(),
        digest: digest_of(event),
    };
    let mut found: Vec<SagaDecision> = decided().map(decision).collect();
    let mut kinds = Vec::new();
    let mut unmatched = Vec::new();
    for one in recorded {
        let same = |other: &SagaDecision| other.event_type == one.event_type && other.digest == one.digest;
        match found.iter().position(same) {
            Some(place) => drop(found.remove(place)),
            None => unmatched.push(one),
        }
    }
    for one in unmatched {
        let place = found
            .iter()
            .position(|other| other.id == one.id)
            .or_else(|| found.iter().position(|other| other.event_type == one.event_type));
        kinds.push(match place {
            Some(place) => DifferenceKind::Changed { recorded: one.clone(), found: found.remove(place) },
            None => DifferenceKind::Removed(one.clone()),
        });
    }
    kinds.extend(found.into_iter().map(DifferenceKind::Added));
    kinds
}
