//! What a question about the past comes to: a frontier, and perhaps a time of happening.

use brainops_event::{Frontier, Position, Timestamp, TopicName};
use brainops_log::{end_frontier, first_recorded_at, frontier_at, start_frontier};
use chrono::Utc;
use serde::Serialize;
use serde_json::{Value, json};

use super::error::MomentError;
use crate::generation::{Generation, ModelName};
use crate::install::offered_version;
use crate::model::ReadModel;
use crate::rebuild::{Workshop, refuse_other_topics};
use crate::run::scope;
use crate::sort::Scope;

/// By which time a moment is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// When the log recorded an event.
    #[default]
    Recorded,
    /// When it happened, as its producer said.
    Happened,
}

impl Clock {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Happened => "happened",
        }
    }
}

/// Which moment is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MomentAt {
    /// A time: what is of that very time belongs to it.
    Time(Timestamp),
    /// A place in the log. Partitions that it does not name count as not begun.
    Frontier(Frontier),
    /// Right after an event: of other partitions, what was recorded until then.
    After {
        /// Where the event stands.
        position: Position,
        /// When the log recorded it.
        recorded_at: Timestamp,
    },
}

/// A question about the past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MomentQuestion {
    /// Which moment is meant.
    pub at: MomentAt,
    /// By which time.
    pub clock: Clock,
}

/// What a question comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedMoment {
    /// Up to where the log is folded.
    pub frontier: Frontier,
    /// Only events that happened until then; `None`: all up to the frontier.
    pub happened_to: Option<Timestamp>,
    /// The question, for people, as it is kept with the answer.
    pub told: Value,
}

/// Finds out what a question comes to now.
///
/// # Errors
/// [`MomentError`]: nothing stood in the log then, the time has not come, or the log does not answer.
pub async fn resolve_moment<M: ReadModel>(
    model: &M,
    shop: &Workshop,
    question: &MomentQuestion,
) -> Result<ResolvedMoment, MomentError> {
    let read_model = ModelName::new(model.name()).map_err(crate::rebuild::RebuildError::from)?;
    let unnumbered = Generation::of_lineage(read_model, 1, offered_version(model));
    let scope = scope(model, &shop.log, &unnumbered).map_err(crate::rebuild::RebuildError::from)?;
    let topics = scope.topics();
    refuse_other_topics(shop, &scope.generation.read_model, &topics).await?;
    let resolving = Resolving { shop, topics, scope };
    match (&question.at, question.clock) {
        (MomentAt::Time(at), Clock::Recorded) => resolving.recorded(*at).await,
        (MomentAt::Time(at), Clock::Happened) => resolving.happened(*at).await,
        (MomentAt::Frontier(frontier), Clock::Recorded) => resolving.frontier(frontier).await,
        (MomentAt::After { position, recorded_at }, Clock::Recorded) => {
            resolving.after(position, *recorded_at).await
        }
        (MomentAt::Frontier(_), Clock::Happened) => Err(MomentError::NotATime { found: "a frontier" }),
        (MomentAt::After { .. }, Clock::Happened) => Err(MomentError::NotATime { found: "an event" }),
    }
}

struct Resolving<'a> {
    shop: &'a Workshop,
    scope: Scope,
    topics: Vec<TopicName>,
}

impl Resolving<'_> {
    async fn recorded(&self, at: Timestamp) -> Result<ResolvedMoment, MomentError> {
        self.refuse_outside(at).await?;
        let frontier = frontier_at(&self.shop.log, &self.topics, at).await?;
        Ok(ResolvedMoment { frontier, happened_to: None, told: time(at, Clock::Recorded) })
    }

    /// An event may have happened long before the first was recorded, so there is no first moment.
    async fn happened(&self, at: Timestamp) -> Result<ResolvedMoment, MomentError> {
        refuse_future(at)?;
        let frontier = end_frontier(&self.shop.log, &self.topics).await?;
        Ok(ResolvedMoment { frontier, happened_to: Some(at), told: time(at, Clock::Happened) })
    }

    async fn frontier(&self, given: &Frontier) -> Result<ResolvedMoment, MomentError> {
        let mut frontier = start_frontier(&self.shop.log, &self.topics).await?;
        for (topic, partition, next) in given.iter() {
            frontier.set(topic.clone(), partition, next); // what is not ours is refused when it is begun
        }
        for topic in given.topics() {
            if let Some(id) = given.topic_id(topic) {
                frontier.set_topic_id(topic.clone(), id.clone());
            }
        }
        let told = json!({ "clock": Clock::Recorded, "frontier": given });
        Ok(ResolvedMoment { frontier, happened_to: None, told })
    }

    async fn after(
        &self,
        position: &Position,
        recorded_at: Timestamp,
    ) -> Result<ResolvedMoment, MomentError> {
        if !self.topics.contains(&position.topic) {
            let read_model = self.scope.generation.read_model.to_string();
            return Err(MomentError::OtherTopic { read_model, position: position.clone() });
        }
        let mut frontier = frontier_at(&self.shop.log, &self.topics, recorded_at).await?;
        frontier.set(position.topic.clone(), position.partition, position.offset.next());
        let told = json!({ "clock": Clock::Recorded, "after": position.to_string() });
        Ok(ResolvedMoment { frontier, happened_to: None, told })
    }

    async fn refuse_outside(&self, at: Timestamp) -> Result<(), MomentError> {
        refuse_future(at)?;
        match first_recorded_at(&self.shop.log, &self.scope.folded).await? {
            None => Err(MomentError::Empty),
            Some(first) if at < first => Err(MomentError::BeforeTheFirst { at, first }),
            Some(_) => Ok(()),
        }
    }
}

fn refuse_future(at: Timestamp) -> Result<(), MomentError> {
    let now = Utc::now();
    if at > now { Err(MomentError::Future { at, now }) } else { Ok(()) }
}

fn time(at: Timestamp, clock: Clock) -> Value {
    json!({ "clock": clock, "at": brainops_event::format_timestamp(&at) })
}
