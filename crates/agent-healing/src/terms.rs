//! How long an incident may wait, and how much it holds. Each is a part of the agent's version: another term is another
//! decision on the same history. Times count by the clock of the log, so that an alert which is told late is not late.

use chrono::TimeDelta;

/// How long all alerts of an incident must have ended until it is over: an alert that comes back within ten minutes is the
/// same trouble.
pub const QUIET: TimeDelta = TimeDelta::minutes(10);

/// From the opening to the first escalation, and from each to the next, until somebody takes charge.
pub const TO_ACKNOWLEDGE: TimeDelta = TimeDelta::minutes(15);

/// How often an incident is escalated: who has not heard three times does not listen.
pub const MAX_LEVEL: i32 = 3;

/// How many alerts an incident keeps apart; what comes beyond is a part of the storm and changes nothing. Bounds the state
/// to 300 kilobytes.
pub const MAX_ALERTS: usize = 500;
