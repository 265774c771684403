//! Why a generation cannot be folded from history.

use std::path::PathBuf;

use brainops_event::{Offset, Partition, Timestamp, TopicId, TopicName};
use brainops_log::{ClusterError, ReadError, SpillError};
use thiserror::Error;

use crate::generation::{Generation, ModelName, ModelNameError};
use crate::run_error::RunError;

/// A rebuild that is under way, and who works on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Underway {
    /// The generation that is built.
    pub generation: Generation,
    /// The process that began it.
    pub started_by: String,
    /// When.
    pub started_at: Timestamp,
    /// Whether somebody works on it now.
    pub is_worked_on: bool,
    /// Whether a person has paused it.
    pub is_paused: bool,
}

/// Why a generation cannot be begun or folded. What can pass (a database that restarts, a registry that is away) is
/// waited for inside; where `can_go_on` says so, the same rebuild goes on when the cause is gone.
#[derive(Debug, Error)]
pub enum RebuildError {
    /// The name can be no read model's.
    #[error("unknown read model")]
    Name(#[from] ModelNameError),
    /// Nobody has installed the read model in this database.
    #[error("read model {read_model} is not installed")]
    NotInstalled {
        /// The read model.
        read_model: ModelName,
    },
    /// Another rebuild of the read model is under way.
    #[error(
        "{} is being built since {} by {}, which {}",
        .0.generation.schema(),
        .0.started_at.format("%Y-%m-%dT%H:%M:%SZ"),
        .0.started_by,
        if .0.is_worked_on { "is at work" } else { "is not at work now" }
    )]
    Underway(Underway),
    /// There is no rebuild to go on with.
    #[error("no rebuild of {read_model} is under way")]
    NoneUnderway {
        /// The read model.
        read_model: ModelName,
    },
    /// The topic is another one than was folded, though of the same name.
    #[error(
        "{topic} has the id {found}, what is served was folded from {folded}: it was deleted and made again, and its history is gone"
    )]
    OtherTopic {
        /// The topic.
        topic: TopicName,
        /// The id that was folded, or that a frontier names.
        folded: TopicId,
        /// The id that the topic has.
        found: TopicId,
    },
    /// History does not begin at its beginning any more.
    #[error(
        "{topic}/{partition} begins at {low}: what was before is gone from the log, so its fold is not known"
    )]
    HistoryGone {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: Partition,
        /// The first offset that is there.
        low: Offset,
    },
    /// The frontier lies outside of the log.
    #[error("the frontier wants {topic}/{partition} up to {wanted}, which ends at {end}")]
    BeyondTheEnd {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: Partition,
        /// The next offset that was asked for.
        wanted: Offset,
        /// The end of the partition.
        end: Offset,
    },
    /// The frontier names something that this read model does not fold.
    #[error(
        "the frontier names {topic}/{partition}, which {read_model} does not fold; it folds {}",
        list(folded)
    )]
    NotFolded {
        /// The read model.
        read_model: ModelName,
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: Partition,
        /// What it folds, and where decisions stand.
        folded: Vec<TopicName>,
    },
    /// The cluster does not answer.
    #[error("the log does not say where it begins and ends")]
    Cluster(#[from] ClusterError),
    /// The log cannot be read.
    #[error("the log cannot be read")]
    Read(#[source] Box<ReadError>),
    /// There is no room for scratch. The rebuild is paused; it goes on when there is.
    #[error("the disk of {} is full: make room, then resume", folder.display())]
    DiskFull {
        /// Where records are set aside.
        folder: PathBuf,
    },
    /// Scratch cannot be written or read back.
    #[error("records cannot be set aside")]
    Spill(#[source] Box<SpillError>),
    /// So much would be parked that it is the fold which is broken.
    #[error("more than {limit} subjects would be parked; the last is {position}: {reason}")]
    TooManyParked {
        /// The most that are taken.
        limit: i64,
        /// A record that would be parked.
        position: String,
        /// Why.
        reason: String,
    },
    /// The read model's own code is at fault, or the database refuses.
    #[error("the fold cannot go on")]
    Run(#[from] RunError),
    /// A partition stands: the log is not what was folded.
    #[error("{place} stands: {reason}")]
    Stands {
        /// Topic and partition.
        place: String,
        /// Why.
        reason: String,
    },
    /// The database does not do what it was asked.
    #[error("cannot {what} of {read_model}")]
    Database {
        /// The read model.
        read_model: ModelName,
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: sqlx::Error,
    },
    /// A person has paused it, or it paused itself.
    #[error("the rebuild is paused{}", because(reason.as_deref()))]
    Paused {
        /// Why.
        reason: Option<String>,
    },
    /// A person has cancelled it, or it failed.
    #[error("the rebuild has ended{}", because(reason.as_deref()))]
    Ended {
        /// Why.
        reason: Option<String>,
    },
    /// Shutdown was asked for; what is done is kept.
    #[error("stopped before the end; what is done is kept")]
    ShutDown,
}

impl RebuildError {
    /// Whether the same rebuild can go on once the cause is gone.
    pub fn can_go_on(&self) -> bool {
        !matches!(
            self,
            Self::OtherTopic { .. }
                | Self::HistoryGone { .. }
                | Self::TooManyParked { .. }
                | Self::Run(RunError::Model { .. })
                | Self::Ended { .. }
        )
    }
}

impl From<ReadError> for RebuildError {
    fn from(error: ReadError) -> Self {
        Self::Read(Box::new(error))
    }
}

impl From<SpillError> for RebuildError {
    fn from(error: SpillError) -> Self {
        match error {
            SpillError::DiskFull { folder, .. } => Self::DiskFull { folder },
            error => Self::Spill(Box::new(error)),
        }
    }
}

fn because(reason: Option<&str>) -> String {
    reason.map_or(String::new(), |reason| format!(": {reason}"))
}

fn list(topics: &[TopicName]) -> String {
    topics.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Says, of a statement that failed, what it was for.
pub(crate) fn in_database(
    read_model: &ModelName,
    what: &'static str,
) -> impl FnOnce(sqlx::Error) -> RebuildError + use<> {
    let read_model = read_model.clone();
    move |source| RebuildError::Database { read_model, what, source }
}
