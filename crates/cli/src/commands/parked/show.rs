//! `brainops parked show`

use brainops_projection::parked_records;
use clap::Args;
use serde::Serialize;

use super::shown::{Record, Subject, records_table, subjects_table};
use super::which::{self, Which};
use crate::context::Context;
use crate::exit::Exit;

/// Shows the records that wait behind a parked subject, read again from the log: types and positions, never payloads.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  brainops parked show leads lead-7\n  brainops parked show leads brainops.lead/3@17 --limit \
                        100 --json\n\nExit code 4 when nothing of that name is parked."
)]
pub struct Arguments {
    #[command(flatten)]
    which: Which,

    /// How many records to show at most, from the first on.
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
}

#[derive(Debug, Serialize)]
struct Answer {
    #[serde(flatten)]
    subject: Subject,
    records: Vec<Record>,
}

pub async fn run(context: &Context, Arguments { which, limit }: &Arguments) -> anyhow::Result<Exit> {
    let parked = match which::one(&context.pool().await?, which).await? {
        Ok(parked) => parked,
        Err(reason) => {
            context.output.talk(&format!("brainops: {reason}"));
            return Ok(Exit::Unknown);
        }
    };
    let (cluster, registry) = (context.cluster()?, context.registry()?);
    let records = parked_records(&cluster, &registry, &parked, usize::from(*limit)).await?;
    let records = records.iter().map(Record::of).collect();
    let answer = Answer { subject: Subject::of(&parked), records };
    context.output.answer(&answer, |Answer { subject, records }| {
        format!("{}\n{}", subjects_table(std::slice::from_ref(subject)), records_table(records))
    })?;
    Ok(Exit::Done)
}
