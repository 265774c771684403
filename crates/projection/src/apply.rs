//! Applies one batch: rows and checkpoints together or not at all, whatever goes wrong on the way.
//!
//! ```text
//! plan ──▶ BEGIN ──▶ move checkpoints ──▶ load rows ──▶ fold ──▶ write rows ──▶ COMMIT
//!  ▲         (epoch, offset, topic id;                   │                       │
//!  │          lost partitions drop out)                  │                       ├─ done
//!  ├── cut before the refused events ◀───────────────────┤                       │
//!  ├── make the missing months ◀─────────────────────────┘                       │
//!  ├── the same again after a pause ◀── deadlock, lost connection, ...           │
//!  └── the same again ◀── not committed ◀── checkpoints read behind locks ◀── no answer
//! ```
//!
//! Attempts are bounded but for outages: a partition is cut once, a month is made once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use brainops_log::{Batch, Item};
use metrics::{counter, histogram};
use sqlx::PgPool;
use sqlx::postgres::PgConnection;
use tokio_util::sync::CancellationToken;

use crate::advance::{Fate, fate, fate_of_all};
use crate::backoff::Backoff;
use crate::batch::{Folded, Unfolded, fold_all, poison_cuts, want_all};
use crate::checkpoint::{Move, Place, advance, read_locked};
use crate::generation::Generation;
use crate::halt::{Halt, pause_after};
use crate::held::Board;
use crate::metrics as names;
use crate::model::ReadModel;
use crate::month::KnownMonths;
use crate::park::park;
use crate::plan::{Cut, Plan, plan};
use crate::rows::{AnyRows, Tables};
use crate::run_error::RunError;
use crate::sqlstate::outcome_is_unknown;
use crate::statement;
use crate::table::Table;
use crate::writer::{Month, WrittenRows};

/// Applies batches of one read model to its serving generation.
pub(crate) struct Applier<M> {
    pub(crate) model: Arc<M>,
    pub(crate) pool: PgPool,
    pub(crate) generation: Generation,
    pub(crate) board: Board,
    pub(crate) months: KnownMonths,
}

/// How one attempt ended, if it did not fail.
enum Attempt {
    /// It is committed; these partitions have moved.
    Committed { moved: BTreeSet<Place>, counts: Counts },
    /// COMMIT gave no answer; these partitions have moved if it was done.
    Unknown { moved: BTreeSet<Place>, counts: Counts, error: sqlx::Error },
    /// Events were refused; nothing is written.
    Refused(BTreeMap<Place, Cut>),
    /// Months are missing; nothing is written.
    Months(Vec<(&'static Table, BTreeSet<Month>)>),
    /// The read model's own code is at fault; nothing is written.
    OwnFault(RunError),
}

/// What an attempt did, for the metrics.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) events: u64,
    pub(crate) duplicates: u64,
    pub(crate) parked: u64,
    pub(crate) rows: Vec<(&'static str, u64)>,
}

impl<M: ReadModel> Applier<M> {
    /// Applies a batch. Partitions that must stop are stopped on the board; the others go on.
    ///
    /// # Errors
    /// [`Halt`] when the projection as a whole cannot go on, or shutdown came during an outage.
    pub(crate) async fn apply(&mut self, batch: &Batch, shutdown: &CancellationToken) -> Result<(), Halt> {
        let started = Instant::now();
        let items: Vec<Item<'_>> = batch.items().collect();
        self.note_arrival(batch, &items);
        let mut cuts = poison_cuts(batch, &items);
        let mut backoff = Backoff::for_database();
        loop {
            let Plan { moves, stops } = plan(batch.spans(), &self.board.lock(), &cuts);
            self.stop_all(stops);
            if moves.is_empty() {
                break;
            }
            match self.attempt(batch, &items, &moves).await {
                Ok(Attempt::Committed { moved, counts }) => {
                    self.committed(&moves, &moved, &counts);
                    histogram!(names::BATCH_SECONDS, "read_model" => self.model.name())
                        .record(started.elapsed());
                    break;
                }
                Ok(Attempt::Unknown { moved, counts, error }) => {
                    if self.settle(&moves, &moved, error, shutdown).await? {
                        self.committed(&moves, &moved, &counts);
                        break;
                    }
                }
                Ok(Attempt::Refused(refused)) => cuts.extend(refused),
                Ok(Attempt::Months(missing)) => self.make_months(missing, &mut backoff, shutdown).await?,
                Ok(Attempt::OwnFault(fault)) => return Err(fault.into()),
                Err(error) => self.pause_after(error, &mut backoff, shutdown).await?,
            }
        }
        self.stop_at(cuts);
        Ok(())
    }

    /// One transaction, from BEGIN to COMMIT.
    async fn attempt(
        &self,
        batch: &Batch,
        items: &[Item<'_>],
        moves: &BTreeMap<Place, Move>,
    ) -> Result<Attempt, sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        let moved = advance(&mut transaction, &self.generation, moves).await?;
        let mut kept = moves.clone();
        kept.retain(|place, _| moved.contains(place));
        if kept.is_empty() {
            transaction.rollback().await?;
            return Ok(Attempt::Committed { moved, counts: Counts::default() });
        }
        let folded = match self.fold(&mut transaction, batch, items, &kept).await? {
            Ok(folded) => folded,
            Err(unfolded) => {
                transaction.rollback().await?;
                return Ok(self.unfolded(unfolded));
            }
        };
        let mut folded = folded;
        let written = match written_rows(&mut folded.tables) {
            Ok(written) => written,
            Err(source) => {
                let (read_model, position) = (self.generation.read_model.clone(), None);
                return Ok(Attempt::OwnFault(RunError::Model {
                    read_model,
                    position,
                    source: Box::new(source),
                }));
            }
        };
        let missing = self.missing_months(&written);
        if !missing.is_empty() {
            transaction.rollback().await?;
            return Ok(Attempt::Months(missing));
        }
        let counts = self.write(&mut transaction, folded, written).await?;
        match transaction.commit().await {
            Ok(()) => Ok(Attempt::Committed { moved, counts }),
            Err(error) if outcome_is_unknown(&error) => Ok(Attempt::Unknown { moved, counts, error }),
            Err(error) => Err(error),
        }
    }

    /// Loads what the fold will read, then folds.
    async fn fold(
        &self,
        connection: &mut PgConnection,
        batch: &Batch,
        items: &[Item<'_>],
        moves: &BTreeMap<Place, Move>,
    ) -> Result<Result<Folded<M::Tables>, Unfolded>, sqlx::Error> {
        let mut tables = match want_all(&*self.model, batch, items, moves) {
            Ok(tables) => tables,
            Err(unfolded) => return Ok(Err(unfolded)),
        };
        let schema = self.generation.schema();
        let wanted = each_table(&mut tables, |rows| rows.write_wanted());
        let wanted = match wanted {
            Ok(wanted) => wanted,
            Err(error) => return Ok(Err(Unfolded::OwnFault { position: None, error })),
        };
        for keys in wanted.into_iter().flatten() {
            let table = keys.table;
            let rows = statement::load(connection, &schema, keys).await?;
            accept(&mut tables, table, &rows)?;
        }
        Ok(fold_all(&*self.model, batch, items, moves, tables))
    }

    async fn write(
        &self,
        connection: &mut PgConnection,
        folded: Folded<M::Tables>,
        written: Vec<WrittenRows>,
    ) -> Result<Counts, sqlx::Error> {
        let schema = self.generation.schema();
        let mut rows = Vec::new();
        for table_rows in written {
            rows.push((table_rows.table.name, u64::try_from(table_rows.rows).unwrap_or(u64::MAX)));
            statement::write(connection, &schema, table_rows).await?;
        }
        park(connection, &self.generation, &folded.parked).await?;
        for one in &folded.parked {
            let position = format!("{}/{}@{}", one.place.0, one.place.1, one.offset);
            tracing::warn!(projector.name = self.model.name(), event.position = %position, reason = %one.reason, "set a misplaced record aside");
        }
        let parked = u64::try_from(folded.parked.len()).unwrap_or(u64::MAX);
        Ok(Counts { events: folded.events, duplicates: folded.duplicates, parked, rows })
    }

    fn unfolded(&self, unfolded: Unfolded) -> Attempt {
        match unfolded {
            Unfolded::Refused(cuts) => Attempt::Refused(cuts),
            Unfolded::OwnFault { position, error } => {
                let read_model = self.generation.read_model.clone();
                Attempt::OwnFault(RunError::Model { read_model, position, source: Box::new(error) })
            }
        }
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
            Some(Fate::Impossible) | None => {
                Err(RunError::ImpossibleCheckpoint { read_model: self.generation.read_model.clone() }.into())
            }
        }
    }

    /// Waits before the same batch is tried again, if that can help.
    async fn pause_after(
        &self,
        error: sqlx::Error,
        backoff: &mut Backoff,
        shutdown: &CancellationToken,
    ) -> Result<(), Halt> {
        counter!(names::RETRIES_TOTAL, "read_model" => self.model.name()).increment(1);
        pause_after(&self.generation.read_model, error, backoff, shutdown).await
    }

    fn missing_months(&self, written: &[WrittenRows]) -> Vec<(&'static Table, BTreeSet<Month>)> {
        let missing = written.iter().map(|rows| (rows.table, self.months.missing(rows.table, &rows.months)));
        missing.filter(|(_, months)| !months.is_empty()).collect()
    }

    async fn make_months(
        &mut self,
        missing: Vec<(&'static Table, BTreeSet<Month>)>,
        backoff: &mut Backoff,
        shutdown: &CancellationToken,
    ) -> Result<(), Halt> {
        for (table, months) in missing {
            if let Err(error) = self.months.create(&self.pool, &self.generation, table, months).await {
                // The next attempt finds them missing again.
                self.pause_after(error, backoff, shutdown).await?;
            }
        }
        Ok(())
    }
}

/// Asks each table for what is to be written.
fn written_rows<T: Tables>(tables: &mut T) -> Result<Vec<WrittenRows>, crate::error::FoldError> {
    Ok(each_table(tables, |rows| rows.write_changed())?.into_iter().flatten().collect())
}

fn each_table<T: Tables, R, E>(
    tables: &mut T,
    mut ask: impl FnMut(&mut dyn AnyRows) -> Result<R, E>,
) -> Result<Vec<R>, E> {
    let mut answers = Vec::new();
    tables.each(&mut |rows| answers.push(ask(rows)));
    answers.into_iter().collect()
}

fn accept<T: Tables>(
    tables: &mut T,
    table: &'static Table,
    found: &[sqlx::postgres::PgRow],
) -> Result<(), sqlx::Error> {
    each_table(tables, |rows| {
        if std::ptr::eq(rows.table(), table) {
            found.iter().try_for_each(|row| rows.accept(row))
        } else {
            Ok(())
        }
    })?;
    Ok(())
}
