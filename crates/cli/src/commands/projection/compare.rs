//! `brainops projection compare`

use brainops_projection::{CompareLimits, FindError, Side, compare, find_generation};
use clap::Args;

use super::compared::text;
use super::deciding::or_not_found;
use crate::context::Context;
use crate::exit::Exit;

/// Compares the rows of two generations of a read model that stand at the same frontier.
///
/// Every row of every table is compared, and a digest of each table is made on both sides. Subjects that only one side
/// has parked are listed apart.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  brainops projection compare leads --left 2 --right 3 --rows 50\n\nExit codes: 1 when they cannot be \
                        compared, such as at different frontiers, 3 when they differ, 4 when there\nis no such read model or \
                        generation."
)]
pub struct Arguments {
    /// Name of the read model, such as leads.
    name: String,

    /// Number of the generation on the left.
    #[arg(long, value_name = "N")]
    left: i32,

    /// Number of the generation on the right.
    #[arg(long, value_name = "N")]
    right: i32,

    /// How many rows that differ to show of each table; all are counted.
    #[arg(long, value_name = "ROWS", default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    rows: u32,
}

pub async fn run(
    context: &Context,
    Arguments { name, left, right, rows }: &Arguments,
) -> anyhow::Result<Exit> {
    let pool = context.pool().await?;
    let found = async {
        Ok::<_, FindError>((
            find_generation(&pool, name, *left).await?,
            find_generation(&pool, name, *right).await?,
        ))
    };
    let (left, right) = match found.await {
        Ok(found) => found,
        Err(error) => return or_not_found(context.output, error),
    };
    let mut left = Side::open(&pool, &left.generation).await?;
    let mut right = Side::open(&pool, &right.generation).await?;
    let limits = CompareLimits { rows: usize::try_from(*rows)? };
    let compared = compare(&mut left, &mut right, limits).await?;
    left.close().await?;
    right.close().await?;
    context.output.answer(&compared, text)?;
    Ok(if compared.is_equal() { Exit::Done } else { Exit::Differs })
}
