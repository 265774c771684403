//! What the log says that the rows must be, computed apart from the runtime; and the rows as they are.

use std::collections::{BTreeMap, BTreeSet};

use brainops_event::{Frontier, Partition, Recorded, TopicName};
use brainops_log::{Cluster, Item, ReadError, Registry, read};
use brainops_projection::{AnyRows, Generation, ReadModel, Tables};
use sqlx::{AssertSqlSafe, PgPool};

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
        all.insert(rows.table().name, sorted(tuples));
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

/// The rows that a generation holds, read back and written as COPY would send them.
///
/// # Errors
/// When the database does not answer, or a row cannot be read.
pub async fn stored_rows<M: ReadModel>(pool: &PgPool, generation: &Generation) -> Result<TableRows, sqlx::Error> {
    let mut tables = M::Tables::default();
    let mut all = TableRows::new();
    for table in M::Tables::definitions() {
        let columns = table.columns.iter().map(|column| column.name).collect::<Vec<_>>().join(", ");
        let sql = format!("SELECT {columns} FROM {}.{}", generation.schema(), table.name);
        let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(pool).await?;
        let mut tuples = Ok(Vec::new());
        let mut take = |of: &mut dyn AnyRows| {
            if of.table().name == table.name {
                tuples = rows.iter().map(|row| of.tuple_of(row)).collect();
            }
        };
        tables.each(&mut take);
        all.insert(table.name, sorted(tuples?));
    }
    Ok(all)
}

fn sorted(mut tuples: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    tuples.sort();
    tuples
}
