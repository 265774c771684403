//! Makes a generation stand that parks too much, and go on when a person says so.
//!
//! While a pause holds, the partitions of what is folded stand; those of the topic of decisions go on, for there the
//! pause ends.

use std::collections::BTreeMap;

use brainops_event::TopicName;
use metrics::counter;
use tokio_util::sync::CancellationToken;

use crate::apply::Applier;
use crate::backoff::Backoff;
use crate::checkpoint::{Move, Place};
use crate::halt::Halt;
use crate::held::{State, Stop};
use crate::metrics as names;
use crate::model::ReadModel;
use crate::pause::{Pause, pause, pause_that_holds};
use crate::reason::ReasonClass;

/// Why partitions stand while a pause holds.
pub(crate) fn stop_of(pause: &Pause) -> Stop {
    let reason = format!("pause {}: {}; it goes on when a person resumes it", pause.number, pause.reason);
    Stop { class: ReasonClass::Paused, reason, at: None }
}

impl<M: ReadModel> Applier<M> {
    /// Pauses the generation, for every instance and until a person resumes it.
    pub(crate) async fn pause(
        &mut self,
        moves: &BTreeMap<Place, Move>,
        reason: &str,
        backoff: &mut Backoff,
        shutdown: &CancellationToken,
    ) -> Result<(), Halt> {
        for (place, one) in moves.iter().filter(|(place, _)| self.stands_in_a_pause(&place.0)) {
            let owned = (one.claim.epoch, one.claim.from);
            let paused = loop {
                match pause(&self.pool, &self.generation, place, owned, reason).await {
                    Ok(paused) => break paused,
                    Err(error) => self.pause_after(error, backoff, shutdown).await?,
                }
            };
            if paused {
                counter!(names::PAUSES_TOTAL, "read_model" => self.model.name()).increment(1);
                tracing::error!(
                    projector.name = self.model.name(),
                    reason,
                    "too much would be parked: the read model pauses until a person resumes it"
                );
                break;
            }
        }
        loop {
            match self.look_for_a_pause().await {
                Ok(_) => return Ok(()),
                Err(error) => self.pause_after(error, backoff, shutdown).await?,
            }
        }
    }

    /// Lets partitions stand if a pause holds; true when some stand because of one that holds no more.
    pub(crate) async fn look_for_a_pause(&self) -> Result<bool, sqlx::Error> {
        let Some(pause) = pause_that_holds(&self.pool, &self.generation).await? else {
            let is_paused =
                |state: &State| matches!(state, State::Stopped(stop) if stop.class == ReasonClass::Paused);
            return Ok(self.board.lock().values().any(|held| is_paused(&held.state)));
        };
        let running: Vec<Place> = {
            let board = self.board.lock();
            board.iter().filter(|(_, held)| held.is_running()).map(|(place, _)| place.clone()).collect()
        };
        let standing = running.into_iter().filter(|place| self.stands_in_a_pause(&place.0));
        self.stop_all(standing.map(|place| (place, stop_of(&pause))).collect());
        Ok(false)
    }

    pub(crate) fn stands_in_a_pause(&self, topic: &TopicName) -> bool {
        *topic != self.scope.decisions
    }
}
