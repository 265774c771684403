//! The projection's own pure functions, asked with what the model knows.

use std::collections::BTreeMap;

use brainops_log::Span;
use chrono::DateTime;

use super::scene::Scene;
use super::state::{Attempt, Claimed, Instance, Piece, Row, Seat};
use crate::advance::{Claim, Fate, Found, fate, fate_of_all};
use crate::checkpoint::Place;
use crate::held::{FirstUnapplied, Held, State};
use crate::plan::plan;

/// What of a batch is to be moved; `None` if the projection would stop a partition.
pub(super) fn planned(scene: &Scene, instance: &Instance, batch: &[Piece]) -> Option<Vec<Claimed>> {
    let spans: Vec<Span> = batch.iter().map(|piece| span(scene, *piece)).collect();
    let held: BTreeMap<Place, Held> = (0u8..)
        .zip(&instance.seats)
        .filter_map(|(partition, seat)| Some((place(scene, partition), held(scene, partition, (*seat)?))))
        .collect();
    let plan = plan(&spans, &held);
    let claimed = batch.iter().filter_map(|piece| {
        let claim = plan.moves.get(&place(scene, piece.partition))?.claim;
        Some(Claimed {
            partition: piece.partition,
            epoch: u8::try_from(claim.epoch).unwrap(),
            from: scene.number(piece.partition, claim.from),
            through: scene.number(piece.partition, claim.through),
        })
    });
    plan.stops.is_empty().then(|| claimed.collect())
}

/// The fate of an attempt whose COMMIT gave no answer, from the checkpoints behind their locks.
pub(super) fn fate_of(scene: &Scene, attempt: &Attempt, checkpoints: &[Row]) -> Option<Fate> {
    let moved = attempt.planned.iter().filter(|claim| attempt.moved.contains(&claim.partition));
    fate_of_all(moved.map(|claimed| {
        let at = |number| scene.offset(claimed.partition, number);
        let claim =
            Claim { epoch: i64::from(claimed.epoch), from: at(claimed.from), through: at(claimed.through) };
        let row = checkpoints[usize::from(claimed.partition)];
        fate(claim, Some(Found { epoch: i64::from(row.epoch), next: at(row.next) }))
    }))
}

fn place(scene: &Scene, partition: u8) -> Place {
    scene.places[usize::from(partition)].clone()
}

fn span(scene: &Scene, piece: Piece) -> Span {
    let (topic, partition) = place(scene, piece.partition);
    Span {
        topic,
        topic_id: scene.topic_id.clone(),
        partition,
        from: scene.offset(piece.partition, piece.from),
        through: scene.offset(piece.partition, piece.through),
        previous_digest: None,
        last_digest: [0; 16].into(),
        last_recorded_at: DateTime::UNIX_EPOCH,
        log_end: None,
    }
}

fn held(scene: &Scene, partition: u8, seat: Seat) -> Held {
    Held {
        topic_id: scene.topic_id.clone(),
        epoch: i64::from(seat.epoch),
        next: scene.offset(partition, seat.next),
        last_digest: None,
        log_end: (scene.offset(partition, scene.end(partition)), DateTime::UNIX_EPOCH),
        first_unapplied: FirstUnapplied::UnknownSince(DateTime::UNIX_EPOCH),
        state: if seat.is_lost { State::TakenOver } else { State::Running },
    }
}
