//! What the agent says: tasks for whoever takes them, and when one is no longer needed. Opaque ids only.

use brainops_event::{EventId, Priority, Timestamp, format_timestamp};
use brainops_saga::Say;
use serde::Serialize;

use crate::next::Next;

/// What tasks and reminders tell.
#[derive(Debug, Serialize)]
struct Due<'a> {
    /// The lead.
    lead_id: &'a str,
    /// What has to be done.
    next: Next,
    /// When what it follows from happened, RFC 3339.
    since: String,
    /// Id of the task that this is about; none in the task itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<&'a EventId>,
}

impl<'a> Due<'a> {
    fn new(lead_id: &'a str, next: Next, since: Timestamp, task: Option<&'a EventId>) -> Self {
        Self { lead_id, next, since: format_timestamp(&since), task }
    }
}

/// `agent.task.follow_up`: somebody gets in touch with the lead.
pub(crate) fn follow_up(lead_id: &str, next: Next, since: Timestamp) -> Say {
    Say::task("follow_up", &Due::new(lead_id, next, since, None))
}

/// `agent.task.remind`: somebody looks after a task that nobody has done.
pub(crate) fn remind(lead_id: &str, next: Next, since: Timestamp, task: Option<&EventId>) -> Say {
    Say::task("remind", &Due::new(lead_id, next, since, task))
}

/// `agent.task.escalate`: somebody with authority decides what becomes of the lead.
pub(crate) fn escalate(lead_id: &str, next: Next, since: Timestamp, task: Option<&EventId>) -> Say {
    Say::task("escalate", &Due::new(lead_id, next, since, task)).with_priority(Priority::High)
}

/// `agent.intent.follow_up_over`: whoever holds the task may put it down.
pub(crate) fn over(lead_id: &str, task: &EventId, because: &str) -> Say {
    #[derive(Serialize)]
    struct Over<'a> {
        lead_id: &'a str,
        task: &'a EventId,
        /// Type of the event that made it needless.
        because: &'a str,
    }
    Say::intent("follow_up_over", &Over { lead_id, task, because })
}
