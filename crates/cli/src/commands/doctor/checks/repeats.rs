//! Events that were counted more than once.

use anyhow::Context as _;
use sqlx::{PgPool, Row as _};

use crate::commands::doctor::finding::{Finding, Findings};

pub const NAME: &str = "repeats";
const COUNT: &str = include_str!("../../../../../../projections/events/queries/repeat_count.sql");
/// Below the limit of a check, so that the server stops too.
const SETTINGS: &str = "SET LOCAL statement_timeout = '6s'; SET LOCAL enable_partitionwise_aggregate = on";
const CANCELED: &str = "57014";

pub async fn check(pool: &PgPool) -> Findings {
    let advice = "SELECT * FROM events.repeat: its sources say events again beyond 65,536 offsets, or under other subjects; \
                  let them keep one subject for each id";
    let mut transaction = pool.begin().await.context("repeats cannot be counted")?;
    sqlx::raw_sql(SETTINGS).execute(&mut *transaction).await.context("repeats cannot be counted")?;
    let counted = sqlx::query(COUNT).fetch_one(&mut *transaction).await;
    let row = match counted {
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(CANCELED) => {
            let advice = "SELECT count(*) FROM events.repeat, when there is time for it";
            return Ok(vec![Finding::unknown(NAME, "too many events to count repeats in 6 s", advice)]);
        }
        counted => counted.context("repeats cannot be counted")?,
    };
    let (events, too_many): (i64, i64) = (row.try_get("events")?, row.try_get("times_too_many")?);
    Ok(vec![match events {
        0 => Finding::ok(NAME, "every event was counted once"),
        _ => {
            let found =
                format!("{events} events were counted more than once, {too_many} times too many in all");
            Finding::warning(NAME, found, advice)
        }
    }])
}
