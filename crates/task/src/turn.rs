//! Whose turn it is: a task goes before every task that was recorded less than the difference of their head starts before it,
//! and after all that were recorded earlier. So an urgent one overtakes the last quarter of an hour, and what waits is overtaken
//! only by what comes within that time: nothing starves.

use brainops_event::{Priority, Timestamp};
use chrono::TimeDelta;

/// How much earlier than it was recorded a task of this priority takes its place.
#[must_use]
pub const fn head_start(priority: Priority) -> TimeDelta {
    TimeDelta::minutes(match priority {
        Priority::Low => -15,
        Priority::Normal => 0,
        Priority::High => 5,
        Priority::Urgent => 15,
    })
}

/// The place of a task in the order of its kind: the earliest is handed out first.
#[must_use]
pub fn turn_at(recorded_at: Timestamp, priority: Priority) -> Timestamp {
    recorded_at.checked_sub_signed(head_start(priority)).unwrap_or(recorded_at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    fn turn(minute: i64, priority: Priority) -> Timestamp {
        turn_at(DateTime::UNIX_EPOCH + TimeDelta::minutes(minute), priority)
    }

    #[test]
    fn an_urgent_task_overtakes_a_quarter_of_an_hour_and_no_more() {
        assert!(turn(14, Priority::Urgent) < turn(0, Priority::Normal));
        assert!(turn(16, Priority::Urgent) > turn(0, Priority::Normal));
        assert!(turn(29, Priority::Urgent) < turn(0, Priority::Low));
        assert!(turn(31, Priority::Urgent) > turn(0, Priority::Low));
    }

    #[test]
    fn within_a_priority_the_first_is_first() {
        for priority in [Priority::Low, Priority::Normal, Priority::High, Priority::Urgent] {
            assert!(turn(0, priority) < turn(1, priority));
        }
    }
}
