//! `brainops projection show`

use brainops_projection::{ServingError, serving};
use clap::Args;
use serde::Serialize;

use crate::context::Context;
use crate::exit::Exit;
use crate::overview::{Model, Place, models_table, one, places, places_table, rows_table};

/// Shows one read model with its tables and each of its partitions.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  brainops projection show leads\n\nExit codes: 3 when it has stopped, 4 when there is none of that \
                        name."
)]
pub struct Arguments {
    /// Its name, such as leads.
    name: String,
}

#[derive(Debug, Serialize)]
struct Answer {
    #[serde(flatten)]
    model: Model,
    partitions: Vec<Place>,
}

pub async fn run(context: &Context, Arguments { name }: &Arguments) -> anyhow::Result<Exit> {
    let (pool, cluster) = (context.pool().await?, context.cluster()?);
    let generation = match serving(&pool, name).await {
        Ok(generation) => generation,
        Err(error @ (ServingError::NotInstalled { .. } | ServingError::Name(_))) => {
            context.output.talk(&format!("brainops: {:#}", anyhow::Error::new(error)));
            return Ok(Exit::Unknown);
        }
        Err(error) => return Err(error.into()),
    };
    let model = one(&pool, &cluster, &generation).await?;
    let partitions = places(&pool, &cluster, &generation).await?;
    let answer = Answer { model, partitions };
    context.output.answer(&answer, |answer| {
        let Answer { model, partitions } = answer;
        format!("{}\n{}\n{}", models_table([model]), rows_table(model), places_table(partitions))
    })?;
    Ok(Exit::of([&answer.model]))
}
