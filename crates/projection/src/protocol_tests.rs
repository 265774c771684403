//! The checkpoint protocol, looked at in every history of small cases.
//!
//! Two instances follow one log into one database. Either may be killed, cut off from Postgres at any statement, robbed
//! of a partition without hearing of it, or simply stand still while the other goes on, for as long as one likes.
//! After every single step the rows must be what the log says up to the checkpoint, and from everywhere there must be
//! a way to the end of the log. What is planned and how a lost COMMIT is settled is asked of the real functions.
//!
//! The models are checked too: each mistake that somebody could make must be found.

mod instance;
mod model;
mod real;
mod scene;
mod server;
mod state;

use brainops_testkit::explore;

use self::scene::{Mistake, Record, Scene, poison, record};
use self::state::Left;

/// More states than any model here has, and less than would fill the memory.
const LIMIT: usize = 1_500_000;

/// One partition; an event is said again, once at the edge of the window of repeats and once beyond it.
fn one_partition() -> Vec<Vec<Record>> {
    vec![vec![record(1, 1, 2), record(65_536, 0, 1), record(65_537, 1, 2), record(131_074, 1, 2)]]
}

/// One partition with more records, without gaps.
fn six_records() -> Vec<Vec<Record>> {
    let events = [(0, 1), (1, 2), (0, 1), (1, 3), (0, 4), (1, 2)];
    vec![(0..).zip(events).map(|(offset, (subject, event))| record(offset, subject, event)).collect()]
}

/// Two partitions, moved in the same transactions.
fn two_partitions() -> Vec<Vec<Record>> {
    vec![vec![record(0, 0, 1), record(1, 0, 1)], vec![record(0, 1, 2), record(4, 1, 3)]]
}

/// One subject cannot be folded from its first record on, while another in the same partition can.
fn parking() -> Vec<Vec<Record>> {
    vec![vec![poison(0, 0, 1), record(1, 1, 2), record(2, 0, 3), record(3, 0, 3)]]
}

/// Nothing wrong is found in at least this many states: fewer would mean that the model does not move.
fn holds(name: &str, scene: &Scene, at_least: usize) {
    match explore(scene, LIMIT) {
        Ok(explored) => {
            println!("{name}: {explored:?}");
            assert!(explored.states >= at_least, "{name}: {explored:?}");
        }
        Err(found) => panic!("{name}: {found}"),
    }
}

fn is_found(log: Vec<Vec<Record>>, mistake: Mistake, expected: &str) {
    let may = Left { crashes: 1, takeovers: 1, cuts: 1 };
    match explore(&Scene::new(log, may, Some(mistake)), LIMIT) {
        Ok(explored) => panic!("nobody finds {mistake:?} in {explored:?}"),
        Err(found) => {
            println!("{mistake:?}: {} in {} steps, {} states", found.what, found.steps.len(), found.states);
            assert!(found.what.contains(expected), "{mistake:?}: {found}");
        }
    }
}

#[test]
fn rows_are_the_fold_of_the_log_in_every_history_of_one_partition() {
    let may = Left { crashes: 2, takeovers: 2, cuts: 2 };
    holds("one partition", &Scene::new(one_partition(), may, None), 100_000);
}

#[test]
fn rows_are_the_fold_of_the_log_in_every_history_of_six_records() {
    let may = Left { crashes: 1, takeovers: 1, cuts: 2 };
    holds("six records", &Scene::new(six_records(), may, None), 20_000);
}

#[test]
fn rows_are_the_fold_of_the_log_in_every_history_of_two_partitions() {
    let robbed_and_killed = Left { crashes: 1, takeovers: 1, cuts: 0 };
    holds("two partitions, a crash", &Scene::new(two_partitions(), robbed_and_killed, None), 20_000);
    let robbed_and_cut_off = Left { crashes: 0, takeovers: 1, cuts: 1 };
    holds("two partitions, a cut", &Scene::new(two_partitions(), robbed_and_cut_off, None), 20_000);
}

#[test]
fn a_parked_subject_is_whole_again_in_every_history() {
    let may = Left { crashes: 1, takeovers: 1, cuts: 1 };
    holds("parking", &Scene::new(parking(), may, None), 20_000);
}

/// Reading the checkpoints after an unknown COMMIT spares a takeover; what keeps the rows right is the comparison that
/// every move makes.
#[test]
fn the_fence_alone_is_enough_after_an_unknown_commit() {
    let may = Left { crashes: 1, takeovers: 1, cuts: 1 };
    let scene = Scene::new(one_partition(), may, Some(Mistake::UnknownTakenForLost));
    holds("an unknown commit taken for lost", &scene, 5_000);
}

#[test]
fn every_mistake_is_found() {
    let cases = [
        (one_partition(), Mistake::FenceRemoved, "subject"),
        (one_partition(), Mistake::EpochIgnored, "no history explains"),
        (one_partition(), Mistake::CheckpointBeforeRows, "subject"),
        (one_partition(), Mistake::WindowOffByOne, "subject 1 holds [2, 2]"),
        (two_partitions(), Mistake::LostPartitionWritten, "subject"),
        (parking(), Mistake::SuccessorLetThrough, "subject 0 holds [3]"),
        (parking(), Mistake::ReleasedByFormerOwner, "subject 0"),
    ];
    for (log, mistake, expected) in cases {
        is_found(log, mistake, expected);
    }
}
