//! What Postgres does with an open transaction, and what its owner hears of it.

use super::instance::{conclude, disown};
use super::model::{Found, Step};
use super::scene::Scene;
use super::state::{Doing, Left, State};

const CUTS: fn(&mut Left) -> &mut u8 = |left| &mut left.cuts;

impl Scene {
    pub(super) fn server_steps(&self, state: &State, transaction: usize, found: &mut Found) {
        let open = &state.open[transaction];
        let is_committing = open.writes.is_some();
        let Some(owner) = open.owner.map(usize::from) else {
            if is_committing {
                let step = Step::LateCommit { transaction };
                Scene::step(found, state, step, |state| commit(state, transaction));
            }
            let step = Step::RollBack { transaction };
            Scene::step(found, state, step, |state| drop(state.open.remove(transaction)));
            return;
        };
        if is_committing {
            Scene::step(found, state, Step::Commit { transaction }, |state| {
                commit(state, transaction);
                if let Doing::Writing(attempt) = state.instances[owner].doing.clone() {
                    conclude(state, owner, &attempt);
                }
            });
            Scene::fault(found, state, CUTS, Step::CommitUnheard { transaction }, |state| {
                commit(state, transaction);
                lose_connection(state, owner, true);
            });
        }
        Scene::fault(found, state, CUTS, Step::Cut { transaction }, |state| {
            lose_connection(state, owner, is_committing);
        });
    }
}

fn commit(state: &mut State, transaction: usize) {
    let done = state.open.remove(transaction);
    for claim in done.claims {
        state.stored.checkpoints[usize::from(claim.partition)].next = claim.through;
    }
    for (subject, written) in done.writes.unwrap_or_default() {
        let stored = &mut state.stored.subjects[usize::from(subject)];
        *stored = super::state::Subject { asked: stored.asked, ..written };
    }
}

/// The owner hears no more of its transaction: it tries the same batch again, once it knows that it must.
fn lose_connection(state: &mut State, owner: usize, is_committing: bool) {
    disown(state, owner);
    let doing = &mut state.instances[owner].doing;
    if let Doing::Writing(attempt) = std::mem::take(doing) {
        *doing = match is_committing {
            true => Doing::Settling(attempt),
            false => Doing::Has(attempt.batch),
        };
    }
}
