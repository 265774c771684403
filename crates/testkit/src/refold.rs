//! What the log says that the rows must be, computed apart from the runtime; and the rows as they are.

use std::collections::{BTreeMap, BTreeSet};

use brainops_event::{Frontier, Partition, Recorded, TopicName};
use brainops_log::{Cluster, Item, ReadError, Registry, read};
use brainops_projection::{Generation, ReadModel, Tables};
use futures::TryStreamExt as _;
use sqlx::PgPool;
use sqlx::postgres::PgPoolCopyExt as _;

use crate::tuple::{canonical, tuples_of_copy};

/// The rows of each table as the bytes that a binary COPY has, sorted.
pub type TableRows = BTreeMap<&'static str, Vec<Vec<u8>>>;

/// Folds the topics up to a frontier, event by event, in plain memory: no batches, no checkpoints, no database. A
/// record that cannot be read or folded ends its partition.
///
/// # Errors
/// When the log cannot be read.
///
/// # Panics
/// When the read model's own code is at fault.
pub async fn refold<M: ReadModel>(
    model: &M,
    cluster: &Cluster,
    registry: &Registry,
    to: &Frontier,
) -> Result<TableRows, ReadError> {
    let mut tables = M::Tables::default();
    let mut ended: BTreeSet<(TopicName, Partition)> = BTreeSet::new();
    let mut reading = read(cluster, registry, &Frontier::new(), to).await?;
    while let Some(batch) = reading.next().await {
        let batch = batch?;
        for item in batch.items() {
            match &item {
                Item::Event(event) if !ended.contains(&(event.topic.clone(), event.partition)) => {
                    if !fold(model, event, &mut tables) {
                        ended.insert((event.topic.clone(), event.partition));
                    }
                }
                Item::Poison { place, .. } => {
                    ended.insert((place.topic.clone(), place.partition));
                }
                Item::Event(_) | Item::Duplicate { .. } | Item::Misplaced { .. } => {}
            }
        }
    }
    let mut all = TableRows::new();
    tables.each(&mut |rows| {
        let tuples = rows.tuples().unwrap_or_else(|error| panic!("a row of {}: {error}", rows.table().name));
        all.insert(rows.table().name, sorted(canonical(rows.table(), tuples)));
    });
    Ok(all)
}

fn fold<M: ReadModel>(model: &M, event: &Recorded<'_>, tables: &mut M::Tables) -> bool {
    tables.each(&mut |rows| rows.forget_batch());
    match model.want(event, tables).and_then(|()| model.fold(event, tables)) {
        Ok(()) => true,
        Err(error) if error.is_own_fault() => panic!("the fold is at fault at {}: {error}", event.position()),
        Err(_) => false,
    }
}

/// The rows that a generation holds: the bytes that Postgres itself sends for them, with none of the read model's own
/// reading between.
///
/// # Errors
/// When the database does not answer.
pub async fn stored_rows<M: ReadModel>(
    pool: &PgPool,
    generation: &Generation,
) -> Result<TableRows, sqlx::Error> {
    let mut all = TableRows::new();
    for table in M::Tables::definitions() {
        let columns = table.columns.iter().map(|column| column.name).collect::<Vec<_>>().join(", ");
        let sql = format!(
            "COPY (SELECT {columns} FROM {}.{}) TO STDOUT (FORMAT binary)",
            generation.schema(),
            table.name
        );
        let mut stream = pool.copy_out_raw(&sql).await?;
        let mut copied = Vec::new();
        while let Some(bytes) = stream.try_next().await? {
            copied.extend_from_slice(&bytes);
        }
        all.insert(table.name, sorted(tuples_of_copy(table, &copied)));
    }
    Ok(all)
}

fn sorted(mut tuples: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    tuples.sort();
    tuples
}
