//! What records of the topic `tool` say. No I/O.

use std::collections::{BTreeMap, BTreeSet};

use brainops_checkpoint::{Place, Unreadable as UnreadablePlace, records};
use brainops_event::types::tool::{CallRequested, CallStarted};
use brainops_event::{CausePath, DecodeError, Position, Recorded, Timestamp};
use brainops_log::Item;

use crate::name::{About, CallName, Caller};
use crate::row::CallState;
use crate::say::SOURCE;

/// The longest arguments, in bytes of JSON.
pub(crate) const MAX_ARGUMENTS: usize = 512 * 1024;

/// A call as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) name: CallName,
    pub(crate) subject: String,
    pub(crate) correlation_id: Option<String>,
    pub(crate) cause_path: Option<String>,
    pub(crate) caller: Caller,
    pub(crate) tool: String,
    pub(crate) arguments: String,
    pub(crate) recorded_at: Timestamp,
    pub(crate) position: Position,
}

/// What a batch says. Of each name once, since a statement writes a row once.
#[derive(Debug, Default)]
pub(crate) struct Folded {
    pub(crate) asked: Vec<Asked>,
    names: BTreeSet<CallName>,
    pub(crate) started: BTreeMap<CallName, (i32, i64)>,
    pub(crate) ends: BTreeMap<CallName, (CallState, Timestamp)>,
    pub(crate) unreadable: Vec<UnreadablePlace>,
}

/// The data of an event is not what its type says.
struct Unreadable;

impl From<DecodeError> for Unreadable {
    fn from(_: DecodeError) -> Self {
        Self
    }
}

/// Folds what stands in these partitions.
pub(crate) fn fold(items: &[Item<'_>], ours: &BTreeSet<Place>) -> Folded {
    let mut folded = Folded::default();
    for record in records(items, ours) {
        match record {
            Ok(event) => folded.take(event),
            Err(unreadable) => folded.unreadable.push(unreadable),
        }
    }
    folded
}

impl Folded {
    fn take(&mut self, event: &Recorded<'_>) {
        let taken = match event.envelope.event_type() {
            "tool.call.requested" => self.asked(event),
            // What others say about calls is no word of the gate.
            _ if event.envelope.source() != SOURCE => return,
            "tool.call.started" => self.started(event),
            "tool.call.denied" => self.end(event, CallState::Denied),
            "tool.call.completed" => self.end(event, CallState::Completed),
            "tool.call.failed" => self.end(event, CallState::Failed),
            "tool.call.unknown" => self.end(event, CallState::Unknown),
            _ => return,
        };
        if taken.is_err() {
            self.unreadable.push((event.position(), "unreadable"));
        }
    }

    fn asked(&mut self, event: &Recorded<'_>) -> Result<(), Unreadable> {
        let CallRequested { tool, arguments, .. } = event.typed()?;
        let envelope = &event.envelope;
        let name = CallName { source: envelope.source().to_owned(), id: envelope.id().to_owned() };
        let is_text = |text: &str| !text.contains('\0');
        if !is_text(&tool) || !is_text(&arguments) || arguments.len() > MAX_ARGUMENTS {
            return Err(Unreadable);
        }
        if !self.names.insert(name.clone()) {
            return Ok(());
        }
        self.asked.push(Asked {
            name,
            subject: envelope.subject().ok_or(Unreadable)?.to_owned(),
            correlation_id: envelope.correlation_id().map(str::to_owned),
            cause_path: envelope
                .extensions()
                .find(|(extension, _)| *extension == CausePath::EXTENSION)
                .map(|(_, path)| path.to_owned()),
            caller: Caller::of(envelope),
            tool,
            arguments,
            recorded_at: event.recorded_at,
            position: event.position(),
        });
        Ok(())
    }

    fn started(&mut self, event: &Recorded<'_>) -> Result<(), Unreadable> {
        let CallStarted { call_source, call_id, attempt, epoch, .. } = event.typed()?;
        let known = self.started.entry(CallName { source: call_source, id: call_id }).or_insert((0, 0));
        *known = (known.0.max(attempt), known.1.max(epoch));
        Ok(())
    }

    fn end(&mut self, event: &Recorded<'_>, state: CallState) -> Result<(), Unreadable> {
        let About { call_source, call_id } = event.decode()?;
        let name = CallName { source: call_source, id: call_id };
        self.ends.entry(name).or_insert((state, event.recorded_at));
        Ok(())
    }

    /// Whether one statement can write it: what is asked for, or what the log says of calls, and nothing that cannot be read.
    pub(crate) fn is_of_one_kind(&self) -> bool {
        let has_words = !self.started.is_empty() || !self.ends.is_empty();
        self.unreadable.is_empty() && (self.asked.is_empty() || !has_words)
    }

    /// Whether the batch itself says that somebody has begun with a call, or ended it.
    pub(crate) fn is_under_way(&self, name: &CallName) -> bool {
        self.started.contains_key(name) || self.ends.contains_key(name)
    }
}
