//! The way to past moments: whoever reads the log makes them. Behind the trait stands the log, and memory in tests.
use std::time::Duration;

use async_trait::async_trait;
use brainops_event::error_chain;
use brainops_projection::{
    ListedMoment, MomentAt, MomentError, MomentQuestion, RebuildError, Remedy, remedy,
};

use crate::fault::is_not_installed;

/// A question about the past, and who asks it.
#[derive(Clone, Debug)]
pub struct AskedMoment {
    /// Name of the read model.
    pub read_model: &'static str,
    /// Which moment is meant.
    pub question: MomentQuestion,
    /// By time of happening: whether it is folded up to now, also when an older answer is still there.
    pub fresh: bool,
    /// The principal that asks.
    pub asked_by: &'static str,
}

/// Has past moments made.
#[async_trait]
pub trait Moments: Send + Sync {
    /// The moment that the question comes to: one that is there or on its way, else one that is begun.
    ///
    /// # Errors
    /// [`MomentRefusal`]: there is no such moment, too many are being made, or what is needed is away.
    async fn ask(&self, asked: AskedMoment) -> Result<ListedMoment, MomentRefusal>;
}

/// Why a question about the past is not answered. What it says goes to the caller, so it says nothing about the inside.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MomentRefusal {
    /// The log has no such moment; the same question again is refused again.
    #[error("expected {expected}, found {found}")]
    NoSuchMoment {
        /// What is accepted, with where the log begins or ends.
        expected: String,
        /// What kind of thing was asked for; never the value itself.
        found: &'static str,
    },
    /// The caller has too many being made; later helps.
    #[error("{limit} past moments are being made already: try again when one is ready")]
    TooMany {
        /// The most at a time.
        limit: i64,
        /// When it is worth trying again.
        retry_after: Duration,
    },
    /// Its making has not begun in time, and goes on beginning.
    #[error("the past moment is being begun: ask again")]
    NotBegun,
    /// Its making has failed a short time ago; much later may help.
    #[error(
        "the making of this past moment has failed: GET /projections/{read_model}/moments/{number} says more"
    )]
    Failed {
        /// The read model.
        read_model: String,
        /// Its number.
        number: i32,
        /// When it is worth trying again.
        retry_after: Duration,
    },
    /// The log does not reach back to its beginning any more, so no moment can be folded.
    #[error("the beginning of the log is gone, so what was then is not known")]
    HistoryGone,
    /// Kafka or Postgres is away.
    #[error("what past moments are made from is away")]
    Unavailable,
    /// The read model has no tables.
    #[error("the read model is not installed yet")]
    NotInstalled,
    /// A fault of ours.
    #[error("the past moment cannot be made")]
    Fault,
}

/// When it is worth trying again to have one more made.
const ONE_IS_READY: Duration = Duration::from_secs(2);
/// When it is worth trying again to have one made that has failed.
const AFTER_FAILURE: Duration = Duration::from_secs(300);

impl MomentRefusal {
    /// The refusal of a question that ended in this error. What is for whoever runs this goes to the log.
    pub fn of(error: &MomentError, question: &MomentQuestion) -> Self {
        let refusal = refusal(error, question);
        match refusal {
            Self::Unavailable => {
                tracing::error!(error = %error_chain(error), "what past moments are made from is away");
            }
            Self::Fault | Self::HistoryGone => {
                tracing::error!(error = %error_chain(error), "a past moment cannot be made");
            }
            _ => {}
        }
        refusal
    }
}

impl From<&sqlx::Error> for MomentRefusal {
    fn from(error: &sqlx::Error) -> Self {
        match remedy(error) {
            _ if is_not_installed(error) => Self::NotInstalled,
            Remedy::Retry => Self::Unavailable,
            Remedy::FixFold | Remedy::FixInstallation => Self::Fault,
        }
    }
}

fn refusal(error: &MomentError, question: &MomentQuestion) -> MomentRefusal {
    let no_such = |expected: String, found| MomentRefusal::NoSuchMoment { expected, found };
    match error {
        MomentError::BeforeTheFirst { first, .. } => {
            let first = brainops_event::format_timestamp(first);
            no_such(format!("a time from {first} on, when the first event was recorded"), "an earlier time")
        }
        MomentError::Empty => {
            no_such("a time at which the log held an event".to_owned(), "a log without such an event")
        }
        MomentError::Future { .. } => {
            no_such("a time that has come".to_owned(), "a time that has not come yet")
        }
        MomentError::NotATime { found } => {
            no_such("a time or a day, with the clock happened".to_owned(), found)
        }
        MomentError::OtherTopic { .. } => {
            no_such("an event of a topic that is folded".to_owned(), "an event of another topic")
        }
        MomentError::TooMany { limit, .. } => {
            MomentRefusal::TooMany { limit: *limit, retry_after: ONE_IS_READY }
        }
        MomentError::JustFailed { read_model, generation, .. } => MomentRefusal::Failed {
            read_model: read_model.clone(),
            number: *generation,
            retry_after: AFTER_FAILURE,
        },
        MomentError::Cluster(_) => MomentRefusal::Unavailable,
        MomentError::Rebuild(error) => not_begun(error, question),
        MomentError::Find(_) | MomentError::Drop(_) => MomentRefusal::Fault,
    }
}

fn not_begun(error: &RebuildError, question: &MomentQuestion) -> MomentRefusal {
    let no_such = |expected: String, found| MomentRefusal::NoSuchMoment { expected, found };
    match error {
        RebuildError::OtherTopic { topic, folded, .. } if names_topic_id(question, topic, folded) => no_such(
            format!("the id that {topic} has now, or none"),
            "the id of a topic that was deleted and made again",
        ),
        RebuildError::BeyondTheEnd { topic, partition, end, .. } => {
            no_such(format!("{topic}/{partition} up to {end}"), "a place beyond the end of the log")
        }
        RebuildError::NotFolded { folded, .. } => {
            let folded = folded.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            no_such(format!("only partitions of {folded}"), "a partition that is not folded")
        }
        RebuildError::HistoryGone { .. } => MomentRefusal::HistoryGone,
        RebuildError::NotInstalled { .. } => MomentRefusal::NotInstalled,
        RebuildError::Cluster(_) => MomentRefusal::Unavailable,
        RebuildError::Database { source, .. } => source.into(),
        _ => MomentRefusal::Fault,
    }
}

/// Whether it is the caller who speaks of that topic, and not the tables that are served.
fn names_topic_id(
    question: &MomentQuestion,
    topic: &brainops_event::TopicName,
    id: &brainops_event::TopicId,
) -> bool {
    matches!(&question.at, MomentAt::Frontier(frontier) if frontier.topic_id(topic) == Some(id))
}

#[cfg(test)]
mod tests {
    use brainops_event::{Frontier, Offset, Partition, Timestamp, TopicId, TopicName};
    use brainops_projection::{Clock, ModelName};

    use super::*;

    fn expected(error: impl Into<MomentError>, question: &MomentQuestion) -> String {
        match MomentRefusal::of(&error.into(), question) {
            MomentRefusal::NoSuchMoment { expected, .. } => expected,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_the_caller_can_mend_says_what_is_accepted() {
        let topic = TopicName::new("brainops.lead").unwrap();
        let id = |letter: &str| TopicId::new(letter.repeat(22)).unwrap();
        let mut frontier = Frontier::new();
        frontier.set_topic_id(topic.clone(), id("A"));
        let question = MomentQuestion { at: MomentAt::Frontier(frontier), clock: Clock::Recorded };
        let (partition, end) = (Partition::new(3).unwrap(), Offset::new(17).unwrap());
        let beyond = RebuildError::BeyondTheEnd { topic: topic.clone(), partition, wanted: end.next(), end };
        assert_eq!(expected(beyond, &question), "brainops.lead/3 up to 17");
        let read_model = ModelName::new("leads").unwrap();
        let foreign = RebuildError::NotFolded {
            read_model,
            topic: topic.clone(),
            partition,
            folded: vec![topic.clone()],
        };
        assert_eq!(expected(foreign, &question), "only partitions of brainops.lead");
        let at = Timestamp::UNIX_EPOCH;
        assert!(
            expected(MomentError::BeforeTheFirst { at, first: at }, &question)
                .contains("1970-01-01T00:00:00.000Z")
        );

        let other = |folded| RebuildError::OtherTopic { topic: topic.clone(), folded, found: id("B") };
        assert_eq!(expected(other(id("A")), &question), "the id that brainops.lead has now, or none");
        let ours = MomentRefusal::of(&other(id("C")).into(), &question);
        assert_eq!(ours, MomentRefusal::Fault, "the tables that are served speak of that id");
    }

    #[test]
    fn what_is_away_may_come_back() {
        let question = MomentQuestion { at: MomentAt::Time(Timestamp::UNIX_EPOCH), clock: Clock::Recorded };
        let read_model = ModelName::new("leads").unwrap();
        let database = |source| {
            let error = RebuildError::Database { read_model: read_model.clone(), what: "read it", source };
            MomentRefusal::of(&error.into(), &question)
        };
        assert_eq!(database(sqlx::Error::PoolTimedOut), MomentRefusal::Unavailable);
        assert_eq!(database(sqlx::Error::RowNotFound), MomentRefusal::Fault);
    }
}
