//! Carries out what people decided about parked subjects: folds what is held, read again from the log.
//!
//! One transaction, under the lock of the partition's checkpoint, which must be where its owner left it: the held
//! records up to there are folded in order, the parked row goes or names the record at which it failed again, and the
//! decision is done. Decisions about a partition are carried out in the order in which they were said: one that cannot
//! be now holds up those behind it. The log is read from 65,536 offsets before the first held record, so that repeats
//! are known. Between two stretches of the log the rows are written out, so that memory does not grow with what is held.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use brainops_event::{Frontier, Offset, Position, Recorded};
use brainops_fault::point;
use brainops_log::{Item, ReadError, read_judging_schemas_at_once};
use metrics::counter;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Row as _};
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::advance::Found;
use crate::apply::{Applier, Missing};
use crate::backoff::Backoff;
use crate::batch::{Unfolded, chain, place_of};
use crate::checkpoint::{Place, begin, lock_own};
use crate::decision::DecisionKind;
use crate::halt::Halt;
use crate::metrics as names;
use crate::model::ReadModel;
use crate::parked::{corrupt, position};
use crate::run_error::RunError;
use crate::sort::{Failure, Parked, class_of, event_of, subject_of};
use crate::sqlstate::{Remedy, remedy};

/// How long the log may take to give the next held records.
const READ_LIMIT: Duration = Duration::from_secs(30);

/// How long until what could not be carried out is tried again.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// A decision that waits.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    pub(crate) kind: DecisionKind,
    /// Where its event stands.
    pub(crate) position: Position,
    /// The record that it is about.
    pub(crate) place: Place,
    pub(crate) offset: Offset,
}

/// What became of a decision.
enum Carried {
    /// It is done, and committed.
    Done,
    /// The partition is no longer ours, or no longer where it was: nothing is done.
    Moved,
    /// Months must be made first.
    Months(Missing),
}

/// Why a decision could not be carried out. But for the read model's own fault, it is tried again later.
#[derive(Debug, Error)]
enum CarryError {
    #[error("the database does not let it be carried out")]
    Database(#[from] sqlx::Error),
    #[error("the log cannot be read")]
    Read(#[from] ReadError),
    /// Something may be folded already.
    #[error("the log cannot be read on")]
    ReadOn(#[source] ReadError),
    #[error("the log gave nothing for {} s", READ_LIMIT.as_secs())]
    Silent,
    #[error("the fold is at fault")]
    OwnFault(RunError),
}

/// The queue behind a parked subject, as far as it was folded.
#[derive(Default)]
pub(crate) struct Queue {
    pub(crate) folded: u64,
    /// Where it failed again.
    pub(crate) head: Option<Parked>,
}

impl<M: ReadModel> Applier<M> {
    /// Carries out the decisions that wait for partitions which run here. What cannot be done now is tried again at
    /// the next call.
    ///
    /// # Errors
    /// [`Halt`] when the fold is at fault, or shutdown is asked for.
    pub(crate) async fn carry_out(&mut self, shutdown: &CancellationToken) -> Result<(), Halt> {
        if self.carry_out_after.is_some_and(|then| Instant::now() < then) {
            return Ok(());
        }
        let waiting = match self.waiting().await {
            Ok(waiting) => waiting,
            Err(error) if remedy(&error) == Remedy::Retry => return Ok(()), // the next call comes soon
            Err(source) => {
                let read_model = self.generation.read_model.clone();
                return Err(RunError::Database { read_model, source }.into());
            }
        };
        // What is decided next may be about what is held once this is carried out.
        let mut held_up = BTreeSet::new();
        for decision in waiting {
            if held_up.contains(&decision.place) {
                continue;
            }
            let carried = tokio::select! {
                carried = self.carry_out_one(&decision, shutdown) => carried,
                () = shutdown.cancelled() => return Err(Halt::ShutDown),
            };
            // Whatever happened, the database says what is parked now, once the transaction has ended.
            let mut backoff = Backoff::for_database();
            self.reload_parked_behind_lock(&decision.place, &mut backoff, shutdown).await?;
            if !carried? {
                held_up.insert(decision.place);
            }
        }
        Ok(())
    }

    /// Decisions about partitions that run here, in the order of the log. What is about a record that is not reached
    /// yet goes on waiting.
    async fn waiting(&self) -> Result<Vec<Waiting>, sqlx::Error> {
        let places: Vec<(Place, Offset)> = {
            let board = self.board.lock();
            let running = board.iter().filter(|(_, held)| held.is_running());
            running.map(|(place, held)| (place.clone(), held.next)).collect()
        };
        let rows =
            sqlx::query(AssertSqlSafe(self.generation.fill(include_str!("sql/waiting_decisions.sql"))))
                .bind(places.iter().map(|((topic, _), _)| topic.as_str()).collect::<Vec<_>>())
                .bind(places.iter().map(|((_, partition), _)| partition.get()).collect::<Vec<_>>())
                .bind(places.iter().map(|(_, next)| next.get()).collect::<Vec<_>>())
                .fetch_all(&self.pool)
                .await?;
        rows.iter().map(waiting_decision).collect()
    }

    /// Carries out a decision; false when it is not, and may be later.
    async fn carry_out_one(
        &mut self,
        decision: &Waiting,
        shutdown: &CancellationToken,
    ) -> Result<bool, Halt> {
        let mut backoff = Backoff::for_database();
        loop {
            match self.try_carry_out(decision).await {
                Ok(Carried::Done) => return Ok(true),
                Ok(Carried::Moved) => return Ok(false),
                Ok(Carried::Months(missing)) => self.make_months(missing, &mut backoff, shutdown).await?,
                Err(CarryError::OwnFault(fault)) => return Err(fault.into()),
                Err(error) => {
                    counter!(names::RETRIES_TOTAL, "read_model" => self.model.name()).increment(1);
                    tracing::warn!(projector.name = self.model.name(), event.position = %decision.position, error = %chain(&error), "a decision cannot be carried out now; it is tried again");
                    self.carry_out_after = Some(Instant::now() + TRY_AGAIN_AFTER);
                    return Ok(false);
                }
            }
        }
    }

    /// One transaction.
    async fn try_carry_out(&self, decision: &Waiting) -> Result<Carried, CarryError> {
        let owned = self.board.lock().get(&decision.place).filter(|held| held.is_running()).cloned();
        let Some(held) = owned else { return Ok(Carried::Moved) };
        let mut transaction = begin(&self.pool, &self.generation).await?;
        let found = Found { epoch: held.epoch, next: held.next };
        if !lock_own(&mut transaction, &self.generation, &decision.place, found).await? {
            return Ok(Carried::Moved);
        }
        let Some((subject, last)) = self.parked_row(&mut transaction, decision).await? else {
            let (topic, partition) = &decision.place;
            let outcome = format!("nothing is parked from {topic}/{partition}@{} on", decision.offset);
            self.close(&mut transaction, decision, "refused", &outcome).await?;
            transaction.commit().await?;
            return Ok(Carried::Done);
        };
        let (state, outcome) = match (decision.kind, subject) {
            (DecisionKind::Dismiss, None) => {
                self.unpark(&mut transaction, decision).await?;
                ("done", "the record is left out".to_owned())
            }
            (_, None) => ("refused", "the record is held alone, and can only be dismissed".to_owned()),
            (kind, Some(subject)) => {
                let from =
                    if kind == DecisionKind::Dismiss { decision.offset.next() } else { decision.offset };
                let range = (from, last.next());
                match self.fold_queue(&mut transaction, decision, &subject, range).await {
                    Ok(Ok(queue)) => ("done", self.settle_queue(&mut transaction, decision, queue).await?),
                    Ok(Err(missing)) => return Ok(Carried::Months(missing)),
                    // Nothing is folded yet then, and the log does not come back.
                    Err(CarryError::Read(error @ ReadError::OutOfRange { .. })) => {
                        ("refused", format!("what is held is gone from the log: {}", chain(&error)))
                    }
                    Err(error) => return Err(error),
                }
            }
        };
        self.close(&mut transaction, decision, state, &outcome).await?;
        point("projection.release_folded");
        transaction.commit().await?;
        if let Some(outbox) = &self.outbox {
            outbox.wake();
        }
        Ok(Carried::Done)
    }

    /// The subject of the parked row that a decision is about, and the last record that is held.
    async fn parked_row(
        &self,
        connection: &mut PgConnection,
        decision: &Waiting,
    ) -> Result<Option<(Option<String>, Offset)>, sqlx::Error> {
        let sql = "SELECT subject, coalesce(last_offset, record_offset) AS last_offset FROM {generation}.parked \
                    WHERE topic = $1 AND partition = $2 AND record_offset = $3 FOR UPDATE";
        let query = sqlx::query(AssertSqlSafe(self.generation.fill(sql))).bind(decision.place.0.as_str());
        let query = query.bind(decision.place.1.get()).bind(decision.offset.get());
        let Some(row) = query.fetch_optional(connection).await? else { return Ok(None) };
        Ok(Some((row.try_get("subject")?, Offset::new(row.try_get("last_offset")?).map_err(corrupt)?)))
    }

    /// Folds the held records of a subject in order, until all are folded or one fails again; those behind it are
    /// counted.
    async fn fold_queue(
        &self,
        connection: &mut PgConnection,
        decision: &Waiting,
        subject: &str,
        (from, through): (Offset, Offset),
    ) -> Result<Result<Queue, Missing>, CarryError> {
        let mut queue = Queue::default();
        if from >= through {
            return Ok(Ok(queue));
        }
        let (topic, partition) = &decision.place;
        let (mut start, mut end) = (Frontier::new(), Frontier::new());
        start.set(topic.clone(), *partition, from);
        end.set(topic.clone(), *partition, through);
        if let Some(held) = self.board.lock().get(&decision.place) {
            end.set_topic_id(topic.clone(), held.topic_id.clone());
        }
        let mut reading = read_judging_schemas_at_once(&self.cluster, &self.registry, &start, &end).await?;
        loop {
            let next = tokio::time::timeout(READ_LIMIT, reading.next()).await;
            let Some(batch) = next.map_err(|_| CarryError::Silent)? else { return Ok(Ok(queue)) };
            let batch = batch.map_err(CarryError::ReadOn)?;
            let items: Vec<Item<'_>> = batch.items().collect();
            let mine: Vec<&Item<'_>> =
                items.iter().filter(|item| subject_of(item) == Some(subject)).collect();
            if let Err(missing) = self.fold_stretch(connection, &mine, subject, &mut queue).await? {
                return Ok(Err(missing));
            }
            // So that Postgres does not take us for one who has gone.
            sqlx::query("SELECT 1").execute(&mut *connection).await?;
        }
    }

    /// Folds a stretch of held records, and writes its rows.
    async fn fold_stretch(
        &self,
        connection: &mut PgConnection,
        mine: &[&Item<'_>],
        subject: &str,
        queue: &mut Queue,
    ) -> Result<Result<(), Missing>, CarryError> {
        let mut rest = mine;
        if queue.head.is_none() {
            let events: Vec<&Recorded<'_>> = mine.iter().map_while(|item| event(item)).collect();
            let (folded, failure) = match self.fold_prefix(connection, &events).await? {
                Ok(folded) => folded,
                Err(missing) => return Ok(Err(missing)),
            };
            queue.folded += folded as u64;
            rest = &mine[folded..];
            if let Some((first, behind)) = rest.split_first() {
                queue.head = Some(head(first, subject, failure));
                rest = behind;
            }
        }
        if let Some(head) = &mut queue.head {
            head.held += rest.len() as u64;
            head.last = rest.last().map_or(head.last, |item| place_of(item).1);
        }
        Ok(Ok(()))
    }

    /// Folds as many events as can be, from the first on, and writes their rows: how many, and why not the next.
    async fn fold_prefix(
        &self,
        connection: &mut PgConnection,
        events: &[&Recorded<'_>],
    ) -> Result<Result<(usize, Option<Failure>), Missing>, CarryError> {
        let (mut taken, mut failure) = (events.len(), None);
        let tables = loop {
            match self.fold(connection, &events[..taken]).await? {
                Ok(tables) => break tables,
                Err(Unfolded::Refused(failures)) => {
                    let first = events[..taken].iter().position(|event| failures.of(event).is_some());
                    taken = first.unwrap_or_default();
                    failure = events.get(taken).and_then(|event| failures.of(event)).cloned();
                }
                Err(unfolded) => return Err(CarryError::OwnFault(self.own_fault(unfolded))),
            }
        };
        let written = self.written(tables).map_err(CarryError::OwnFault)?;
        let missing = self.missing_months(&written);
        if !missing.is_empty() {
            return Ok(Err(missing));
        }
        self.write_rows(connection, written).await?;
        Ok(Ok((taken, failure)))
    }
}

fn event<'a>(item: &&'a Item<'a>) -> Option<&'a Recorded<'a>> {
    match item {
        Item::Event(event) => Some(event),
        _ => None,
    }
}

/// The record at which the queue fails again.
fn head(item: &Item<'_>, subject: &str, failure: Option<Failure>) -> Parked {
    let (place, offset, recorded_at) = place_of(item);
    let (class, reason) = match (item, failure) {
        (Item::Poison { error, .. }, _) => (class_of(error), chain(error)),
        (_, Some(failure)) => (failure.class, failure.reason),
        (_, None) => (crate::reason::ReasonClass::Other, String::new()),
    };
    let (subject, event) = (Some(subject.to_owned()), event_of(item));
    Parked { place, offset, subject, class, reason, event, recorded_at, last: offset, held: 1 }
}

fn waiting_decision(row: &PgRow) -> Result<Waiting, sqlx::Error> {
    let kind: String = row.try_get("kind")?;
    let about = position(row, ["about_topic", "about_partition", "about_offset"])?;
    Ok(Waiting {
        kind: DecisionKind::from_name(&kind).ok_or_else(|| corrupt(format!("no decision is {kind}")))?,
        position: position(row, ["topic", "partition", "record_offset"])?,
        place: (about.topic, about.partition),
        offset: about.offset,
    })
}
