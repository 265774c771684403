//! Applies one batch: rows and checkpoints together or not at all, whatever goes wrong on the way.
//!
//! ```text
//! plan ──▶ BEGIN ──▶ move checkpoints ──▶ load rows ──▶ fold ──▶ write rows ──▶ park ──▶ COMMIT
//!  ▲         (epoch, offset, topic id;                   │                       │        │
//!  │          lost partitions drop out)                  │                       │        ├─ done
//!  ├── without the subjects of refused events ◀──────────┤                       │        │
//!  ├── make the missing months ◀─────────────────────────┘                       │        │
//!  ├── pause: data stands, decisions go on ◀── too much would be parked ◀────────┘        │
//!  ├── the same again after a pause ◀── deadlock, lost connection, ...                    │
//!  └── the same again ◀── not committed ◀── checkpoints read behind locks ◀── no answer ──┘
//! ```
//!
//! Attempts are bounded but for outages: a subject is parked once, a month is made once, a generation pauses once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use brainops_fault::{Bug, planted, point};
use brainops_log::{Batch, Item, ReadOnlyCluster, Registry};
use brainops_outbox::Outbox;
use metrics::{counter, histogram};
use sqlx::PgPool;
use sqlx::postgres::PgConnection;
use tokio_util::sync::CancellationToken;

use crate::advance::{Fate, fate, fate_of_all};
use crate::ahead::FoldedAhead;
use crate::backoff::Backoff;
use crate::batch::Unfolded;
use crate::checkpoint::{Move, Place, advance, begin, read_locked};
use crate::generation::Generation;
use crate::halt::{Halt, pause_after};
use crate::held::Board;
use crate::metrics as names;
use crate::model::ReadModel;
use crate::month::KnownMonths;
use crate::park::{Parking, park, parked_sets};
use crate::plan::{Plan, plan};
use crate::run_error::RunError;
use crate::sort::{Failures, Parked, ParkedSets, Scope, Sorted, sort};
use crate::sqlstate::outcome_is_unknown;
use crate::table::Table;
use crate::told::write_decisions;
use crate::writer::Month;

/// Applies batches of one read model to its serving generation.
pub(crate) struct Applier<M> {
    pub(crate) model: Arc<M>,
    pub(crate) pool: PgPool,
    pub(crate) cluster: ReadOnlyCluster,
    pub(crate) registry: Registry,
    pub(crate) generation: Generation,
    pub(crate) scope: Scope,
    /// Where what is parked is said; nowhere in tests without one.
    pub(crate) outbox: Option<Outbox>,
    pub(crate) max_parked_per_minute: u32,
    pub(crate) copy_from_rows: usize,
    pub(crate) board: Board,
    pub(crate) months: KnownMonths,
    /// The parked subjects of the partitions that are held.
    pub(crate) parked: ParkedSets,
    /// Whether somebody may wait for a decision to be carried out.
    pub(crate) look_for_decisions: bool,
    /// When decisions are looked at again, after one could not be carried out.
    pub(crate) carry_out_after: Option<Instant>,
}

/// How one attempt ended, if it did not fail.
enum Attempt {
    /// It is committed.
    Committed(Done),
    /// COMMIT gave no answer.
    Unknown { done: Done, error: sqlx::Error },
    /// Events were refused; nothing is written.
    Refused(Failures),
    /// Months are missing; nothing is written.
    Months(Missing),
    /// Too much would be parked; nothing is written.
    TooMany(String),
    /// What is parked in memory is not what the table says; nothing is written.
    Unlike,
    /// The read model's own code is at fault; nothing is written.
    OwnFault(RunError),
}

/// The records of a batch, in the form that an attempt needs.
struct Records<'a, 'batch> {
    batch: &'batch Batch,
    /// Looked at once, and only if they are folded in their turn.
    items: &'a OnceLock<Vec<Item<'batch>>>,
    failures: &'a Failures,
    ahead: Option<FoldedAhead>,
}

/// Months that have no partition yet, by table.
pub(crate) type Missing = Vec<(&'static Table, BTreeSet<Month>)>;

/// What an attempt has done, if it is committed.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// These partitions have moved.
    pub(crate) moved: BTreeSet<Place>,
    pub(crate) events: u64,
    pub(crate) duplicates: u64,
    pub(crate) unread: u64,
    pub(crate) held: u64,
    pub(crate) decisions: usize,
    pub(crate) parked: Vec<Parked>,
    pub(crate) rows: Vec<(&'static str, u64)>,
}

impl<M: ReadModel> Applier<M> {
    /// Applies a batch. Partitions that must stop are stopped on the board; the others go on.
    ///
    /// # Errors
    /// [`Halt`] when the projection as a whole cannot go on, or shutdown came during an outage.
    pub(crate) async fn apply(
        &mut self,
        batch: &Batch,
        mut ahead: Option<FoldedAhead>,
        shutdown: &CancellationToken,
    ) -> Result<(), Halt> {
        point("projection.batch_received");
        let started = Instant::now();
        self.note_arrival(batch);
        let items = OnceLock::new();
        let (mut failures, mut unlike) = (Failures::default(), false);
        let mut backoff = Backoff::for_database();
        loop {
            let Plan { moves, stops } = plan(batch.spans(), &self.board.lock());
            self.stop_all(stops);
            if moves.is_empty() {
                return Ok(());
            }
            let records = Records { batch, items: &items, failures: &failures, ahead: ahead.take() };
            match self.attempt(records, &moves).await {
                Ok(Attempt::Committed(done)) => {
                    self.committed(&moves, done);
                    histogram!(names::BATCH_SECONDS, "read_model" => self.model.name())
                        .record(started.elapsed());
                    return Ok(());
                }
                Ok(Attempt::Unknown { done, error }) => {
                    if self.settle(&moves, &done.moved, error, shutdown).await? {
                        self.committed(&moves, done);
                        return Ok(());
                    }
                }
                Ok(Attempt::Refused(refused)) => failures.merge(refused),
                Ok(Attempt::Months(missing)) => self.make_months(missing, &mut backoff, shutdown).await?,
                Ok(Attempt::TooMany(reason)) => self.pause(&moves, &reason, &mut backoff, shutdown).await?,
                Ok(Attempt::Unlike) if unlike => return Err(self.impossible()),
                Ok(Attempt::Unlike) => {
                    unlike = true;
                    self.reload_parked(&mut backoff, shutdown).await?;
                }
                Ok(Attempt::OwnFault(fault)) => return Err(fault.into()),
                Err(error) => self.pause_after(error, &mut backoff, shutdown).await?,
            }
        }
    }

    /// One transaction, from BEGIN to COMMIT.
    async fn attempt(
        &self,
        records: Records<'_, '_>,
        moves: &BTreeMap<Place, Move>,
    ) -> Result<Attempt, sqlx::Error> {
        let mut transaction = begin(&self.pool, &self.generation).await?;
        point("projection.begun");
        let moved = advance(&mut transaction, &self.generation, moves).await?;
        if planted(Bug::CheckpointBeforeRows) {
            transaction.commit().await?;
            transaction = begin(&self.pool, &self.generation).await?;
        }
        point("projection.checkpoint_moved");
        let mut kept = moves.clone();
        kept.retain(|place, _| moved.contains(place));
        if kept.is_empty() {
            transaction.rollback().await?;
            return Ok(Attempt::Committed(Done::default()));
        }
        let Records { batch, items, failures, ahead } = records;
        let written = match ahead.filter(|ahead| ahead.fits(&kept, &self.parked, failures)) {
            Some(ahead) => self.write_ahead(&mut transaction, ahead).await?,
            None => {
                let items = items.get_or_init(|| batch.items().collect());
                let sorted = sort(items, &kept, &self.scope, &self.parked, failures);
                self.write_all(&mut transaction, sorted).await?
            }
        };
        let mut done = match written {
            Ok(done) => done,
            Err(unfinished) => {
                transaction.rollback().await?;
                return Ok(unfinished);
            }
        };
        done.moved = moved;
        match transaction.commit().await {
            Ok(()) => Ok(Attempt::Committed(done)),
            Err(error) if outcome_is_unknown(&error) => Ok(Attempt::Unknown { done, error }),
            Err(error) => Err(error),
        }
    }

    /// Writes what was folded before its turn.
    async fn write_ahead(
        &self,
        connection: &mut PgConnection,
        ahead: FoldedAhead,
    ) -> Result<Result<Done, Attempt>, sqlx::Error> {
        let FoldedAhead { written, events, duplicates, .. } = ahead;
        let missing = self.missing_months(&written);
        if !missing.is_empty() {
            return Ok(Err(Attempt::Months(missing)));
        }
        let rows = self.write_rows(connection, written).await?;
        point("projection.rows_written");
        Ok(Ok(Done { events, duplicates, rows, ..Done::default() }))
    }

    /// Everything between the checkpoints and COMMIT: rows, what is parked, what was decided.
    async fn write_all(
        &self,
        connection: &mut PgConnection,
        sorted: Sorted<'_>,
    ) -> Result<Result<Done, Attempt>, sqlx::Error> {
        let tables = match self.fold(connection, &sorted.events).await? {
            Ok(tables) => tables,
            Err(Unfolded::Refused(failures)) => return Ok(Err(Attempt::Refused(failures))),
            Err(unfolded) => return Ok(Err(Attempt::OwnFault(self.own_fault(unfolded)))),
        };
        let written = match self.written(tables) {
            Ok(written) => written,
            Err(fault) => return Ok(Err(Attempt::OwnFault(fault))),
        };
        let missing = self.missing_months(&written);
        if !missing.is_empty() {
            return Ok(Err(Attempt::Months(missing)));
        }
        let rows = self.write_rows(connection, written).await?;
        point("projection.rows_written");
        let (parked, held) = (sorted.parked, sorted.held);
        let limit = self.max_parked_per_minute;
        let parking = park(connection, &self.generation, &self.scope.decisions, limit, (&parked, &held));
        match parking.await? {
            Parking::Written => {}
            Parking::TooMany(reason) => return Ok(Err(Attempt::TooMany(reason))),
            Parking::Unlike => return Ok(Err(Attempt::Unlike)),
        }
        if !parked.is_empty() {
            self.announce(connection, &parked).await?;
            point("projection.parked");
        }
        write_decisions(connection, &self.scope, &sorted.decisions).await?;
        let events = sorted.events.len() as u64;
        let held = held.values().map(|more| more.held).sum();
        let (duplicates, unread, decisions) = (sorted.duplicates, sorted.unread, sorted.decisions.len());
        Ok(Ok(Done { moved: BTreeSet::new(), events, duplicates, unread, held, decisions, parked, rows }))
    }

    pub(crate) fn own_fault(&self, unfolded: Unfolded) -> RunError {
        let read_model = self.generation.read_model.clone();
        match unfolded {
            Unfolded::OwnFault { position, error } => {
                RunError::Model { read_model, position, source: Box::new(error) }
            }
            // One event refused after another was is not the way in which events are refused.
            Unfolded::Refused(_) => RunError::ImpossibleCheckpoint { read_model },
        }
    }

    pub(crate) fn impossible(&self) -> Halt {
        RunError::ImpossibleCheckpoint { read_model: self.generation.read_model.clone() }.into()
    }

    /// Finds out whether a COMMIT without an answer was done: true if it was.
    async fn settle(
        &self,
        moves: &BTreeMap<Place, Move>,
        moved: &BTreeSet<Place>,
        error: sqlx::Error,
        shutdown: &CancellationToken,
    ) -> Result<bool, Halt> {
        counter!(names::UNKNOWN_COMMITS_TOTAL, "read_model" => self.model.name()).increment(1);
        tracing::warn!(projector.name = self.model.name(), error = %error, "a commit gave no answer; reading the checkpoints");
        let mut backoff = Backoff::for_database();
        let found = loop {
            match read_locked(&self.pool, &self.generation, moved).await {
                Ok(found) => break found,
                Err(error) => self.pause_after(error, &mut backoff, shutdown).await?,
            }
        };
        let fates =
            moved.iter().filter_map(|place| Some(fate(moves.get(place)?.claim, found.get(place).copied())));
        match fate_of_all(fates) {
            Some(Fate::Committed) => Ok(true),
            // All partitions taken over: `committed` finds that out again, and drops them.
            Some(Fate::Lost | Fate::TakenOver) => Ok(false),
            Some(Fate::Impossible) | None => Err(self.impossible()),
        }
    }

    /// Waits before the same batch is tried again, if that can help.
    pub(crate) async fn pause_after(
        &self,
        error: sqlx::Error,
        backoff: &mut Backoff,
        shutdown: &CancellationToken,
    ) -> Result<(), Halt> {
        counter!(names::RETRIES_TOTAL, "read_model" => self.model.name()).increment(1);
        pause_after(&self.generation.read_model, error, backoff, shutdown).await
    }

    /// Reads anew what is parked in the partitions that are held.
    pub(crate) async fn reload_parked(
        &mut self,
        backoff: &mut Backoff,
        shutdown: &CancellationToken,
    ) -> Result<(), Halt> {
        let places: Vec<Place> = self.parked.keys().cloned().collect();
        loop {
            match parked_sets(&self.pool, &self.generation, places.iter()).await {
                Ok(sets) => {
                    self.parked = sets;
                    return Ok(());
                }
                Err(error) => self.pause_after(error, backoff, shutdown).await?,
            }
        }
    }
}
