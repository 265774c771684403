//! Names of everything this crate measures.

use metrics::{Unit, describe_counter, describe_histogram};

/// Counter: tasks that were claimed.
pub(crate) const CLAIMED_TOTAL: &str = "brainops_task_claimed_total";
/// Counter by `state`: tasks that workers or people have ended.
pub(crate) const ENDED_TOTAL: &str = "brainops_task_ended_total";
/// Counter: failures that were said, of tasks that are handed out again.
pub(crate) const FAILED_TOTAL: &str = "brainops_task_failed_total";
/// Counter: leases that had run out when their task was claimed anew.
pub(crate) const LAPSED_TOTAL: &str = "brainops_task_lapsed_total";
/// Counter: calls that were refused, since the claim was no longer the caller's.
pub(crate) const FENCED_TOTAL: &str = "brainops_task_fenced_total";
/// Counter: commits that gave no answer.
pub(crate) const UNKNOWN_COMMITS_TOTAL: &str = "brainops_task_unknown_commits_total";
/// Counter: records that the follower has taken.
pub(crate) const FOLLOWED_TOTAL: &str = "brainops_task_followed_records_total";
/// Counter: records that cannot be read.
pub(crate) const UNREADABLE_TOTAL: &str = "brainops_task_unreadable_total";
/// Counter: transactions of the follower that were tried again.
pub(crate) const RETRIES_TOTAL: &str = "brainops_task_follow_retries_total";
/// Histogram, seconds: from a batch's arrival until it is committed.
pub(crate) const BATCH_SECONDS: &str = "brainops_task_batch_seconds";

/// Tells the recorder what each of these means. To be called once, after the recorder is installed.
pub fn describe_metrics() {
    describe_counter!(CLAIMED_TOTAL, "tasks that were claimed");
    describe_counter!(ENDED_TOTAL, "tasks that workers or people have ended");
    describe_counter!(FAILED_TOTAL, "failures of tasks that are handed out again");
    describe_counter!(LAPSED_TOTAL, "leases that had run out when their task was claimed anew");
    describe_counter!(FENCED_TOTAL, "calls about claims that were no longer the caller's");
    describe_counter!(UNKNOWN_COMMITS_TOTAL, "commits that gave no answer");
    describe_counter!(FOLLOWED_TOTAL, "records that the follower has taken");
    describe_counter!(UNREADABLE_TOTAL, "records that cannot be read");
    describe_counter!(RETRIES_TOTAL, "transactions of the follower that were tried again");
    describe_histogram!(BATCH_SECONDS, Unit::Seconds, "from a batch's arrival until it is committed");
}
