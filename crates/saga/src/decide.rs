//! What people decide about a saga, and that a timer was due: events of the topic `saga`.

use brainops_event::types::saga::{
    SagaCancelled, SagaMoved, SagaPaused, SagaResumed, SagaRetried, SagaTimerFired,
};
use brainops_event::{
    AttributeError, EncodeError, Envelope, EventId, EventType, Outgoing, Source, Subject, Timestamp,
    TypedEvent, derived_id,
};
use thiserror::Error;

/// The source of what the runtime says about sagas, and of what people decide about them through it.
pub(crate) const SOURCE: &str = "brainops/saga";
/// Who lets sagas go on when the next hour of a budget has begun, in the words of the log. Nobody may be called so.
pub(crate) const BY_CLOCK: &str = "brainops";
/// The longest `decided_by`, in characters.
const BY_LIMIT: usize = 200;
/// The longest reason, in characters.
const REASON_LIMIT: usize = 1_000;

/// What is decided about a saga.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decide {
    /// A parked one goes on.
    Retry {
        /// Position of the input at which it stands.
        input: String,
        /// Whether that input is left out.
        skip: bool,
    },
    /// It takes no inputs for now.
    Pause,
    /// It takes inputs again.
    Resume,
    /// It undoes its steps and ends.
    Cancel,
    /// It goes on with another version of its agent.
    Move {
        /// The version that it is on.
        from: i32,
        /// The version to go on with.
        to: i32,
    },
}

/// Who decides, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decider {
    /// An opaque id of a person, such as a login.
    pub by: String,
    /// Why, in their words, without personal data.
    pub reason: String,
}

/// A decision cannot be said.
#[derive(Debug, Error)]
pub enum DecideError {
    /// Nobody is named, no reason is given, or they are too long.
    #[error("{field} has {found} characters, accepted are 1 to {limit}")]
    Words {
        /// `by` or `reason`.
        field: &'static str,
        /// Characters found.
        found: usize,
        /// Most that are accepted.
        limit: usize,
    },
    /// Somebody calls himself as the runtime calls itself.
    #[error("by is {BY_CLOCK}, which is what the runtime itself is called; accepted is the name of a person")]
    Reserved,
    /// Agent and correlation make no subject.
    #[error("agent and correlation make no subject")]
    Subject(#[from] AttributeError),
    /// The event cannot be encoded.
    #[error("the decision cannot be said")]
    Encode(#[from] EncodeError),
}

/// The event that says a decision, to be appended; `id` is a fresh one.
///
/// # Errors
/// It is not said who decides, or why, or about what.
pub fn decision_event(
    about: (&str, &str),
    decide: &Decide,
    decider: &Decider,
    (id, now): (EventId, Timestamp),
) -> Result<Outgoing, DecideError> {
    if decider.by == BY_CLOCK {
        return Err(DecideError::Reserved);
    }
    said_decision(about, decide, decider, (id, now))
}

/// The same, also for the runtime.
pub(crate) fn said_decision(
    (agent, correlation): (&str, &str),
    decide: &Decide,
    decider: &Decider,
    (id, now): (EventId, Timestamp),
) -> Result<Outgoing, DecideError> {
    check(decider)?;
    let named = || (agent.to_owned(), correlation.to_owned(), decider.by.clone(), decider.reason.clone());
    let (agent, correlation, decided_by, reason) = named();
    let subject = Subject::new(format!("{agent}/{correlation}"))?;
    let said = Said { id, subject, now, by: decider.by.clone() };
    match decide.clone() {
        Decide::Retry { input, skip } => {
            said.event(&SagaRetried { agent, correlation, input, skip, decided_by, reason })
        }
        Decide::Pause => said.event(&SagaPaused { agent, correlation, decided_by, reason }),
        Decide::Resume => said.event(&SagaResumed { agent, correlation, decided_by, reason }),
        Decide::Cancel => said.event(&SagaCancelled { agent, correlation, decided_by, reason }),
        Decide::Move { from, to } => said.event(&SagaMoved {
            agent,
            correlation,
            from_version: from,
            to_version: to,
            decided_by,
            reason,
        }),
    }
}

/// The event that says that a timer was due, in the flow of this correlation id. Its id follows from that of the setting, so
/// that it is said once.
///
/// # Errors
/// None in practice: what set the timer was checked.
pub fn fired_event(
    timer: &SagaTimerFired,
    flow: Option<&str>,
    now: Timestamp,
) -> Result<Outgoing, DecideError> {
    let source = Source::new(SOURCE)?;
    let id = derived_id(&source, &["fired", &timer.agent, &timer.setting]);
    let subject = Subject::new(format!("{}/{}", timer.agent, timer.correlation))?;
    let envelope = Envelope::new(id, source, EventType::new(SagaTimerFired::EVENT_TYPE)?, subject);
    let mut envelope = envelope.with_time(now).with_causation_id(&timer.setting)?;
    if let Some(flow) = flow {
        envelope = envelope.with_correlation_id(flow)?;
    }
    Ok(Outgoing::typed(envelope, timer)?)
}

/// The event that says that agents were stopped or started, about this subject.
pub(crate) fn switch_event<T: TypedEvent>(
    subject: &str,
    data: &T,
    decider: &Decider,
    (id, now): (EventId, Timestamp),
) -> Result<Outgoing, DecideError> {
    check(decider)?;
    Said { id, subject: Subject::new(subject)?, now, by: decider.by.clone() }.event(data)
}

fn check(decider: &Decider) -> Result<(), DecideError> {
    within("by", &decider.by, BY_LIMIT)?;
    within("reason", &decider.reason, REASON_LIMIT)
}

struct Said {
    id: EventId,
    subject: Subject,
    now: Timestamp,
    by: String,
}

impl Said {
    fn event<T: TypedEvent>(self, data: &T) -> Result<Outgoing, DecideError> {
        let envelope =
            Envelope::new(self.id, Source::new(SOURCE)?, EventType::new(T::EVENT_TYPE)?, self.subject);
        Ok(Outgoing::typed(envelope.with_time(self.now).with_auth_id(self.by)?, data)?)
    }
}

fn within(field: &'static str, text: &str, limit: usize) -> Result<(), DecideError> {
    let found = text.chars().count();
    if (1..=limit).contains(&found) { Ok(()) } else { Err(DecideError::Words { field, found, limit }) }
}
