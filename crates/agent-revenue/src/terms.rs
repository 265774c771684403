//! How long a lead may wait. Each is a part of the agent's version: another term is another decision on the same history,
//! so whoever changes one raises the version, and can try it on history first.
//!
//! All count from when the log recorded what began them, not from when it happened: history that is imported today is
//! nobody's delay of last year.

use chrono::TimeDelta;

/// From the discovery of a lead to our first message: after two days most have asked elsewhere.
pub const TO_FIRST_TOUCH: TimeDelta = TimeDelta::days(2);

/// From a lead's reply to our answer: whoever wrote to us waits for it.
pub const TO_ANSWER: TimeDelta = TimeDelta::days(1);

/// From our message to the lead's reply: a working week, since sooner would be pushy.
pub const TO_BE_ANSWERED: TimeDelta = TimeDelta::days(5);

/// From a bounce to another try: the address is wrong or full, and a day is enough to look.
pub const AFTER_BOUNCE: TimeDelta = TimeDelta::days(1);

/// From the moment of a demonstration to our next message.
pub const AFTER_DEMO: TimeDelta = TimeDelta::days(2);

/// The longest that a demonstration is waited for: one that is further off is a slip of the pen, or worth a look.
pub const LONGEST_WAY_TO_DEMO: TimeDelta = TimeDelta::days(180);

/// From the task to its reminder.
pub const TO_REMIND: TimeDelta = TimeDelta::days(1);

/// From the reminder to the escalation.
pub const TO_ESCALATE: TimeDelta = TimeDelta::days(2);
