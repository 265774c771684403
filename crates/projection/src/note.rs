//! Keeps the board true to what a batch has brought, moved, lost and stopped.

use std::collections::{BTreeMap, BTreeSet};

use brainops_fault::point;
use brainops_log::Batch;
use chrono::Utc;
use metrics::counter;

use crate::apply::{Applier, Done};
use crate::batch::place_of;
use crate::checkpoint::{Move, Place};
use crate::held::{FirstUnapplied, State, Stop};
use crate::metrics as names;
use crate::model::ReadModel;
use crate::reason::ReasonClass;
use crate::sort::Parked;

impl<M: ReadModel> Applier<M> {
    /// Notes the first record of each partition that is about to be applied, and how far the log goes.
    pub(crate) fn note_arrival(&self, batch: &Batch) {
        let now = Utc::now();
        let mut held = self.board.lock();
        let mut waiting: BTreeSet<Place> =
            batch.spans().iter().map(|span| (span.topic.clone(), span.partition)).collect();
        for item in batch.items() {
            if waiting.is_empty() {
                break; // the first of each is all that matters
            }
            let (place, offset, recorded_at) = place_of(&item);
            let Some(held) = held.get_mut(&place) else { continue };
            if offset >= held.next && waiting.remove(&place) && held.is_running() {
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
    pub(crate) fn committed(&mut self, moves: &BTreeMap<Place, Move>, done: Done) {
        point("projection.committed");
        let now = Utc::now();
        {
            let mut held = self.board.lock();
            for (place, one) in moves {
                let Some(held) = held.get_mut(place) else { continue };
                if done.moved.contains(place) {
                    held.next = one.claim.through;
                    held.last_digest = one.last_digest;
                    held.first_unapplied = FirstUnapplied::UnknownSince(now);
                } else {
                    held.state = State::TakenOver;
                }
            }
        }
        let lost = moves.len() - done.moved.len();
        if lost > 0 {
            tracing::warn!(
                projector.name = self.model.name(),
                partitions = lost,
                "lost partitions to another owner; nothing of them was written"
            );
            counter!(names::TAKEN_OVER_TOTAL, "read_model" => self.model.name()).increment(lost as u64);
        }
        self.count(&done);
        self.look_for_decisions |= done.decisions > 0;
        if let Some(outbox) = self.outbox.as_ref().filter(|_| !done.parked.is_empty()) {
            outbox.wake();
        }
        for parked in done.parked {
            self.note_parked(&parked);
            if let Some(subject) = parked.subject {
                self.parked.entry(parked.place).or_default().insert(subject);
            }
        }
    }

    fn note_parked(&self, parked: &Parked) {
        let (position, held) = (parked.position(), parked.held);
        tracing::warn!(
            projector.name = self.model.name(), event.position = %position, event.subject = parked.subject,
            reason_class = parked.class.as_str(), reason = %parked.reason, held, "parked; the others go on"
        );
    }

    fn count(&self, done: &Done) {
        let model = self.model.name();
        counter!(names::BATCHES_TOTAL, "read_model" => model).increment(1);
        counter!(names::EVENTS_TOTAL, "read_model" => model).increment(done.events);
        counter!(names::DUPLICATES_TOTAL, "read_model" => model).increment(done.duplicates);
        let behind_new: u64 = done.parked.iter().map(|parked| parked.held - 1).sum();
        counter!(names::HELD_TOTAL, "read_model" => model).increment(done.held + behind_new);
        counter!(names::UNREAD_DECISIONS_TOTAL, "read_model" => model).increment(done.unread);
        for parked in &done.parked {
            if parked.class == ReasonClass::Misplaced {
                counter!(names::MISPLACED_TOTAL, "read_model" => model).increment(1);
            } else {
                let class = parked.class.as_str();
                counter!(names::PARKED_TOTAL, "read_model" => model, "reason_class" => class).increment(1);
            }
        }
        for (table, rows) in &done.rows {
            counter!(names::ROWS_TOTAL, "read_model" => model, "table" => *table).increment(*rows);
        }
    }

    pub(crate) fn stop_all(&self, stops: BTreeMap<Place, Stop>) {
        for (place, stop) in stops {
            self.stop(&place, stop);
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
