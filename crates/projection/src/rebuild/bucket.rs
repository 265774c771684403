//! Folds one bucket in memory: the records of some subjects, in log order, into their final rows.
//!
//! Whatever an event that is refused had changed must not stay. So refusals are noted, and the bucket is folded anew
//! without what stands from the first refused event of each subject on; that is rare, and needs no copies of rows.

use std::collections::HashMap;

use brainops_event::{Recorded, Timestamp};
use brainops_log::{BucketReading, Item, SpillError};

use super::decided::Decided;
use super::error::RebuildError;
use crate::batch::{Unfolded, chain, each_event, place_of};
use crate::checkpoint::Place;
use crate::fold::each_table;
use crate::generation::ModelName;
use crate::model::ReadModel;
use crate::rows::Tables as _;
use crate::run_error::RunError;
use crate::sort::{Failure, Failures, Parked, class_of, event_of, subject_of};
use crate::writer::WrittenRows;

/// What a bucket came to.
#[derive(Debug)]
pub(crate) struct FoldedBucket {
    pub(crate) written: Vec<WrittenRows>,
    pub(crate) parked: Vec<Parked>,
    pub(crate) events: u64,
}

/// What folding a bucket needs to know.
pub(crate) struct BucketFold<'a, M> {
    pub(crate) model: &'a M,
    pub(crate) read_model: &'a ModelName,
    pub(crate) place: &'a Place,
    pub(crate) decided: &'a Decided,
    pub(crate) happened_to: Option<Timestamp>,
}

/// One time over a bucket.
pub(super) struct Pass<M: ReadModel> {
    tables: M::Tables,
    /// Where in the list of parked ones a subject stands.
    held: HashMap<String, usize>,
    parked: Vec<Parked>,
    events: u64,
    refused: Failures,
}

impl<M: ReadModel> Default for Pass<M> {
    fn default() -> Self {
        Self {
            tables: M::Tables::default(),
            held: HashMap::new(),
            parked: Vec::new(),
            events: 0,
            refused: Failures::default(),
        }
    }
}

impl<M: ReadModel> Pass<M> {
    /// How many rows it has come to.
    pub(super) fn rows(&mut self) -> usize {
        let mut rows = 0;
        self.tables.each(&mut |table| rows += table.rows());
        rows
    }

    /// How many records are parked, those held behind them not counted.
    pub(super) fn parked(&self) -> usize {
        self.parked.len()
    }

    /// Whether an event was refused: then what it holds is of no use.
    pub(super) fn has_refused(&self) -> bool {
        !self.refused.is_empty()
    }
}

impl<M: ReadModel> BucketFold<'_, M> {
    /// Folds a bucket; `open` gives its records from the beginning. Blocks while it reads and folds.
    pub(crate) fn fold(
        &self,
        open: impl Fn() -> Result<BucketReading, SpillError>,
    ) -> Result<FoldedBucket, RebuildError> {
        let handle = tokio::runtime::Handle::current();
        let mut failures = Failures::default();
        loop {
            let mut reading = open()?;
            let mut pass = Pass::<M>::default();
            while let Some(batch) = handle.block_on(reading.next()) {
                let batch = batch?;
                let items: Vec<Item<'_>> = batch.items().collect();
                self.take(&mut pass, &items, &failures)?;
            }
            if pass.refused.is_empty() {
                return self.finish(pass);
            }
            failures.merge(pass.refused);
        }
    }

    /// Folds what comes next, without what has failed before.
    pub(super) fn take(
        &self,
        pass: &mut Pass<M>,
        items: &[Item<'_>],
        failures: &Failures,
    ) -> Result<(), RebuildError> {
        let events: Vec<&Recorded<'_>> =
            items.iter().filter_map(|item| self.event_to_fold(pass, item, failures)).collect();
        pass.events += events.len() as u64;
        let (model, tables) = (self.model, &mut pass.tables);
        let folded = each_event(&events, |event| {
            model.want(event, tables)?;
            model.fold(event, tables)
        });
        match folded {
            Ok(()) => Ok(()),
            Err(Unfolded::Refused(refused)) => {
                pass.refused.merge(refused);
                Ok(())
            }
            Err(Unfolded::OwnFault { position, error }) => Err(self.own_fault(position, error)),
        }
    }

    /// The event of a record that is to be folded; of any other, what becomes of it is noted.
    fn event_to_fold<'a>(
        &self,
        pass: &mut Pass<M>,
        item: &'a Item<'_>,
        failures: &Failures,
    ) -> Option<&'a Recorded<'a>> {
        let offset = item.offset();
        if let Some(number) = held(pass, item) {
            if self.is_too_late(item) {
                return None;
            }
            let parked = pass.parked.get_mut(number)?;
            (parked.held, parked.last) = (parked.held + 1, offset);
            return None;
        }
        if self.is_too_late(item) || self.decided.is_dismissed(self.place, offset) {
            return None;
        }
        match item {
            Item::Event(event) => {
                let failure = failures.of(event).filter(|failure| failure.offset == offset);
                let Some(failure) = failure else { return Some(event) };
                self.park(pass, item, Some(failure));
                None
            }
            Item::Poison { .. } => {
                self.park(pass, item, None);
                None
            }
            Item::Duplicate { .. } | Item::Misplaced { .. } => None,
        }
    }

    /// Whether a record is of an event that happened after what is asked for.
    fn is_too_late(&self, item: &Item<'_>) -> bool {
        let Some(happened_to) = self.happened_to else { return false };
        let happened_at = match item {
            Item::Event(event) => event.happened_at(),
            other => place_of(other).2,
        };
        happened_at > happened_to
    }

    fn park(&self, pass: &mut Pass<M>, item: &Item<'_>, failure: Option<&Failure>) {
        let (place, offset, recorded_at) = place_of(item);
        let (class, reason) = match (item, failure) {
            (Item::Poison { error, .. }, _) => (class_of(error), chain(error)),
            (_, Some(failure)) => (failure.class, failure.reason.clone()),
            (_, None) => (crate::reason::ReasonClass::Other, String::new()),
        };
        let subject = subject_of(item).map(str::to_owned);
        if let Some(subject) = &subject {
            pass.held.insert(subject.clone(), pass.parked.len());
        }
        let event = event_of(item);
        pass.parked.push(Parked {
            place,
            offset,
            subject,
            class,
            reason,
            event,
            recorded_at,
            last: offset,
            held: 1,
        });
    }

    pub(super) fn finish(&self, mut pass: Pass<M>) -> Result<FoldedBucket, RebuildError> {
        let written = each_table(&mut pass.tables, |rows| rows.write_final());
        let written = written.map_err(|error| self.own_fault(None, error))?;
        let written = written.into_iter().flatten().collect();
        Ok(FoldedBucket { written, parked: pass.parked, events: pass.events })
    }

    fn own_fault(
        &self,
        position: Option<brainops_event::Position>,
        error: crate::error::FoldError,
    ) -> RebuildError {
        let read_model = self.read_model.clone();
        RunError::Model { read_model, position, source: Box::new(error) }.into()
    }
}

/// Behind what a record is held, if its subject is parked. Nearly always nothing is: then no subject is looked at.
fn held<M: ReadModel>(pass: &Pass<M>, item: &Item<'_>) -> Option<usize> {
    if pass.held.is_empty() { None } else { pass.held.get(subject_of(item)?).copied() }
}
