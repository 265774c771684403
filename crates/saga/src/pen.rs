//! Writes what a saga decides as events: names, causes and correlation follow from the input alone.
//!
//! The id of a decision is derived from the agent, the correlation and its run, the input, the decision's type and its
//! place among the decisions of that input. So the same decision is the same event, whoever makes it and however often;
//! and what repeats it anywhere down the road is a repeat.

use brainops_event::{
    Catalog, CausePath, Envelope, EventId, EventType, Outgoing, Recorded, Source, Subject, Timestamp,
    TypedEvent, derived_id,
};

use crate::cast::TOPIC;
use crate::refusal::Refusal;
use crate::say::Say;

/// How many events one input may lead to.
const MAX_DECISIONS: u32 = 1_000;
/// How large the data of one may be, in bytes: it has to fit in a record.
const MAX_DATA_BYTES: usize = 512 * 1024;
/// How large the data of all of them together may be, in bytes.
const MAX_TURN_BYTES: usize = 4 * 1024 * 1024;

/// What the source of an agent's decisions begins with.
const SOURCES: &str = "brainops/agent/";

/// The source of what an agent decides.
pub(crate) fn source_of(agent: &str) -> Result<Source, Refusal> {
    Ok(Source::new(format!("{SOURCES}{agent}"))?)
}

/// What all decisions of an instance have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Author {
    pub(crate) agent: String,
    pub(crate) correlation: String,
    pub(crate) run: i32,
    pub(crate) correlation_id: String,
}

impl Author {
    /// The subject of what is said about the instance.
    pub(crate) fn subject(&self) -> String {
        format!("{}/{}", self.agent, self.correlation)
    }
}

/// Writes the decisions that one input leads to.
#[derive(Debug)]
pub(crate) struct Pen {
    author: Author,
    source: Source,
    cause: (String, String),
    path: CausePath,
    now: Timestamp,
    index: u32,
    bytes: usize,
    written: Vec<Written>,
}

/// An event that follows from an input.
#[derive(Debug, Clone)]
pub struct Written {
    /// The event.
    pub event: Outgoing,
    /// Whether it only says what became of the saga, rather than what its agent decided.
    pub is_fact: bool,
    /// What it costs at most, in the unit of the agent's budget.
    pub(crate) cost: u64,
}

impl Pen {
    pub(crate) fn new(author: Author, input: &Recorded<'_>) -> Result<Self, Refusal> {
        Ok(Self {
            source: source_of(&author.agent)?,
            path: CausePath::of(&input.envelope).through(&author.subject()),
            cause: (input.envelope.source().to_owned(), input.envelope.id().to_owned()),
            now: input.recorded_at,
            index: 0,
            bytes: 0,
            written: Vec::new(),
            author,
        })
    }

    pub(crate) const fn now(&self) -> Timestamp {
        self.now
    }

    pub(crate) const fn author(&self) -> &Author {
        &self.author
    }

    /// Forgets what the chain of causes was: it begins with this saga.
    pub(crate) fn begin_chain(&mut self) {
        self.path = CausePath::default().through(&self.author.subject());
    }

    /// Whether it has written anything but facts.
    pub(crate) fn has_decided(&self) -> bool {
        self.written.iter().any(|written| !written.is_fact)
    }

    pub(crate) fn written(&self) -> &[Written] {
        &self.written
    }

    pub(crate) fn into_written(self) -> Vec<Written> {
        self.written
    }

    /// An id that belongs to this input and to nothing else.
    pub(crate) fn next_id(&mut self, what: &str) -> Result<EventId, Refusal> {
        if self.index >= MAX_DECISIONS {
            return Err(Refusal::new("too_many_decisions"));
        }
        self.index += 1;
        let (run, index) = (self.author.run.to_string(), self.index.to_string());
        let (cause_source, cause_id) = &self.cause;
        let parts = [self.author.correlation.as_str(), &run, cause_source, cause_id, what, &index];
        Ok(derived_id(&self.source, &parts))
    }

    /// Says something for the agent.
    pub(crate) fn say(&mut self, say: &Say) -> Result<EventId, Refusal> {
        say.flaw.map_or(Ok(()), Err)?;
        let subject = say.subject.clone().unwrap_or_else(|| self.author.subject());
        let mut envelope = self.envelope(&say.event_type, subject)?;
        envelope = envelope.with_extension(CausePath::EXTENSION, self.path.to_string())?;
        if let Some(priority) = say.priority {
            envelope = envelope.with_priority(priority);
        }
        self.write(envelope, &say.schema, say.datum.clone(), say.cost)
    }

    /// Says what the runtime did.
    pub(crate) fn fact<T: TypedEvent>(&mut self, data: &T) -> Result<(), Refusal> {
        let id = self.next_id(T::EVENT_TYPE)?;
        self.fact_of(id, data)
    }

    /// As [`Pen::fact`], under an id that was drawn before, since others are to name it.
    pub(crate) fn fact_of<T: TypedEvent>(&mut self, id: EventId, data: &T) -> Result<(), Refusal> {
        let envelope = self.envelope_of(id, T::EVENT_TYPE, self.author.subject())?;
        let event = Outgoing::typed(envelope, data)?;
        self.written.push(Written { event, is_fact: true, cost: 0 });
        Ok(())
    }

    fn envelope(&mut self, event_type: &str, subject: String) -> Result<Envelope, Refusal> {
        let id = self.next_id(event_type)?;
        self.envelope_of(id, event_type, subject)
    }

    fn envelope_of(&self, id: EventId, event_type: &str, subject: String) -> Result<Envelope, Refusal> {
        let envelope =
            Envelope::new(id, self.source.clone(), EventType::new(event_type)?, Subject::new(subject)?);
        Ok(envelope
            .with_time(self.now)
            .with_correlation_id(&self.author.correlation_id)?
            .with_causation_id(&self.cause.1)?
            .with_auth_id(self.source.as_str())?)
    }

    fn write(
        &mut self,
        envelope: Envelope,
        schema: &str,
        datum: Vec<u8>,
        cost: u64,
    ) -> Result<EventId, Refusal> {
        self.bytes += datum.len();
        if datum.len() > MAX_DATA_BYTES {
            return Err(Refusal::new("decision_too_large"));
        }
        if self.bytes > MAX_TURN_BYTES {
            return Err(Refusal::new("decisions_too_large"));
        }
        let schema = Catalog::builtin().by_name(schema).ok_or(Refusal::new("unknown_schema"))?;
        let id = envelope.id().clone();
        let event = Outgoing::from_datum(envelope, schema, datum)?;
        if event.topic() == TOPIC {
            return Err(Refusal::new("decision_in_topic_saga")); // there the runtime speaks
        }
        self.written.push(Written { event, is_fact: false, cost });
        Ok(id)
    }
}
