//! Names of everything this crate measures.

use metrics::{describe_counter, describe_gauge};

/// Counter by `sensor`: events that were told, repeats among them.
pub(crate) const TOLD_TOTAL: &str = "brainops_sensor_told_total";
/// Counter by `sensor`: looks that saw nothing, since what is looked at did not answer as it should.
pub(crate) const BLIND_TOTAL: &str = "brainops_sensor_blind_total";
/// Counter by `sensor`: lines that cannot be read.
pub(crate) const UNREADABLE_TOTAL: &str = "brainops_sensor_unreadable_lines_total";
/// Gauge: sensors that run here.
pub(crate) const RUNNING: &str = "brainops_sensor_running";

/// Tells the recorder what each of these means. To be called once, after the recorder is installed.
pub fn describe_metrics() {
    describe_counter!(TOLD_TOTAL, "events that sensors have told");
    describe_counter!(BLIND_TOTAL, "looks of sensors that saw nothing");
    describe_counter!(UNREADABLE_TOTAL, "lines of access logs that cannot be read");
    describe_gauge!(RUNNING, "sensors that run here");
}
