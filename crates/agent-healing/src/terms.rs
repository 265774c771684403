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

/// How many samples of a window are judged at most, the newest: a window of an hour in spans of five seconds.
pub const MAX_SAMPLES: usize = 720;

/// How long no sample may come until the monitor of a deployment ends.
pub const QUIET_SAMPLES: TimeDelta = TimeDelta::minutes(10);

/// How long a deployment may have been healthy when too many requests fail, so that it is taken for the reason.
pub const RECENT: TimeDelta = TimeDelta::hours(1);

/// How old news of a deployment may be when the log records it: what was imported later is history and is not healed.
pub const NEWS: TimeDelta = TimeDelta::hours(1);

/// How long after a rollback of a service the next one is a person's: what flaps is not healed by more of the same.
pub const FLAPPING: TimeDelta = TimeDelta::minutes(30);

/// How long an answer to a call may take.
pub const TO_ANSWER: TimeDelta = TimeDelta::minutes(2);

/// How long after a question that read models could not answer yet it is asked again.
pub const ASK_AGAIN: TimeDelta = TimeDelta::seconds(3);

/// How often that is done.
pub const ASKED_AGAIN: u32 = 5;

/// How often is asked again whether a rollback has come to its end: hosted providers take a moment.
pub const CHECKED_AGAIN: u32 = 40;

/// How long requests to what serves again are waited for. Without enough of them, that the provider calls it healthy counts.
pub const TO_VERIFY: TimeDelta = TimeDelta::minutes(2);

/// How many requests say that a service is well again.
pub const ENOUGH_REQUESTS: i64 = 20;

/// How long a person is waited for.
pub const TO_DECIDE: TimeDelta = TimeDelta::hours(24);
