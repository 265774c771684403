//! The role `replay`: folds history that somebody has asked for (rebuilds, past moments), and drops past moments whose
//! time is over.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Context as _;
use brainops_projection::{
    AnyReadModel, Generation, RebuildError, Workshop, to_be_worked_on, withdraw_expired,
};
use tokio::task::JoinSet;

use super::{Role, Stop};
use crate::context::Context;
use crate::read_models;

/// How often is looked what there is to do.
const LOOK: Duration = Duration::from_secs(1);
/// How often past moments are looked through.
const LOOKS_PER_SWEEP: u32 = 60;

/// Begins to look for work.
pub async fn start_replay(
    tasks: &mut JoinSet<anyhow::Result<()>>,
    context: &Context,
    stop: &Stop,
) -> anyhow::Result<()> {
    let shop = context.workshop().await.context("history cannot be folded")?;
    let stop = stop.clone();
    tasks.spawn(async move {
        work(shop, stop).await;
        Ok(())
    });
    Ok(())
}

async fn work(shop: Workshop, stop: Stop) {
    let models = read_models::all();
    let mut at_work = JoinSet::new();
    let mut begun: BTreeSet<String> = BTreeSet::new();
    for look in 0_u32.. {
        if look.is_multiple_of(LOOKS_PER_SWEEP)
            && let Err(error) = withdraw_expired(&shop.pool).await
        {
            tracing::warn!(error = %brainops_event::error_chain(&error), "past moments whose time is over are still there");
        }
        for model in &models {
            for generation in waiting(&**model, &shop).await {
                if begun.insert(generation.schema()) {
                    at_work.spawn(one(
                        model.work_on_rebuild(shop.clone(), generation.clone(), stop.clone()),
                        generation,
                    ));
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(LOOK) => {}
        }
        while let Some(ended) = at_work.try_join_next() {
            if let Ok(schema) = ended {
                begun.remove(&schema);
            }
        }
    }
    while at_work.join_next().await.is_some() {}
}

/// What is to be worked on; nothing while the database cannot say.
async fn waiting(model: &dyn AnyReadModel, shop: &Workshop) -> Vec<Generation> {
    match to_be_worked_on(&shop.pool, model.name(), model.fold_version()).await {
        Ok(generations) => generations,
        Err(error) => {
            tracing::warn!(%error, projector.name = model.name(), role = Role::Replay.name(), "it cannot be seen what is to be folded; trying again");
            Vec::new()
        }
    }
}

async fn one(working: impl Future<Output = Result<(), RebuildError>>, generation: Generation) -> String {
    let (name, schema) = (generation.read_model.to_string(), generation.schema());
    match working.await {
        Ok(()) => tracing::info!(projector.name = name, schema, "history is folded"),
        Err(RebuildError::ShutDown | RebuildError::Paused { .. } | RebuildError::Ended { .. }) => {}
        Err(error) => {
            tracing::error!(projector.name = name, schema, error = %brainops_event::error_chain(&error), "history cannot be folded");
        }
    }
    schema
}
