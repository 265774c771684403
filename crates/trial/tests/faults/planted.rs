//! The checker is checked: with a mistake planted in the workers it must see something.

use brainops_fault::Bug;
use brainops_trial::Scenario;

use crate::{killed, poison, rebuilds, relays, repeated, sagas, stopped};

pub fn scenarios() -> Vec<Scenario> {
    vec![
        stopped::at("projection.batch_received").with(Bug::FenceRemoved),
        killed::at("projection.rows_half_written").with(Bug::CheckpointBeforeRows),
        relays::at("relay.acknowledged").with(Bug::NumberedAfterSending),
        relays::while_sending().with(Bug::RecoveryFromHighest),
        repeated::at_the_edge().with(Bug::WindowOffByOne),
        poison::held().with(Bug::ParkedSuccessorLetThrough),
        sagas::said_again_elsewhere().with(Bug::InboxCheckRemoved),
        sagas::killed_at("saga.enqueued").with(Bug::SavedBeforeOutbox),
        sagas::relay_killed().with(Bug::GateNotHeeded),
        sagas::killed_at("saga.timers_enqueued").with(Bug::TimerFiredTwice),
        rebuilds::at("rebuild.bucket_written", 12).with(Bug::BucketDoneBeforeRows),
        rebuilds::at("rebuild.marked", 12).with(Bug::ResumedPastTheMark),
    ]
}
