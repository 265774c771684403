//! Events as they were recorded, out of a file.

use brainops_event::json::parse;
use brainops_event::types::privacy::Sealed;
use brainops_event::{KeyError, Outgoing, Sealer, Timestamp, parse_timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::given::GivenAgent;

/// Types that begin so are what sagas said about themselves: in a test they say it anew.
const SAGAS: &str = "saga.";

/// A line of `brainops events tail --json`.
#[derive(Deserialize)]
struct Line<'a> {
    recorded_at: &'a str,
    verdict: &'a str,
    #[serde(borrow)]
    event: Option<&'a RawValue>,
}

impl GivenAgent {
    /// Lets the agent live through events that were recorded: lines as `brainops events tail --json` prints them, each at
    /// the moment at which it was recorded. Timers fire as they are due; what sagas said about themselves is left out, and so
    /// is what no reader counts (repeats, misplaced and unreadable records).
    ///
    /// # Panics
    /// When a line is none of these, or has personal text that is not sealed.
    #[must_use]
    #[track_caller]
    pub fn recorded(self, lines: &str) -> Self {
        let lines = lines.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        lines.fold(self, |given, (number, line)| match read(number + 1, line) {
            Some((recorded_at, event)) => given.recorded_from(recorded_at).events([event]),
            None => given,
        })
    }
}

/// When it was recorded, and what; none if it does not count.
#[track_caller]
fn read(number: usize, line: &str) -> Option<(Timestamp, Outgoing)> {
    let read: Line<'_> = serde_json::from_str(line)
        .unwrap_or_else(|error| panic!("line {number} is none of `brainops events tail --json`: {error}"));
    let event = read.event.filter(|_| read.verdict == "event")?;
    let recorded_at = parse_timestamp(read.recorded_at)
        .unwrap_or_else(|error| panic!("line {number}: recorded_at is no time: {error}"));
    let parsed = parse(event.get().as_bytes(), "application/json");
    let incoming = parsed.unwrap_or_else(|faults| panic!("line {number}: {faults}")).pop();
    let incoming = incoming.unwrap_or_else(|| panic!("line {number} has no event"));
    if incoming.envelope().event_type().as_str().starts_with(SAGAS) {
        return None;
    }
    let outgoing = incoming.into_outgoing(&Nobody);
    Some((recorded_at, outgoing.unwrap_or_else(|refusal| panic!("line {number}: {refusal}"))))
}

/// Seals nothing: what is recorded is sealed already.
struct Nobody;

impl Sealer for Nobody {
    fn prepare(&self, _: &[&str]) -> Result<(), KeyError> {
        Ok(())
    }

    fn seal(&self, _: &str, kind: &str, _: &str) -> Result<Sealed, KeyError> {
        panic!("a recorded event has a personal text ({kind}) that is not sealed");
    }
}
