//! Whether a claim still counts. No I/O.
//!
//! | the task | its epoch | its lease | the claim |
//! |---|---|---|---|
//! | is open | is the claim's | lasts, and was not given back | counts |
//! | is open | is the claim's | ran out, or was given back | lost: nobody has it |
//! | is open | is another | | lost: to who has it now |
//! | has ended | | | ended; whether by this claim is seen by its epoch and the event's words |

use std::fmt;

use brainops_event::{Timestamp, format_timestamp};
use brainops_fault::{Bug, planted};

use crate::error::TaskError;
use crate::name::Claim;
use crate::row::{State, Task};

/// Who has a task now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// This worker.
    Worker {
        /// Who.
        worker: String,
        /// Until then, by the clock of Postgres, unless it renews its lease.
        until: Timestamp,
    },
    /// Nobody: the lease of the last one ran out, and nobody has claimed it since.
    Lapsed {
        /// When it ran out.
        at: Timestamp,
    },
    /// Nobody: it was given back.
    Nobody,
}

impl fmt::Display for Holder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Worker { worker, until } => {
                write!(out, "{worker} has it until {}", format_timestamp(until))
            }
            Self::Lapsed { at } => {
                write!(out, "its lease ran out at {}, nobody has it now", format_timestamp(at))
            }
            Self::Nobody => out.write_str("it was given back, nobody has it now"),
        }
    }
}

/// Who has an open task.
pub(crate) fn holder(task: &Task, has_lapsed: bool) -> Holder {
    match &task.worker {
        None => Holder::Nobody,
        Some(_) if has_lapsed => Holder::Lapsed { at: task.ready_at },
        Some(worker) => Holder::Worker { worker: worker.clone(), until: task.ready_at },
    }
}

/// Judges a claim on a task.
pub(crate) fn judge(task: &Task, has_lapsed: bool, claim: &Claim) -> Result<(), TaskError> {
    if task.state != State::Open {
        return Err(TaskError::Ended { task: task.name.clone(), state: task.state });
    }
    if planted(Bug::CompletedUnderAnyClaim) {
        return Ok(());
    }
    let holder = holder(task, has_lapsed);
    if task.epoch == claim.epoch && matches!(holder, Holder::Worker { .. }) {
        return Ok(());
    }
    Err(TaskError::Lost { task: task.name.clone(), epoch: claim.epoch, holder })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::TaskName;
    use brainops_event::Priority;
    use chrono::DateTime;

    fn judged(state: State, epoch: i64, worker: Option<&str>, has_lapsed: bool) -> Result<(), TaskError> {
        let name = TaskName { source: "s".to_owned(), id: "i".to_owned() };
        let task = Task {
            name: name.clone(),
            kind: "k".to_owned(),
            subject: "s".to_owned(),
            correlation_id: None,
            priority: Priority::Normal,
            payload: None,
            recorded_at: DateTime::UNIX_EPOCH,
            position: "t.agent/0@0".parse().unwrap(),
            state,
            failures: 0,
            ended_at: None,
            epoch,
            worker: worker.map(str::to_owned),
            ready_at: DateTime::UNIX_EPOCH,
            lapses: 0,
        };
        judge(&task, has_lapsed, &Claim { task: name, epoch: 3 })
    }

    fn lost(judged: Result<(), TaskError>) -> Holder {
        match judged {
            Err(TaskError::Lost { holder, epoch: 3, .. }) => holder,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_the_highest_claim_counts_while_its_lease_lasts() {
        judged(State::Open, 3, Some("a"), false).unwrap();
        let now = DateTime::UNIX_EPOCH;
        assert_eq!(lost(judged(State::Open, 3, Some("a"), true)), Holder::Lapsed { at: now });
        assert_eq!(lost(judged(State::Open, 3, None, false)), Holder::Nobody);
        assert_eq!(
            lost(judged(State::Open, 4, Some("b"), false)),
            Holder::Worker { worker: "b".to_owned(), until: now }
        );
        for state in [State::Abandoned, State::Cancelled, State::Completed] {
            let ended = judged(state, 3, Some("a"), false);
            assert!(matches!(ended, Err(TaskError::Ended { state: found, .. }) if found == state));
        }
    }
}
