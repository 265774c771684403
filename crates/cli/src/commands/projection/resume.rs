//! `brainops projection resume`

use brainops_projection::{Decide, ServingError, decision_event, paused, serving};
use clap::Args;

use crate::commands::parked::{Deciding, decide};
use crate::context::Context;
use crate::exit::Exit;

/// Lets a read model go on that has paused itself because it parked too many subjects.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  brainops projection resume leads --by kim --reason 'the fold is mended in 0.2.1'\n\nExit \
                        codes: 1 when the decision came too late, 3 when nobody has carried it out in time, 4 when\nthere is \
                        no read model of that name or it is not paused."
)]
pub struct Arguments {
    /// Its name, such as leads.
    name: String,

    /// Why, without personal data.
    #[arg(long, value_name = "TEXT")]
    reason: String,

    #[command(flatten)]
    deciding: Deciding,
}

pub async fn run(
    context: &Context,
    Arguments { name, reason, deciding }: &Arguments,
) -> anyhow::Result<Exit> {
    let by = deciding.by()?;
    let pool = context.pool().await?;
    let unknown = |reason: String| {
        context.output.talk(&format!("brainops: {reason}"));
        Ok(Exit::Unknown)
    };
    match serving(&pool, name).await {
        Ok(_) => {}
        Err(error @ (ServingError::NotInstalled { .. } | ServingError::Name(_))) => {
            return unknown(brainops_event::error_chain(&error));
        }
        Err(error) => return Err(error.into()),
    }
    let pauses = paused(&pool, Some(name)).await?;
    let Some(pause) = pauses.first() else { return unknown(format!("{name} is not paused")) };
    let decision =
        (format!("{name}, pause {}", pause.number), decision_event(Decide::Resume(pause), &by, reason)?);
    decide(context, deciding, name, vec![decision]).await
}
