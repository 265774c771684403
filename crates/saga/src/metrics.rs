//! Names of everything this crate measures.

use metrics::{Unit, describe_counter, describe_histogram};

/// Counter by `agent`: inputs that sagas have taken.
pub(crate) const INPUTS_TOTAL: &str = "brainops_saga_inputs_total";
/// Counter by `agent`: events that followed from them, decisions and what is said about sagas.
pub(crate) const EVENTS_TOTAL: &str = "brainops_saga_events_total";
/// Counter by `agent`: inputs that a saga had taken before.
pub(crate) const REPEATS_TOTAL: &str = "brainops_saga_repeats_total";
/// Counter by `agent`: inputs that were taken before their turn, since they are urgent.
pub(crate) const URGENT_TOTAL: &str = "brainops_saga_urgent_inputs_total";
/// Counter by `agent`: sagas that were parked until a person decides.
pub(crate) const PARKED_TOTAL: &str = "brainops_saga_parked_total";
/// Counter by `agent`: sagas that were parked until the next hour of the agent's budget.
pub(crate) const OVER_BUDGET_TOTAL: &str = "brainops_saga_over_budget_total";
/// Counter by `agent`: records of which nobody can say whom they concern.
pub(crate) const UNROUTED_TOTAL: &str = "brainops_saga_unrouted_total";
/// Counter by `agent`: transactions that were tried again.
pub(crate) const RETRIES_TOTAL: &str = "brainops_saga_retries_total";
/// Counter by `agent`: commits that gave no answer.
pub(crate) const UNKNOWN_COMMITS_TOTAL: &str = "brainops_saga_unknown_commits_total";
/// Histogram by `agent`, seconds: from a batch's arrival until it is committed.
pub(crate) const BATCH_SECONDS: &str = "brainops_saga_batch_seconds";
/// Counter: timers that have fired.
pub(crate) const TIMERS_FIRED_TOTAL: &str = "brainops_saga_timers_fired_total";
/// Histogram, seconds: from a timer's deadline until it was fired, by the clock of Postgres.
pub(crate) const TIMER_DELAY_SECONDS: &str = "brainops_saga_timer_delay_seconds";
/// Counter: names of inputs that were forgotten after their time.
pub(crate) const INPUTS_FORGOTTEN_TOTAL: &str = "brainops_saga_inputs_forgotten_total";
/// Counter: ended sagas that were reduced after their time to what the next one needs.
pub(crate) const SAGAS_REDUCED_TOTAL: &str = "brainops_saga_reduced_total";

/// Tells the recorder what each of these means. To be called once, after the recorder is installed.
pub fn describe_metrics() {
    describe_counter!(INPUTS_TOTAL, "inputs that sagas have taken");
    describe_counter!(EVENTS_TOTAL, "events that followed from them");
    describe_counter!(REPEATS_TOTAL, "inputs that a saga had taken before");
    describe_counter!(URGENT_TOTAL, "inputs that were taken before their turn");
    describe_counter!(PARKED_TOTAL, "sagas that were parked until a person decides");
    describe_counter!(OVER_BUDGET_TOTAL, "sagas that were parked until the next hour of the agent's budget");
    describe_counter!(UNROUTED_TOTAL, "records of which nobody can say whom they concern");
    describe_counter!(RETRIES_TOTAL, "transactions that were tried again");
    describe_counter!(UNKNOWN_COMMITS_TOTAL, "commits that gave no answer");
    describe_histogram!(BATCH_SECONDS, Unit::Seconds, "from a batch's arrival until it is committed");
    describe_counter!(INPUTS_FORGOTTEN_TOTAL, "names of inputs that were forgotten after their time");
    describe_counter!(SAGAS_REDUCED_TOTAL, "ended sagas that were reduced to what the next one needs");
    describe_counter!(TIMERS_FIRED_TOTAL, "timers that have fired");
    describe_histogram!(TIMER_DELAY_SECONDS, Unit::Seconds, "from a timer's deadline until it was fired");
}
