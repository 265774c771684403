//! Folds the next batch while Postgres still works on the one before it.
//!
//! That is a guess: everything before it will be committed, nothing in it or before it is parked, and the fold reads
//! no rows. So it is only made for batches that hold nothing but events to fold and repeats, by read models that
//! write without reading; and it is used only if the batch's transaction finds everything as guessed. Else it is
//! thrown away, and the batch is folded inside of its transaction like any other.

use std::collections::BTreeMap;
use std::sync::Arc;

use brainops_event::Offset;
use brainops_log::{Batch, Item, Span};

use crate::advance::Claim;
use crate::batch::{fold_all, want_all};
use crate::checkpoint::{Move, Place};
use crate::fold::each_table;
use crate::model::ReadModel;
use crate::sort::{Failures, ParkedSets, Scope, sort};
use crate::writer::WrittenRows;

/// A batch that was folded before its turn.
#[derive(Debug)]
pub(crate) struct FoldedAhead {
    spans: BTreeMap<Place, (Offset, Offset)>,
    pub(crate) written: Vec<WrittenRows>,
    pub(crate) events: u64,
    pub(crate) duplicates: u64,
}

/// What came of folding ahead.
#[derive(Debug)]
pub(crate) enum Guess {
    Folded(FoldedAhead),
    /// This batch must be folded in its turn.
    NotThisOne,
    /// The read model reads its rows: none of its batches can be folded ahead.
    ReadsRows,
}

impl FoldedAhead {
    /// Whether it is what the transaction would fold: the same intervals, all of them moved over, nothing parked.
    pub(crate) fn fits(
        &self,
        kept: &BTreeMap<Place, Move>,
        parked: &ParkedSets,
        failures: &Failures,
    ) -> bool {
        let is_guessed = |(place, one): (&Place, &Move)| {
            self.spans.get(place) == Some(&(one.claim.from, one.claim.through))
                && parked.get(place).is_none_or(|subjects| subjects.is_empty())
        };
        failures.is_empty() && kept.len() == self.spans.len() && kept.iter().all(is_guessed)
    }
}

/// Folds a batch on a thread of its own.
pub(crate) fn start<M: ReadModel>(
    model: &Arc<M>,
    scope: &Scope,
    batch: &Arc<Batch>,
) -> tokio::task::JoinHandle<Guess> {
    let (model, scope, batch) = (Arc::clone(model), scope.clone(), Arc::clone(batch));
    tokio::task::spawn_blocking(move || fold_ahead(&*model, &scope, &batch))
}

fn fold_ahead<M: ReadModel>(model: &M, scope: &Scope, batch: &Batch) -> Guess {
    let items: Vec<Item<'_>> = batch.items().collect();
    let moves: BTreeMap<Place, Move> = batch.spans().iter().map(whole).collect();
    let (nothing_parked, nothing_failed) = (ParkedSets::new(), Failures::default());
    let sorted = sort(&items, &moves, scope, &nothing_parked, &nothing_failed);
    let is_plain = sorted.parked.is_empty() && sorted.decisions.is_empty() && sorted.unread == 0;
    if !is_plain {
        return Guess::NotThisOne;
    }
    let Ok(mut tables) = want_all(model, &sorted.events) else { return Guess::NotThisOne };
    match each_table(&mut tables, |rows| Ok(rows.wants())) {
        Ok(wants) if wants.contains(&true) => return Guess::ReadsRows,
        _ => {}
    }
    let Ok(mut tables) = fold_all(model, &sorted.events, tables) else { return Guess::NotThisOne };
    let Ok(written) = each_table(&mut tables, |rows| rows.write_changed()) else { return Guess::NotThisOne };
    Guess::Folded(FoldedAhead {
        spans: moves
            .iter()
            .map(|(place, one)| (place.clone(), (one.claim.from, one.claim.through)))
            .collect(),
        written: written.into_iter().flatten().collect(),
        events: sorted.events.len() as u64,
        duplicates: sorted.duplicates,
    })
}

/// All of a span, as if it were to be moved over; only the interval counts here.
fn whole(span: &Span) -> (Place, Move) {
    let claim = Claim { epoch: 0, from: span.from, through: span.through };
    let (topic_id, last_digest, last_recorded_at) = (span.topic_id.clone(), None, None);
    ((span.topic.clone(), span.partition), Move { topic_id, claim, last_digest, last_recorded_at })
}
