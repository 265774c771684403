//! Brings the tables of an agent to where the log says that its sagas are, after Postgres was restored from a backup.
//!
//! What the backup has forgotten stands in the log: each transaction as `saga.reacted`. From the checkpoints of the backup
//! on, sagas take those transactions again as they were, in their order, and are parked where they were parked. What they
//! had decided is enqueued again: what stands in the log already is known there, and what was lost on its way is sent.
//!
//! What they had spent of their agent's budget in this hour is added to what the backup knows of it: by when the log recorded
//! each transaction, so one of the last moments of an hour may be counted to the next one.
//!
//! What was told just before the backup may not have been read when it was made: it is told again here, and left out, since
//! its inputs lie before the checkpoints.
//!
//! Checkpoints stay where the backup has them. Whoever runs the agent afterwards reads from there, and finds in the inbox
//! what was taken. What no `saga.reacted` names is taken as if it came now.
//!
//! It may be run at any time, again, and beside processes that run the agent: a row's lock and its revision decide who
//! takes a transaction.

use std::collections::{BTreeMap, BTreeSet};

use brainops_checkpoint::begin;
use brainops_event::{Frontier, Offset, Outgoing, Partition, Timestamp, TopicName};
use brainops_fault::point;
use brainops_log::{Item, end_frontier, read, start_frontier};
use brainops_outbox::enqueue_behind;
use sqlx::{PgPool, Row as _};
use thiserror::Error;
use uuid::Uuid;

use super::history::{History, Transaction};
use super::replica::follow;
use super::run::{ReplayError, only};
use crate::cast::{Cast, TOPIC};
use crate::instance::Instance;
use crate::purse::Price;
use crate::refusal::Refusal;
use crate::runtime::{
    Before, Stage, StoreError, budget, inbox_name, keeper, leave_places, lock, note_taken, save,
};
use crate::sitting::gates_of;
use crate::switch::Told;

/// How many transactions are taken again in one of Postgres.
const CHUNK: usize = 500;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recovered {
    /// Transactions that the tables had forgotten.
    pub transactions: u64,
    /// Of these: how many left a saga otherwise than the log says, since its code is not what it was.
    pub differing: u64,
    /// Transactions that could not be taken: inputs or transactions before them are missing.
    pub unfinished: u64,
}

/// The tables cannot be brought to where the log is.
#[derive(Debug, Error)]
pub enum RecoverError {
    /// The log cannot be read as history.
    #[error(transparent)]
    History(#[from] ReplayError),
    /// Postgres does not do what it should. Trying again can help.
    #[error("the tables of sagas cannot be written")]
    Database(#[from] sqlx::Error),
    /// A row holds what this program cannot have written.
    #[error("a row of a saga cannot be read")]
    Row(#[source] Refusal),
    /// What was decided cannot be made ready. See [`brainops_outbox::AppendError::is_transient`].
    #[error("what was decided cannot be enqueued")]
    Append(#[source] Box<brainops_outbox::AppendError>),
}

impl From<StoreError> for RecoverError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Database(error) => Self::Database(error),
            StoreError::Row(refusal) => Self::Row(refusal),
        }
    }
}

/// Brings the tables of an agent to where the log says that its sagas are.
///
/// # Errors
/// The log cannot be read, or Postgres does not do what it should.
pub async fn recover(cast: &Cast, stage: &Stage) -> Result<Recovered, RecoverError> {
    let topics: Result<Vec<TopicName>, _> =
        cast.topics().into_iter().map(|topic| stage.cluster.topic(topic)).collect();
    let topics = topics.map_err(ReplayError::from)?;
    let saga_topic = stage.cluster.topic(TOPIC).map_err(ReplayError::from)?;
    let from = from(&stage.pool, cast.name(), stage, &topics).await?;
    let to = end_frontier(&stage.cluster, &topics).await.map_err(ReplayError::from)?;
    let (cluster, registry) = (stage.cluster.read_only(), &stage.registry);
    let unreadable = |source| ReplayError::History { correlation: String::new(), source };
    let mut history = History::new(cast.name());
    let told = only(&to, |topic| *topic == saga_topic);
    let mut switches = Vec::new();
    let mut reading = read(&cluster, registry, &from, &told).await.map_err(ReplayError::from)?;
    while let Some(batch) = reading.next().await {
        for item in batch.map_err(ReplayError::from)?.items() {
            if let Item::Event(event) = item {
                history.hear(&event, |_| true).map_err(unreadable)?;
                switches.extend(Told::of(cast.name(), &event).map_err(unreadable)?);
            }
        }
    }
    let mut connection = stage.pool.acquire().await?;
    for switch in switches {
        switch.again(&mut connection).await?;
    }
    let sql = "SELECT correlation, revision FROM brainops.saga WHERE agent = $1 AND correlation = ANY ($2)";
    let known = sqlx::query(sql).bind(cast.name()).bind(history.correlations());
    for row in known.fetch_all(&mut *connection).await? {
        history.leave_out(row.try_get("correlation")?, row.try_get("revision")?);
    }
    drop(connection);
    let mut recovered = Recovered::default();
    let mut reading = read(&cluster, registry, &from, &to).await.map_err(ReplayError::from)?;
    while let Some(batch) = reading.next().await {
        let mut ready = Vec::new();
        for item in batch.map_err(ReplayError::from)?.items() {
            if let Item::Event(event) = item {
                history.read(&event, |transaction, now| {
                    ready.push(transaction.keeping(now)?);
                    Ok::<_, ReplayError>(())
                })?;
            }
        }
        for chunk in ready.chunks(CHUNK) {
            take(cast, stage, chunk, &mut recovered).await?;
        }
    }
    recovered.unfinished += history.unfinished() as u64;
    Ok(recovered)
}

/// Where the checkpoints are; where there are none, the beginning.
async fn from(
    pool: &PgPool,
    agent: &str,
    stage: &Stage,
    topics: &[TopicName],
) -> Result<Frontier, RecoverError> {
    let mut from = start_frontier(&stage.cluster, topics).await.map_err(ReplayError::from)?;
    let sql = "SELECT topic, partition, next_offset FROM brainops.saga_checkpoint WHERE agent = $1";
    for row in sqlx::query(sql).bind(agent).fetch_all(pool).await? {
        let topic = TopicName::new(row.try_get("topic")?).map_err(ReplayError::from)?;
        let partition = Partition::new(row.try_get("partition")?).map_err(ReplayError::from)?;
        let next = Offset::new(row.try_get("next_offset")?).map_err(ReplayError::from)?;
        from.advance(&topic, partition, next);
    }
    Ok(from)
}

/// Takes transactions again, in one of Postgres.
async fn take(
    cast: &Cast,
    stage: &Stage,
    transactions: &[Transaction],
    recovered: &mut Recovered,
) -> Result<(), RecoverError> {
    let agent = cast.name();
    let correlations: BTreeSet<&str> =
        transactions.iter().map(|one| one.reacted.correlation.as_str()).collect();
    let mut transaction = begin(&stage.pool, &keeper(agent)).await?;
    let names: Vec<&str> = correlations.iter().copied().collect();
    let locked = lock(&mut transaction, agent, &names, &correlations, &correlations).await?;
    let mut followed = Followed::new(locked.instances);
    let spent = budget::hold(&mut transaction, agent, &cast.limits()).await?;
    let hour = spent.as_ref().map(|spent| spent.hour);
    for one in transactions {
        followed.take(cast, one, hour, recovered).map_err(RecoverError::Row)?;
    }
    if let Some(spent) = &spent {
        spent.add(&mut transaction, agent, followed.price).await?;
    }
    let Followed { changed, before, taken, events, gates, .. } = followed;
    let empty: Vec<String> = locked.places.into_iter().filter(|place| !changed.contains_key(place)).collect();
    leave_places(&mut transaction, agent, &empty).await?;
    let mut before = before;
    let changed = changed.into_iter().map(|(name, one)| (before.remove(&name).unwrap_or_default(), one));
    let changed: Vec<(Before, Instance)> = changed.collect();
    if !changed.is_empty() {
        save(&mut transaction, agent, &changed, spent.map(|spent| spent.until)).await?;
        note_taken(&mut transaction, agent, &taken, false).await?; // the checkpoints are not past them
        let prepared = stage.outbox.prepare(events).await.into_iter().collect::<Result<Vec<_>, _>>();
        let prepared = prepared.map_err(|error| RecoverError::Append(Box::new(error)))?;
        enqueue_behind(&mut transaction, &prepared, &gates).await?; // what was said in other words was said
    }
    point("saga.recovered");
    transaction.commit().await?;
    stage.outbox.wake();
    Ok(())
}

/// Sagas that take transactions again as they were.
struct Followed {
    instances: BTreeMap<String, Instance>,
    before: BTreeMap<String, Before>,
    changed: BTreeMap<String, Instance>,
    taken: Vec<Uuid>,
    events: Vec<Outgoing>,
    /// For each event the one before it that must stand in the log first.
    gates: Vec<Option<usize>>,
    /// What they have cost of this hour's budget.
    price: Price,
}

impl Followed {
    fn new(instances: BTreeMap<String, Instance>) -> Self {
        let before = instances.iter().map(|(name, one)| (name.clone(), Before::of(one))).collect();
        let (changed, taken, events, gates) = (BTreeMap::new(), Vec::new(), Vec::new(), Vec::new());
        Self { instances, before, changed, taken, events, gates, price: Price::default() }
    }

    fn take(
        &mut self,
        cast: &Cast,
        transaction: &Transaction,
        hour: Option<Timestamp>,
        recovered: &mut Recovered,
    ) -> Result<(), Refusal> {
        let reacted = &transaction.reacted;
        let name = reacted.correlation.as_str();
        let known = self.changed.get(name).or_else(|| self.instances.get(name));
        let revision = known.map_or(0, |one| one.revision);
        if reacted.revision != revision + 1 {
            recovered.unfinished += u64::from(reacted.revision > revision);
            return Ok(());
        }
        let instance = self.changed.remove(name).or_else(|| self.instances.remove(name));
        let sat = follow(cast, instance, transaction)?;
        let Some(instance) = sat.instance else { return Ok(()) };
        recovered.transactions += 1;
        recovered.differing += u64::from(instance.digest()? != reacted.state_digest);
        for input in transaction.inputs(None) {
            let taken = input
                .with(|event| inbox_name(cast.name(), name, event.envelope.source(), event.envelope.id()))?;
            self.taken.push(taken);
        }
        if hour.is_some_and(|hour| transaction.told_at >= hour) {
            self.price = self.price.and(Price::of(&sat.written));
        }
        self.gates.extend(gates_of(self.events.len(), &sat.written));
        self.events.extend(sat.written.into_iter().map(|written| written.event));
        self.changed.insert(name.to_owned(), instance);
        Ok(())
    }
}
