//! `monitor`: concludes from samples that too many requests of a service fail.
//!
//! One saga for each service, environment, sensor and deployment, so that what one deployment has answered does not speak for
//! another, and requests that two sensors have seen are not counted twice. The rule comes with each sample
//! (`max_error_percent`, `window_seconds`, `minimum_requests`), and the last one counts.
//!
//! | samples of the window | what comes of it |
//! |---|---|
//! | fewer requests than the minimum, none among them | nothing: that is inconclusive, neither good nor bad |
//! | more failures than the rule allows | `monitor.high_error_rate`, once |
//! | no more than it allows, after that | `monitor.error_rate_normal`, once |
//! | none for [`QUIET_SAMPLES`] | the saga ends; the next sample begins another one |

use std::collections::BTreeSet;

use brainops_event::types::monitor::{ErrorRateNormal, HighErrorRate, SampleRecorded};
use brainops_event::{Recorded, Timestamp};
use brainops_saga::{Agent, Input, Refusal, Route, Say, Turn, Wait};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::terms::{MAX_SAMPLES, QUIET_SAMPLES};

/// The timer after which it is looked whether samples still come.
const IDLE: &str = "idle";

/// The agent.
#[derive(Debug, Clone, Copy, Default)]
pub struct Monitor;

/// What the agent remembers of a deployment's requests.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Watch {
    /// The samples that are judged: those of the window, at most [`MAX_SAMPLES`].
    pub samples: BTreeSet<Sample>,
    /// Whether it was said that too many fail.
    pub is_high: bool,
    /// When the last sample was recorded.
    pub last_at: Timestamp,
}

/// A sample: when, how many, and how many of them failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Sample {
    /// Its end.
    pub through: Timestamp,
    /// Its beginning.
    pub from: Timestamp,
    /// How many requests were answered.
    pub requests: i64,
    /// How many of them failed.
    pub errors: i64,
}

impl Agent for Monitor {
    type State = Watch;

    fn name(&self) -> &'static str {
        "monitor"
    }

    fn version(&self) -> u32 {
        1
    }

    fn topics(&self) -> &'static [&'static str] {
        &["monitor"]
    }

    fn route(&self, event: &Recorded<'_>) -> Result<Route, Refusal> {
        if event.envelope.event_type() != "monitor.sample.recorded" {
            return Ok(Route::nobody());
        }
        let SampleRecorded { sensor, service, environment, deployment_id, .. } = event.typed()?;
        let mut correlation = format!("{service}/{environment}/{sensor}");
        if let Some(deployment_id) = deployment_id {
            correlation.push('/');
            correlation.push_str(&deployment_id);
        }
        Ok(Route::begins_again(correlation))
    }

    fn react(&self, watch: &mut Watch, input: &Input<'_>, turn: &mut Turn) -> Result<(), Refusal> {
        if input.timer() == Some(IDLE) {
            if turn.now() - watch.last_at < QUIET_SAMPLES {
                turn.set_timer_at(IDLE, watch.last_at + QUIET_SAMPLES);
            } else {
                turn.end("quiet");
            }
            return Ok(());
        }
        if !input.is::<SampleRecorded>() {
            return Ok(());
        }
        let told: SampleRecorded = input.typed()?;
        if watch.last_at == Timestamp::default() {
            turn.set_timer(IDLE, QUIET_SAMPLES);
        }
        watch.last_at = turn.now();
        watch.take(&told);
        judge(watch, told, turn);
        Ok(())
    }

    fn waits_for(&self, _: &Watch) -> Vec<Wait> {
        vec![Wait::for_event("monitor.sample.recorded", "the next sample")]
    }
}

impl Watch {
    /// Takes a sample, and leaves out what is older than the window that ends with the newest one.
    fn take(&mut self, told: &SampleRecorded) {
        let SampleRecorded { from, through, requests, errors, window_seconds, .. } = *told;
        self.samples.insert(Sample { through, from, requests, errors });
        let newest = self.samples.last().map_or(through, |sample| sample.through);
        let window = TimeDelta::try_seconds(window_seconds).unwrap_or(TimeDelta::MAX);
        if let Some(oldest) = newest.checked_sub_signed(window) {
            self.samples.retain(|sample| sample.from >= oldest);
        }
        while self.samples.len() > MAX_SAMPLES {
            self.samples.pop_first();
        }
    }
}

fn judge(watch: &mut Watch, told: SampleRecorded, turn: &mut Turn) {
    let requests: i64 = watch.samples.iter().fold(0, |sum, sample| sum.saturating_add(sample.requests));
    let errors: i64 = watch.samples.iter().fold(0, |sum, sample| sum.saturating_add(sample.errors));
    let (Some(first), Some(last)) = (watch.samples.first(), watch.samples.last()) else { return };
    if requests < told.minimum_requests.max(1) {
        return; // inconclusive
    }
    #[allow(clippy::cast_precision_loss, reason = "a percentage need not be finer")]
    let is_high = errors as f64 * 100.0 > told.max_error_percent * requests as f64;
    if is_high == watch.is_high {
        return;
    }
    watch.is_high = is_high;
    let subject = format!("{}/{}", told.service, told.environment);
    let SampleRecorded { service, environment, deployment_id, max_error_percent, .. } = told;
    let (from, through) = (first.from, last.through);
    turn.say(if is_high {
        Say::event(
            subject,
            &HighErrorRate {
                service,
                environment,
                deployment_id,
                from,
                through,
                requests,
                errors,
                max_error_percent,
            },
        )
    } else {
        Say::event(
            subject,
            &ErrorRateNormal {
                service,
                environment,
                deployment_id,
                from,
                through,
                requests,
                errors,
                max_error_percent,
            },
        )
    });
}
