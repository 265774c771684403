//! What a session sends again: asked of the outbox's own plan, with what the model knows.

use brainops_event::{Offset, Partition, TopicName};
use brainops_log::Identity;
use chrono::DateTime;

use super::scene::{Mistake, Scene};
use super::state::Stored;
use crate::recovery::{Place, Row, Seen, plan};

/// What a tail tells.
pub(super) struct Recovered {
    /// Rows with the position of their first record.
    pub(super) confirmed: Vec<(u8, u8)>,
    /// Rows to be sent, in this order.
    pub(super) again: Vec<u8>,
}

/// Decides by what the tails hold of the rows that are numbered and not confirmed.
pub(super) fn recover(scene: &Scene, stored: &Stored, found: &[Option<u8>]) -> Recovered {
    let rows: Vec<Row> = (0..scene.rows.len() as u8).filter_map(|row| numbered(scene, stored, row)).collect();
    if scene.has(Mistake::RecoveryFromHighest) {
        return from_highest(rows, found);
    }
    let seen = |(row, position): (u8, &Option<u8>)| {
        Some(Seen {
            place: place(scene, row),
            offset: Offset::new(i64::from((*position)?)).unwrap(),
            recorded_at: DateTime::UNIX_EPOCH,
            identity: identity(row),
        })
    };
    let tail: Vec<Seen> = (0u8..).zip(found).filter_map(seen).collect();
    let plan = plan(&rows, &tail);
    let confirmed = plan.confirmed.iter().map(|one| (one.outbox_id as u8, one.offset.get() as u8));
    Recovered {
        confirmed: confirmed.collect(),
        again: plan.resend.into_iter().map(|row| row as u8).collect(),
    }
}

fn numbered(scene: &Scene, stored: &Stored, row: u8) -> Option<Row> {
    let of = stored.rows[usize::from(row)];
    let send_no = i64::from(of.send_no.filter(|_| of.is_there && of.position.is_none())?);
    Some(Row { outbox_id: i64::from(row), place: place(scene, row), send_no, identity: identity(row) })
}

fn place(scene: &Scene, row: u8) -> Place {
    let partition = Partition::new(scene.partition(row) as i32).unwrap();
    (TopicName::new("brainops.lead").unwrap(), partition)
}

fn identity(row: u8) -> Identity {
    Identity::of(b"source", &[row])
}

/// The mistake, for a log of one partition.
fn from_highest(mut rows: Vec<Row>, found: &[Option<u8>]) -> Recovered {
    rows.sort_by_key(|row| row.send_no);
    let rows: Vec<u8> = rows.into_iter().map(|row| row.outbox_id as u8).collect();
    let last = rows.iter().rposition(|row| found[usize::from(*row)].is_some());
    let confirmed = rows.iter().filter_map(|row| Some((*row, found[usize::from(*row)]?))).collect();
    Recovered { confirmed, again: rows[last.map_or(0, |last| last + 1)..].to_vec() }
}
