//! What a saga waits for: said to people, and obeyed by the mailbox.

use brainops_event::types::agent::TaskCompleted;
use brainops_event::types::saga::SagaWait;
use brainops_event::{Timestamp, TypedEvent};
use serde::{Deserialize, Serialize};

use crate::instance::{Instance, Phase};

/// How many hours a saga may wait for something, or stand paused or parked, before it counts as stuck, unless somebody
/// asks for another term. A guess for people, and never a reason to act. `operations.saga_wait` has the same one.
pub const TOO_LONG_HOURS: u32 = 168;

/// Something that a saga waits for: events of some types, and why.
///
/// **What is not waited for is kept**, in order, and given to the agent once it waits for it: a signal that comes too
/// early cannot be lost by forgetting a case. So name all that may come; [`Wait::for_anything`] takes every event as it
/// comes. The fired timers of a saga need no wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    events: Vec<String>,
    reason: String,
}

impl Wait {
    /// Events of this type, or whose type begins so when it ends in `.*`; with words for people, such as `a reply`.
    #[must_use]
    pub fn for_event(event_type: &str, reason: &str) -> Self {
        Self { events: vec![event_type.to_owned()], reason: reason.to_owned() }
    }

    /// Events of the type of this record.
    #[must_use]
    pub fn for_typed<T: TypedEvent>(reason: &str) -> Self {
        Self::for_event(T::EVENT_TYPE, reason)
    }

    /// Any event.
    #[must_use]
    pub fn for_anything(reason: &str) -> Self {
        Self::for_event("*", reason)
    }

    /// Or events of this type.
    #[must_use]
    pub fn or(mut self, event_type: &str) -> Self {
        self.events.push(event_type.to_owned());
        self
    }

    /// Types and patterns.
    pub fn events(&self) -> impl Iterator<Item = &str> {
        self.events.iter().map(String::as_str)
    }

    /// Why, for people.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Whether an event of this type is waited for.
    #[must_use]
    pub fn takes(&self, event_type: &str) -> bool {
        self.events.iter().any(|pattern| matches(pattern, event_type))
    }
}

/// A wait and since when it lasts: the recorded time of the input after which it was first there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenWait {
    /// What for.
    #[serde(flatten)]
    pub wait: Wait,
    /// Since when.
    pub since: Timestamp,
}

/// The waits as they are now; one that was there before goes on.
pub(crate) fn renewed(before: &[OpenWait], now: Timestamp, waits: Vec<Wait>) -> Vec<OpenWait> {
    let since = |wait: &Wait| before.iter().find(|open| open.wait == *wait).map_or(now, |open| open.since);
    waits.into_iter().map(|wait| OpenWait { since: since(&wait), wait }).collect()
}

/// What a saga waits for, as `saga.reacted` says it: its open waits, then its timers by name.
pub(crate) fn told(instance: &Instance) -> Vec<SagaWait> {
    let open = instance.book.waits.iter().map(|open| SagaWait {
        kind: kind(instance.phase, &open.wait).to_owned(),
        reason: open.wait.reason.clone(),
        events: open.wait.events.clone(),
        since_at: Some(open.since),
        due_at: None,
    });
    let timers = instance.book.timers.iter().map(|(name, open)| SagaWait {
        kind: "timer".to_owned(),
        reason: name.clone(),
        events: Vec::new(),
        since_at: None,
        due_at: Some(open.deadline),
    });
    open.chain(timers).collect()
}

/// What a wait is for, by the types of events of which any would end it.
fn kind(phase: Phase, wait: &Wait) -> &'static str {
    let all =
        |beginning: &str| !wait.events.is_empty() && wait.events().all(|one| one.starts_with(beginning));
    // `agent.work.` of the events that tell what became of a task
    let of_tasks = TaskCompleted::EVENT_TYPE.trim_end_matches("completed");
    match phase {
        Phase::Compensating => "undo",
        _ if all("approval.") => "approval",
        _ if all(of_tasks) => "task",
        _ => "event",
    }
}

/// Whether a type is this one, or begins as a pattern that ends in a star says.
pub(crate) fn matches(pattern: &str, event_type: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == event_type, |beginning| event_type.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_itself_and_a_star_is_all_that_begins_so() {
        for (pattern, event_type, expected) in [
            ("lead.won", "lead.won", true),
            ("lead.won", "lead.wonder", false),
            ("lead.*", "lead.won", true),
            ("lead.*", "leader.won", false),
            ("*", "anything", true),
        ] {
            assert_eq!(matches(pattern, event_type), expected, "{pattern} {event_type}");
        }
    }

    #[test]
    fn what_is_waited_for_is_told_with_its_kind_and_timers_with_their_deadline() {
        let now = chrono::DateTime::UNIX_EPOCH;
        let mut saga = Instance::new("lead-7", 1, now);
        saga.phase = Phase::Running;
        let waits = [
            Wait::for_event("outreach.replied", "a reply").or("lead.*"),
            Wait::for_typed::<TaskCompleted>("the review").or("agent.work.cancelled"),
            Wait::for_event("approval.*", "a yes"),
            Wait::for_event("approval.granted", "a yes, or the end").or("lead.lost"),
        ];
        saga.book.waits = renewed(&[], now, waits.to_vec());
        let deadline = now + chrono::TimeDelta::hours(2);
        let setting = brainops_event::EventId::new("setting").unwrap();
        saga.book.timers.insert("patience".to_owned(), crate::instance::OpenTimer { setting, deadline });
        let told_now = told(&saga);
        let found: Vec<_> = told_now
            .iter()
            .map(|one| (one.kind.as_str(), one.reason.as_str(), one.events.len(), one.since_at, one.due_at))
            .collect();
        let expected = [
            ("event", "a reply", 2, Some(now), None),
            ("task", "the review", 2, Some(now), None),
            ("approval", "a yes", 1, Some(now), None),
            ("event", "a yes, or the end", 2, Some(now), None),
            ("timer", "patience", 0, None, Some(deadline)),
        ];
        assert_eq!(found, expected);
        saga.phase = Phase::Compensating;
        assert_eq!(told(&saga)[0].kind, "undo");
    }

    #[test]
    fn a_wait_that_goes_on_began_when_it_first_was_there() {
        let then = chrono::DateTime::UNIX_EPOCH;
        let now = then + chrono::TimeDelta::hours(1);
        let reply = Wait::for_event("outreach.replied", "a reply");
        let before = renewed(&[], then, vec![reply.clone()]);
        let after = renewed(&before, now, vec![Wait::for_event("lead.won", "the end"), reply]);
        assert_eq!(after.iter().map(|open| open.since).collect::<Vec<_>>(), [now, then]);
    }
}
