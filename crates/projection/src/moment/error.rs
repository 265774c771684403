//! Why a past moment cannot be shown.

use brainops_event::{Position, Timestamp};
use brainops_log::ClusterError;
use thiserror::Error;

use crate::drop::DropError;
use crate::lineage::FindError;
use crate::rebuild::RebuildError;

/// Why a past moment cannot be shown.
#[derive(Debug, Error)]
pub enum MomentError {
    /// Nothing stood in the log then.
    #[error("at {} there was nothing yet: the first event was recorded at {}", show(at), show(first))]
    BeforeTheFirst {
        /// The time that was asked for.
        at: Timestamp,
        /// When the first event was recorded.
        first: Timestamp,
    },
    /// The log holds no event at all.
    #[error("the log holds no event of this read model")]
    Empty,
    /// The time has not come.
    #[error("{} has not come yet: it is {}", show(at), show(now))]
    Future {
        /// The time that was asked for.
        at: Timestamp,
        /// What time it is.
        now: Timestamp,
    },
    /// The event is of a topic that the read model does not fold.
    #[error("{position} stands in a topic that {read_model} does not fold")]
    OtherTopic {
        /// The read model.
        read_model: String,
        /// Where the event stands.
        position: Position,
    },
    /// By time of happening, a moment is a time: a frontier or an event is a place in the log.
    #[error("with the clock `happened` a moment is a time, and not {found}")]
    NotATime {
        /// What was asked for.
        found: &'static str,
    },
    /// Too many are being made for the one who asks.
    #[error(
        "{asked_by} has {found} past moments being made, the most are {limit}: try again when one is ready"
    )]
    TooMany {
        /// Who asks.
        asked_by: String,
        /// How many there are.
        found: i64,
        /// The most at a time.
        limit: i64,
    },
    /// The same was asked for a short time ago, and its making has failed.
    #[error("its making has failed a short time ago, as {read_model} {generation}: {}", reason.as_deref().unwrap_or("no reason is known"))]
    JustFailed {
        /// The read model.
        read_model: String,
        /// Number of the generation that was to hold it.
        generation: i32,
        /// Why, in words for whoever runs this.
        reason: Option<String>,
    },
    /// The cluster does not answer.
    #[error("the log does not say what stood in it then")]
    Cluster(#[from] ClusterError),
    /// It cannot be begun or folded.
    #[error("the past moment cannot be folded")]
    Rebuild(#[from] RebuildError),
    /// The generation is not found.
    #[error("the past moment is not found")]
    Find(#[from] FindError),
    /// It cannot be removed.
    #[error("a past moment whose time is over cannot be removed")]
    Drop(#[source] Box<DropError>),
}

fn show(time: &Timestamp) -> String {
    brainops_event::format_timestamp(time)
}
