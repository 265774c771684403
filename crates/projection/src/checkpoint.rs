//! The checkpoints of a generation; see `brainops-checkpoint` for how they are kept.

use std::collections::{BTreeMap, BTreeSet};

use brainops_checkpoint::Keeper;
pub(crate) use brainops_checkpoint::{Asked, Checkpoint, Move, Place, place};
use sqlx::postgres::PgConnection;
use sqlx::{PgPool, Postgres, Transaction};

use crate::advance::Found;
use crate::generation::Generation;

/// Who keeps the checkpoints of a generation.
pub(crate) fn keeper(generation: &Generation) -> Keeper {
    let schema = generation.schema();
    Keeper::of_table(format!("projection {schema}"), format!("{schema}.checkpoint"))
}

/// Begins a transaction that may move checkpoints.
pub(crate) async fn begin(
    pool: &PgPool,
    generation: &Generation,
) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    brainops_checkpoint::begin(pool, &keeper(generation)).await
}

/// Locks the checkpoint of a partition, if it still is where its owner left it.
pub(crate) async fn lock_own(
    connection: &mut PgConnection,
    generation: &Generation,
    place: &Place,
    found: Found,
) -> Result<bool, sqlx::Error> {
    brainops_checkpoint::lock_own(connection, &keeper(generation), place, found).await
}

/// Moves checkpoints, each if it is where its claim says; answers with those that moved.
pub(crate) async fn advance(
    connection: &mut PgConnection,
    generation: &Generation,
    moves: &BTreeMap<Place, Move>,
) -> Result<BTreeSet<Place>, sqlx::Error> {
    brainops_checkpoint::move_on(connection, &keeper(generation), moves).await
}

/// The checkpoints of these partitions behind their locks, once every transaction that moves them has ended.
pub(crate) async fn read_locked(
    pool: &PgPool,
    generation: &Generation,
    places: &BTreeSet<Place>,
) -> Result<BTreeMap<Place, Found>, sqlx::Error> {
    brainops_checkpoint::read_locked(pool, &keeper(generation), places).await
}
