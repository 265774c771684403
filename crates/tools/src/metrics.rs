//! Names of everything this crate measures.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Counter by `tool` and `state`: calls that this process has ended.
pub(crate) const ENDED_TOTAL: &str = "brainops_tool_ended_total";
/// Counter by `tool`: calls that this process has started.
pub(crate) const STARTED_TOTAL: &str = "brainops_tool_started_total";
/// Counter: calls that were taken over from executors that had ended.
pub(crate) const INHERITED_TOTAL: &str = "brainops_tool_inherited_total";
/// Counter: calls that were not done, since the claim was no longer this process's.
pub(crate) const FENCED_TOTAL: &str = "brainops_tool_fenced_total";
/// Gauge: calls in the hands of this process.
pub(crate) const IN_FLIGHT: &str = "brainops_tool_in_flight";
/// Histogram by `tool`, seconds: the act itself.
pub(crate) const ACT_SECONDS: &str = "brainops_tool_act_seconds";
/// Histogram, seconds: what the policy takes for a decision.
pub(crate) const DECISION_SECONDS: &str = "brainops_tool_decision_seconds";
/// Counter: records that the follower has taken.
pub(crate) const FOLLOWED_TOTAL: &str = "brainops_tool_followed_records_total";
/// Counter: records that cannot be read.
pub(crate) const UNREADABLE_TOTAL: &str = "brainops_tool_unreadable_total";
/// Counter: transactions of the follower that were tried again.
pub(crate) const RETRIES_TOTAL: &str = "brainops_tool_follow_retries_total";
/// Counter: commits that gave no answer.
pub(crate) const UNKNOWN_COMMITS_TOTAL: &str = "brainops_tool_unknown_commits_total";
/// Histogram, seconds: from a batch's arrival until it is committed.
pub(crate) const BATCH_SECONDS: &str = "brainops_tool_batch_seconds";

/// Tells the recorder what each of these means. To be called once, after the recorder is installed.
pub fn describe_metrics() {
    describe_counter!(ENDED_TOTAL, "calls of tools that have ended");
    describe_counter!(STARTED_TOTAL, "calls of tools that were started");
    describe_counter!(INHERITED_TOTAL, "calls that were taken over from executors that had ended");
    describe_counter!(FENCED_TOTAL, "calls that were not done, since the claim no longer counted");
    describe_gauge!(IN_FLIGHT, "calls of tools in the hands of this process");
    describe_histogram!(ACT_SECONDS, Unit::Seconds, "the act of a call");
    describe_histogram!(DECISION_SECONDS, Unit::Seconds, "a decision of the policy");
    describe_counter!(FOLLOWED_TOTAL, "records that the follower has taken");
    describe_counter!(UNREADABLE_TOTAL, "records that cannot be read");
    describe_counter!(RETRIES_TOTAL, "transactions of the follower that were tried again");
    describe_counter!(UNKNOWN_COMMITS_TOTAL, "commits that gave no answer");
    describe_histogram!(BATCH_SECONDS, Unit::Seconds, "from a batch's arrival until it is committed");
}
