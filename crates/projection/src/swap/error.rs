//! Why views were not pointed at another generation; then they still show the one that they showed.

use std::fmt;
use std::time::Duration;

use brainops_event::{Offset, Partition, Position, TopicName};
use serde::Serialize;
use thiserror::Error;

use crate::compare::FrontierDifference;
use crate::generation::{ModelName, ServingError};
use crate::lineage::FindError;
use crate::views::{OtherColumnType, ViewPastTheBase};

/// Why views were not pointed at another generation. Nothing was changed.
#[derive(Debug, Error)]
pub enum SwapError {
    /// It is not known which generation is served.
    #[error("cannot swap")]
    Serving(#[from] ServingError),
    /// There is no such generation.
    #[error("cannot swap")]
    Find(#[from] FindError),
    /// The generation cannot serve.
    #[error("generation {number} of {read_model} cannot serve: {reason}")]
    NotReady {
        /// The read model.
        read_model: ModelName,
        /// The generation.
        number: i32,
        /// Why, in words.
        reason: String,
    },
    /// Transactions are open that began before the generation was whole: they would see some of its rows only.
    #[error(
        "transactions are open since before generation {number} of {read_model} was whole: {}",
        list(blockers)
    )]
    OldSnapshots {
        /// The read model.
        read_model: ModelName,
        /// The generation.
        number: i32,
        /// Whose they are.
        blockers: Vec<Blocker>,
    },
    /// The generation is behind the one that serves; readers would go back in time.
    #[error("generation {number} of {read_model} is behind the one that serves: {}", list(partitions))]
    Behind {
        /// The read model.
        read_model: ModelName,
        /// The generation.
        number: i32,
        /// Where.
        partitions: Vec<Behind>,
    },
    /// The generation has read another topic of the same name.
    #[error(
        "generation {number} of {read_model} has read other topics than the one that serves: {}",
        list(topics)
    )]
    OtherTopics {
        /// The read model.
        read_model: ModelName,
        /// The generation.
        number: i32,
        /// The topics, on the left as the serving generation knows them.
        topics: Vec<FrontierDifference>,
    },
    /// The generation has parked what the one that serves has not, and nobody has consented.
    #[error(
        "generation {number} of {read_model} has parked what the one that serves has folded: {}",
        list(parked)
    )]
    Parked {
        /// The read model.
        read_model: ModelName,
        /// The generation.
        number: i32,
        /// What.
        parked: Vec<NewlyParked>,
    },
    /// A view would show a column of another type than it does.
    #[error("the views of {read_model} cannot show this generation")]
    ColumnType {
        /// The read model.
        read_model: ModelName,
        /// The column.
        source: OtherColumnType,
    },
    /// Derived views name tables that only the base views may name.
    #[error("the views of {read_model} would read past its base views: {}", views.iter().map(|view| format!("{} reads {}", view.view, view.source)).collect::<Vec<_>>().join("; "))]
    Views {
        /// The read model.
        read_model: ModelName,
        /// All such views.
        views: Vec<ViewPastTheBase>,
    },
    /// Readers did not let go of the views, or something else stood in the way again and again.
    #[error("the views of {read_model} were not let go of in {tries} tries; in the way at the last: {}", if blockers.is_empty() { "nobody who could be seen".to_owned() } else { list(blockers) })]
    Locked {
        /// The read model.
        read_model: ModelName,
        /// How often it was tried.
        tries: u32,
        /// Who was in the way at the last try.
        blockers: Vec<Blocker>,
    },
    /// A statement failed.
    #[error("cannot {what} of {read_model}")]
    Database {
        /// The read model.
        read_model: ModelName,
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: sqlx::Error,
    },
}

fn list<T: fmt::Display>(all: &[T]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// A session that is in the way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Blocker {
    /// Its process id at the server.
    pub pid: i32,
    /// Its user.
    pub user: String,
    /// What it calls itself.
    pub application: String,
    /// How long its transaction is open, in seconds; null when it belongs to a role that hides it.
    pub age_seconds: Option<f64>,
}

impl fmt::Display for Blocker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pid, user, application, age_seconds } = self;
        write!(formatter, "pid {pid} (user {user}, application {application:?}")?;
        match age_seconds {
            Some(age) => write!(formatter, ", open for {age:.1} s)"),
            None => write!(formatter, ")"),
        }
    }
}

/// A partition in which a generation is behind the one that serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Behind {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: Partition,
    /// The next offset of the generation that serves.
    pub wanted: Offset,
    /// The next offset of the generation that is to serve; 0 when it has not begun.
    pub found: Offset,
    /// Why it does not come nearer, if that is known: it stands by a fault, or nobody follows it.
    pub standing: Option<String>,
}

impl fmt::Display for Behind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { topic, partition, wanted, found, standing } = self;
        write!(formatter, "{topic}/{partition} is at {found} and should be at {wanted}")?;
        match standing {
            Some(reason) => write!(formatter, " ({reason})"),
            None => Ok(()),
        }
    }
}

/// A subject or record that one generation has parked, and the one that serves has not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewlyParked {
    /// The subject; null when the record is held alone.
    pub subject: Option<String>,
    /// The first record that is held.
    pub first: Position,
    /// Class of the failure.
    pub reason_class: String,
    /// What was wrong with it, in words, without payload.
    pub reason: String,
}

impl fmt::Display for NewlyParked {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.subject {
            Some(subject) => write!(formatter, "{subject} from {} on", self.first),
            None => write!(formatter, "{} alone", self.first),
        }
    }
}

/// What keeps one try from succeeding, and may pass.
#[derive(Debug)]
pub(super) enum Hindrance {
    /// Somebody holds a lock.
    Locked(Vec<Blocker>),
    /// It has not come to where the serving generation stands, while that one was held.
    Behind(Vec<Behind>),
    /// The database was away.
    Away(sqlx::Error),
}

impl fmt::Display for Hindrance {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked(blockers) if blockers.is_empty() => {
                formatter.write_str("a lock was not had in time")
            }
            Self::Locked(blockers) => write!(formatter, "in the way is {}", list(blockers)),
            Self::Behind(partitions) => write!(formatter, "it is behind: {}", list(partitions)),
            Self::Away(error) => write!(formatter, "{error}"),
        }
    }
}

/// How a swap is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwapOptions {
    /// Whether a person has consented to what the generation has parked and the one that serves has not.
    /// Default: no.
    pub consent_to_parked: bool,
    /// How long one try waits for locks on views; for as long readers of views may have to wait. 10 ms to 900 ms, so
    /// that it ends before Postgres looks for deadlocks. Default: 200 ms.
    pub lock_timeout: Duration,
    /// How often it is tried before it gives up. Default: 30.
    pub tries: u32,
    /// How long it waits, each time, until old transactions have ended and until the generation has caught up.
    /// Default: 60 s.
    pub patience: Duration,
}

impl Default for SwapOptions {
    fn default() -> Self {
        Self {
            consent_to_parked: false,
            lock_timeout: Duration::from_millis(200),
            tries: 30,
            patience: Duration::from_secs(60),
        }
    }
}
