//! Takes partitions over for a generation, and names who is in the way; see `brainops-checkpoint`.

use std::collections::BTreeMap;

pub(crate) use brainops_checkpoint::LOOK_AFTER;
use brainops_checkpoint::{Blocker, blockers};
use brainops_fault::point;
use metrics::counter;
use sqlx::PgPool;

use crate::checkpoint::{Asked, Checkpoint, Place, keeper};
use crate::generation::{Generation, ModelName};
use crate::metrics as names;

/// Takes partitions over: from here on, nobody else's epoch is good.
pub(crate) async fn take_over(
    pool: &PgPool,
    generation: &Generation,
    asked: &[Asked],
) -> Result<BTreeMap<Place, Checkpoint>, sqlx::Error> {
    let told = |blockers| tell(&generation.read_model, blockers);
    let checkpoints = brainops_checkpoint::take_over(pool, &keeper(generation), asked, told).await?;
    point("projection.taken_over");
    Ok(checkpoints)
}

/// Ends what is stuck of ours, and names whoever else is in the way.
pub(crate) async fn clear_the_way(pool: &PgPool, generation: &Generation, pid: i32) {
    tell(&generation.read_model, blockers(pool, &keeper(generation), pid).await);
}

fn tell(read_model: &ModelName, blockers: Result<Vec<Blocker>, sqlx::Error>) {
    let blockers = match blockers {
        Ok(blockers) => blockers,
        Err(error) => {
            tracing::warn!(projector.name = %read_model, error = %error, "it cannot be seen who is in the way of a takeover");
            return;
        }
    };
    for Blocker { pid, application, user, state, held_s, ended } in blockers {
        if ended {
            counter!(names::BACKENDS_ENDED_TOTAL, "read_model" => read_model.to_string()).increment(1);
            tracing::warn!(
                projector.name = %read_model, pid, application, user, state, held_s,
                "ended the transaction of a former owner, which held checkpoints for too long"
            );
        } else {
            tracing::warn!(
                projector.name = %read_model, pid, application, user, state, held_s,
                "somebody else holds checkpoints that are to be taken over; waiting for them"
            );
        }
    }
}
