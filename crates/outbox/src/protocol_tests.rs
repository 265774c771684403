//! The relay protocol, looked at in every history of small cases.
//!
//! Callers commit rows in any order; two relays may both believe to hold the lease, for as long as one likes. Each may
//! die at any step, its producer with it, and what that producer had sent may still arrive, in part, at any later
//! moment; a commit may be done without an answer. After every single step the log, as readers count it, must hold
//! rows in the order of their numbers, and every position that was stored or told must be that of the first record;
//! from everywhere there must be a way to all rows standing in the log. A row behind a gate stands there only if its gate
//! does, whatever becomes of relays and database.
//!
//! The models are checked too: each mistake that somebody could make must be found.

mod model;
mod recovery;
mod relay;
mod scene;
mod state;

use brainops_testkit::explore;

use self::scene::{Mistake, Scene};
use self::state::Left;

/// More states than any model here has, and less than would fill the memory.
const LIMIT: usize = 1_500_000;

const NOTHING: Left = Left { takeovers: 0, ends: 0, elsewhere: 0, restores: 0 };
const ORDINARY: Left = Left { takeovers: 1, ends: 1, ..NOTHING };

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

fn is_found(scene: &Scene, expected: &str) {
    let mistake = scene.mistake;
    match explore(scene, LIMIT) {
        Ok(explored) => panic!("nobody finds {mistake:?} in {explored:?}"),
        Err(found) => {
            println!("{mistake:?}: {} in {} steps, {} states", found.what, found.steps.len(), found.states);
            assert!(found.what.contains(expected), "{mistake:?}: {found}");
        }
    }
}

#[test]
fn rows_stand_in_the_log_in_order_in_every_history_of_one_partition() {
    holds("three rows, the first one late", &Scene::new(&[0, 0, 0], ORDINARY, None), 50_000);
}

#[test]
fn rows_stand_in_the_log_in_order_in_every_history_of_two_partitions() {
    for may in [Left { takeovers: 2, ..NOTHING }, Left { ends: 2, ..NOTHING }] {
        let scene = Scene { late: 0, ..Scene::new(&[0, 1, 0], may, None) };
        holds("two partitions", &scene, 1_000);
    }
}

#[test]
fn rows_that_come_in_any_order_survive_two_takeovers() {
    let may = Left { takeovers: 2, ends: 1, ..NOTHING };
    let scene = Scene { late: 3, ..Scene::new(&[0, 0], may, None) };
    holds("two takeovers", &scene, 50_000);
}

#[test]
fn a_caller_may_be_told_as_long_as_the_lease_is_good() {
    let scene = Scene { tells_early: true, ..Scene::new(&[0, 0], ORDINARY, None) };
    holds("told early", &scene, 5_000);
}

#[test]
fn a_database_set_back_learns_from_the_log() {
    let may = Left { ends: 2, restores: 1, ..NOTHING };
    let scene = Scene { late: 3, ..Scene::new(&[0, 0], may, None) };
    holds("restored from a backup", &scene, 20_000);
}

#[test]
fn what_somebody_else_appends_as_well_leaves_no_hole() {
    let may = Left { elsewhere: 1, ..ORDINARY };
    holds("said elsewhere", &Scene::new(&[0, 0], may, None), 20_000);
}

/// A gate in one partition, a row behind it in another, and a third one that may not overtake.
fn gated(may: Left, mistake: Option<Mistake>) -> Scene {
    Scene { gates: vec![None, Some(0), None], late: 3, ..Scene::new(&[0, 1, 1], may, mistake) }
}

#[test]
fn a_row_behind_a_gate_stands_in_the_log_only_if_its_gate_does() {
    let two_takeovers = Left { takeovers: 2, ..NOTHING };
    let restored = Left { ends: 1, restores: 1, ..NOTHING };
    for may in [ORDINARY, two_takeovers, restored, Left { ends: 2, ..NOTHING }] {
        holds("behind a gate", &gated(may, None), 5_000);
    }
}

/// Writers that number their rows themselves where the relay of their process is open.
fn handed_over(rows: &[u8], may: Left, mistake: Option<Mistake>) -> Scene {
    let late = (1 << rows.len()) - 1;
    Scene { hands_over: true, in_order: true, late, ..Scene::new(rows, may, mistake) }
}

#[test]
fn what_writers_number_themselves_keeps_the_order_in_every_history() {
    let twice = Left { takeovers: 2, ..NOTHING };
    let ended = Left { ends: 2, ..NOTHING };
    for may in [ORDINARY, twice, ended] {
        holds("handed over, one partition", &handed_over(&[0, 0, 0], may, None), 5_000);
    }
    let behind = Scene { gates: vec![None, Some(0), None], ..handed_over(&[0, 1, 1], ORDINARY, None) };
    holds("handed over, behind a gate", &behind, 5_000);
    let restored = Left { ends: 1, restores: 1, ..NOTHING };
    holds("handed over, restored", &handed_over(&[0, 0], restored, None), 3_000);
}

#[test]
fn every_mistake_of_writers_that_number_is_found() {
    let cases = [
        (Mistake::NumberedPastWaiting, "one writer's rows"),
        (Mistake::HandedLate, "order"),
        (Mistake::NotDoubted, ""),
    ];
    for (mistake, expected) in cases {
        is_found(&handed_over(&[0, 0, 0], ORDINARY, Some(mistake)), expected);
    }
}

#[test]
fn every_mistake_about_gates_is_found() {
    for mistake in [Mistake::GateNotHeeded, Mistake::GateTrustedByNumber, Mistake::HeldRowsSent] {
        is_found(&gated(ORDINARY, Some(mistake)), "without its gate");
    }
}

#[test]
fn every_mistake_is_found() {
    let elsewhere = Left { ends: 1, elsewhere: 1, ..NOTHING };
    let cases = [
        (ORDINARY, Mistake::FenceRemoved, "was told"),
        (ORDINARY, Mistake::NumberedAfterSending, "row"),
        (elsewhere, Mistake::RecoveryFromHighest, ""),
        (ORDINARY, Mistake::ToldBeforeStored, "was told"),
        (ORDINARY, Mistake::AnswerTrusted, "was told"),
        (ORDINARY, Mistake::ReadThroughTooFar, "was told"),
    ];
    for (may, mistake, expected) in cases {
        is_found(&Scene::new(&[0, 0, 0], may, Some(mistake)), expected);
    }
    is_found(&Scene::new(&[0, 0], NOTHING, Some(Mistake::TakenById)), "nothing leads to an end");
}

/// Why a producer must not be patient for ever: a sender that slept while more was appended than the window of repeats
/// holds is counted twice when it wakes.
#[test]
fn a_record_that_lands_behind_the_window_counts_twice() {
    let scene = Scene { window: 1, ..Scene::new(&[0, 0, 0], ORDINARY, None) };
    is_found(&scene, "counts twice");
}
