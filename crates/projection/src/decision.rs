//! What people decide about a read model: events in the topic `projection`, folded like any other.
//!
//! A decision names what it was made about: the first held record of a subject, or the number of a pause. When that
//! is another one by the time the decision is carried out, the decision is void and says so.

use brainops_event::types::projection::{
    GenerationDropped, GenerationSwapped, RecordDismissed, Resumed, SubjectRetried,
};
use brainops_event::{
    AttributeError, EncodeError, Envelope, EventType, Offset, Outgoing, Partition, Position, Recorded,
    Source, Subject, Timestamp, TopicName, TypedEvent, new_id,
};
use chrono::Utc;
use thiserror::Error;
use uuid::Uuid;

use crate::checkpoint::Place;
use crate::generation::Generation;
use crate::parked::ParkedSubject;
use crate::pause::Pause;

/// The topic of decisions, without the installation's prefix.
pub(crate) const TOPIC: &str = "projection";

/// The source of events that are about read models.
pub(crate) const SOURCE: &str = "brainops/projection";

/// The longest `decided_by`, in characters.
pub(crate) const BY_LIMIT: usize = 200;
/// The longest reason, in characters.
pub(crate) const REASON_LIMIT: usize = 1_000;

/// What kind of decision it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecisionKind {
    /// Fold what is held, in order.
    Retry,
    /// Leave the first held record out for good, and fold what is behind it.
    Dismiss,
    /// End a pause.
    Resume,
}

impl DecisionKind {
    /// The stored name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Dismiss => "dismiss",
            Self::Resume => "resume",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Retry, Self::Dismiss, Self::Resume].into_iter().find(|kind| kind.as_str() == name)
    }
}

/// A decision that stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What was decided.
    pub kind: DecisionKind,
    /// Opaque id of who decided.
    pub decided_by: String,
    /// Why, in their words.
    pub reason: String,
    /// Where the decision's event stands.
    pub position: Position,
    /// When the log recorded it.
    pub recorded_at: Timestamp,
}

/// What became of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecisionState {
    /// It waits for the owner of the partition.
    Pending,
    /// It was carried out, with this outcome.
    Done(String),
    /// It had no effect, for this reason.
    Refused(String),
}

/// What is to be decided, about what was seen.
#[derive(Debug, Clone, Copy)]
pub enum Decide<'a> {
    /// Fold what is held, in order.
    Retry(&'a ParkedSubject),
    /// Leave the first held record out for good, and fold what is behind it.
    Dismiss(&'a ParkedSubject),
    /// End this pause.
    Resume(&'a Pause),
}

/// Why a decision cannot be made an event.
#[derive(Debug, Error)]
pub enum DecisionError {
    /// A text is outside of what is accepted.
    #[error("{field} is {found} characters long, accepted are 1 to {limit} without control characters")]
    Text {
        /// Name of the field.
        field: &'static str,
        /// Its length, in characters.
        found: usize,
        /// The longest that is accepted.
        limit: usize,
    },
    /// An attribute of the event is not what it must be.
    #[error("the decision has an impossible attribute")]
    Attribute(#[from] AttributeError),
    /// The event cannot be encoded.
    #[error("the decision cannot be encoded")]
    Encode(#[from] EncodeError),
}

/// The event that says a decision; append it, and the owner of the partition carries it out. `decided_by` is an
/// opaque id of a person, as in a login, never a name or an address.
///
/// # Errors
/// [`DecisionError`], naming the field that cannot be taken.
pub fn decision_event(decide: Decide<'_>, decided_by: &str, reason: &str) -> Result<Outgoing, DecisionError> {
    check("decided_by", decided_by, BY_LIMIT)?;
    check("reason", reason, REASON_LIMIT)?;
    let (decided_by, reason) = (decided_by.to_owned(), reason.to_owned());
    match decide {
        Decide::Retry(parked) => {
            let (topic, partition, offset) = told(&parked.first);
            let (read_model, generation) = (parked.read_model.to_string(), parked.generation);
            typed(&SubjectRetried { read_model, generation, topic, partition, offset, decided_by, reason })
        }
        Decide::Dismiss(parked) => {
            let (topic, partition, offset) = told(&parked.first);
            let (read_model, generation) = (parked.read_model.to_string(), parked.generation);
            typed(&RecordDismissed { read_model, generation, topic, partition, offset, decided_by, reason })
        }
        Decide::Resume(pause) => {
            let (read_model, generation) = (pause.read_model.to_string(), pause.generation);
            typed(&Resumed { read_model, generation, pause: pause.number, decided_by, reason })
        }
    }
}

pub(crate) fn check(field: &'static str, text: &str, limit: usize) -> Result<(), DecisionError> {
    let found = text.chars().count();
    if (1..=limit).contains(&found) && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(DecisionError::Text { field, found, limit })
}

fn told(position: &Position) -> (String, i32, String) {
    (position.topic.to_string(), position.partition.get(), position.offset.to_string())
}

/// The fields that all decisions have, for their envelope.
pub(crate) trait Said: TypedEvent {
    fn read_model(&self) -> &str;
    fn decided_by(&self) -> &str;
}

macro_rules! said {
    ($($record:ident),+) => {
        $(impl Said for $record {
            fn read_model(&self) -> &str {
                &self.read_model
            }
            fn decided_by(&self) -> &str {
                &self.decided_by
            }
        })+
    };
}

said!(SubjectRetried, RecordDismissed, Resumed, GenerationSwapped, GenerationDropped);

pub(crate) fn typed<T: Said>(data: &T) -> Result<Outgoing, DecisionError> {
    let (source, subject) = (Source::new(SOURCE)?, Subject::new(data.read_model())?);
    let envelope = Envelope::new(new_id(Uuid::now_v7()), source, EventType::new(T::EVENT_TYPE)?, subject);
    let envelope = envelope.with_time(Utc::now()).with_auth_id(data.decided_by())?;
    Ok(Outgoing::typed(envelope, data)?)
}

/// A decision about a generation, as a batch brings it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) decision: Decision,
    pub(crate) about: About,
}

/// What a decision is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum About {
    /// The record with which a subject's held ones begin.
    Record(Place, Offset),
    /// A pause, by its number.
    Pause(i32),
    /// Nothing that can be: no topic, partition or offset has such a name.
    Nothing,
}

/// The decision that an event says about this generation; `None` when it says none. What cannot be decoded decides
/// nothing: it must not keep people from deciding.
pub(crate) fn told_by(event: &Recorded<'_>, generation: &Generation) -> Option<Told> {
    let (kind, data) = match event.envelope.event_type() {
        SubjectRetried::EVENT_TYPE => {
            let data: SubjectRetried = decoded(event)?;
            let about = about_record(&data.topic, data.partition, &data.offset);
            (DecisionKind::Retry, (data.read_model, data.generation, about, data.decided_by, data.reason))
        }
        RecordDismissed::EVENT_TYPE => {
            let data: RecordDismissed = decoded(event)?;
            let about = about_record(&data.topic, data.partition, &data.offset);
            (DecisionKind::Dismiss, (data.read_model, data.generation, about, data.decided_by, data.reason))
        }
        Resumed::EVENT_TYPE => {
            let data: Resumed = decoded(event)?;
            let about = About::Pause(data.pause);
            (DecisionKind::Resume, (data.read_model, data.generation, about, data.decided_by, data.reason))
        }
        _ => return None,
    };
    let (read_model, number, about, decided_by, reason) = data;
    if read_model != generation.read_model.as_str() || number != generation.number {
        return None;
    }
    let decision = Decision {
        kind,
        decided_by: line(&decided_by, BY_LIMIT),
        reason: line(&reason, REASON_LIMIT),
        position: event.position(),
        recorded_at: event.recorded_at,
    };
    Some(Told { decision, about })
}

fn decoded<T: TypedEvent>(event: &Recorded<'_>) -> Option<T> {
    match event.typed() {
        Ok(data) => Some(data),
        Err(error) => {
            tracing::warn!(event.position = %event.position(), error = %error, "a decision cannot be read, and decides nothing");
            None
        }
    }
}

fn about_record(topic: &str, partition: i32, offset: &str) -> About {
    let topic = TopicName::new(topic).ok();
    let partition = Partition::new(partition).ok();
    let offset = offset.parse::<i64>().ok().and_then(|offset| Offset::new(offset).ok());
    match (topic, partition, offset) {
        (Some(topic), Some(partition), Some(offset)) => About::Record((topic, partition), offset),
        _ => About::Nothing,
    }
}

/// A text as one line that every text column can hold.
pub(crate) fn line(text: &str, limit: usize) -> String {
    text.chars().take(limit).map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}
