//! `brainops parked show`

use brainops_projection::{ShowPayload, parked_records};
use clap::Args;
use serde::Serialize;

use super::shown::{Record, Subject, payloads_text, records_table, subjects_table};
use super::which::{self, Which};
use crate::context::Context;
use crate::exit::Exit;

/// Shows the records that wait behind a parked subject, read again from the log: types, positions, and what a reader makes
/// of them.
///
/// What they hold is shown only with --data or --raw. Personal text is sealed there, and stays so.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  brainops parked show leads lead-7\n  brainops parked show leads brainops.lead/3@17 --limit \
                        100 --json\n  brainops parked show leads lead-7 --limit 1 --data\n\nExit code 4 when nothing of that name is parked."
)]
pub struct Arguments {
    #[command(flatten)]
    which: Which,

    /// How many records to show at most, from the first on.
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,

    /// Also what the events say, as JSON by the schema that wrote them; bytes where that does not work.
    #[arg(long)]
    data: bool,

    /// Also the bytes of each record, of its key, headers and value: at most the first 4,096 of each.
    #[arg(long, conflicts_with = "data")]
    raw: bool,
}

#[derive(Debug, Serialize)]
struct Answer {
    #[serde(flatten)]
    subject: Subject,
    records: Vec<Record>,
}

pub async fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let Arguments { which, limit, data, raw } = arguments;
    let parked = match which::one(&context.pool().await?, which).await? {
        Ok(parked) => parked,
        Err(reason) => {
            context.output.talk(&format!("brainops: {reason}"));
            return Ok(Exit::Unknown);
        }
    };
    let show = match (data, raw) {
        (true, _) => ShowPayload::Decoded,
        (false, true) => ShowPayload::Bytes,
        (false, false) => ShowPayload::No,
    };
    let (cluster, registry) = (context.cluster()?, context.registry()?);
    let records = parked_records(&cluster, &registry, &parked, usize::from(*limit), show).await?;
    let records = records.iter().map(Record::of).collect();
    let answer = Answer { subject: Subject::of(&parked), records };
    context.output.answer(&answer, |Answer { subject, records }| {
        let subject = subjects_table(std::slice::from_ref(subject));
        format!("{subject}\n{}{}", records_table(records), payloads_text(records))
    })?;
    Ok(Exit::Done)
}
