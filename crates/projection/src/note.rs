//! Keeps the board true to what a batch has brought, moved, lost and stopped.

use std::collections::{BTreeMap, BTreeSet};

use brainops_log::{Batch, Item};
use chrono::Utc;
use metrics::counter;

use crate::apply::{Applier, Counts};
use crate::batch::place_of;
use crate::checkpoint::{Move, Place};
use crate::held::{FirstUnapplied, State, Stop};
use crate::metrics as names;
use crate::model::ReadModel;
use crate::plan::Cut;

impl<M: ReadModel> Applier<M> {
    /// Notes the first record of each partition that is about to be applied, and how far the log goes.
    pub(crate) fn note_arrival(&self, batch: &Batch, items: &[Item<'_>]) {
        let now = Utc::now();
        let mut held = self.board.lock();
        let mut seen = BTreeSet::new();
        for item in items {
            let (place, offset, recorded_at) = place_of(item);
            if let Some(held) = held.get_mut(&place)
                && held.is_running()
                && offset >= held.next
                && seen.insert(place)
            {
                held.first_unapplied = FirstUnapplied::At(recorded_at);
            }
        }
        for span in batch.spans() {
            if let Some(held) = held.get_mut(&(span.topic.clone(), span.partition)) {
                let known = held.log_end.0;
                held.see_log_end(span.log_end.unwrap_or(known).max(span.through).max(known), now);
            }
        }
    }

    /// Moves the board as the checkpoints were moved, and drops partitions that were lost.
    pub(crate) fn committed(&self, moves: &BTreeMap<Place, Move>, moved: &BTreeSet<Place>, counts: &Counts) {
        let now = Utc::now();
        {
            let mut held = self.board.lock();
            for (place, one) in moves.iter().filter(|(place, _)| moved.contains(*place)) {
                if let Some(held) = held.get_mut(place) {
                    held.next = one.claim.through;
                    held.last_digest = one.last_digest;
                    held.first_unapplied = FirstUnapplied::UnknownSince(now);
                }
            }
            for place in moves.keys().filter(|place| !moved.contains(*place)) {
                if let Some(held) = held.get_mut(place) {
                    held.state = State::TakenOver;
                }
            }
        }
        let lost = moves.len() - moved.len();
        if lost > 0 {
            tracing::warn!(
                projector.name = self.model.name(),
                partitions = lost,
                "lost partitions to another owner; nothing of them was written"
            );
            counter!(names::TAKEN_OVER_TOTAL, "read_model" => self.model.name()).increment(lost as u64);
        }
        self.count(counts);
    }

    fn count(&self, counts: &Counts) {
        let model = self.model.name();
        counter!(names::BATCHES_TOTAL, "read_model" => model).increment(1);
        counter!(names::EVENTS_TOTAL, "read_model" => model).increment(counts.events);
        counter!(names::DUPLICATES_TOTAL, "read_model" => model).increment(counts.duplicates);
        counter!(names::MISPLACED_TOTAL, "read_model" => model).increment(counts.parked);
        for (table, rows) in &counts.rows {
            counter!(names::ROWS_TOTAL, "read_model" => model, "table" => *table).increment(*rows);
        }
    }

    pub(crate) fn stop_all(&self, stops: BTreeMap<Place, Stop>) {
        for (place, stop) in stops {
            self.stop(&place, stop);
        }
    }

    /// Stops the partitions that were cut, now that all before their cut is applied.
    pub(crate) fn stop_at(&self, cuts: BTreeMap<Place, Cut>) {
        for (place, cut) in cuts {
            let stands_there = match self.board.lock().get_mut(&place) {
                Some(held) if held.is_running() && held.next == cut.at => {
                    held.first_unapplied = FirstUnapplied::At(cut.recorded_at);
                    true
                }
                _ => false, // taken over, stopped for another reason, or a replay
            };
            if stands_there {
                self.stop(&place, cut.stop);
            }
        }
    }

    fn stop(&self, place: &Place, stop: Stop) {
        tracing::error!(
            projector.name = self.model.name(), event.topic = %place.0, event.partition = place.1.get(),
            reason_class = stop.class.as_str(), reason = %stop.reason, "a partition stands; the others go on"
        );
        self.board.stop(place, stop);
    }
}
