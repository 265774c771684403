//! The checker is checked: with a mistake planted in the workers it must see something.

use brainops_fault::Bug;
use brainops_trial::Scenario;

use crate::{killed, stopped};

pub fn scenarios() -> Vec<Scenario> {
    vec![
        stopped::at("projection.batch_received").with(Bug::FenceRemoved),
        killed::at("projection.rows_half_written").with(Bug::CheckpointBeforeRows),
    ]
}
