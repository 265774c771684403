//! `brainops projection verify`

use brainops_projection::{CompareLimits, Verification};
use clap::Args;

use super::compared;
use crate::context::Context;
use crate::exit::Exit;
use crate::read_models;
use crate::replaying::until_interrupted;

/// Folds the log anew, up to where the generation that serves stands, and holds its rows against that, byte for byte.
///
/// What serves never stops. The digests that are printed can be made by anybody with the statements that --json names.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  brainops projection verify leads\n\nExit codes: 0 when every row is what the log says, 1 when one is not: then \
                  the rows are listed with the events behind\nthem; 4 when there is no such read model."
)]
pub struct Arguments {
    /// The read model, such as leads.
    name: String,

    /// How many rows that differ are shown of each table.
    #[arg(long, value_name = "N", default_value_t = 20)]
    rows: usize,
}

pub async fn run(context: &Context, Arguments { name, rows }: Arguments) -> anyhow::Result<Exit> {
    let model = match read_models::named(&name) {
        Ok(model) => model,
        Err(unknown) => {
            context.output.talk(&format!("brainops: {unknown}"));
            return Ok(Exit::Unknown);
        }
    };
    let (shop, stop) = (context.workshop().await?, until_interrupted()?);
    let verified = model.verify(&shop, CompareLimits { rows }, &stop).await?;
    context.output.answer(&verified, text)?;
    Ok(if verified.is_proven() { Exit::Done } else { Exit::Failed })
}

fn text(verified: &Verification) -> String {
    let verdict = match (verified.is_proven(), verified.is_deterministic) {
        (true, _) => "proven: every row is what the log says",
        (false, Some(false)) => {
            "not proven, and the fold is at fault: folding the log twice gave different rows"
        }
        (false, _) => "not proven: what serves (left) is not what the log says (right)",
    };
    format!("{}{verdict}\n", compared::text(&verified.comparison))
}
