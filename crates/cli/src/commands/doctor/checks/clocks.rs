//! Whether the clocks of this machine, Postgres and Kafka agree.
//!
//! Kafka tells its time only to who appends, and a check appends nothing. But it has stamped what went through the
//! outbox, between two moments of Postgres: when the row was queued, and when its acknowledgement was stored. So what
//! Kafka's clock is ahead or behind by shows in the latest rows. Without any, the index of events still shows a clock
//! that is ahead.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::commands::doctor::finding::{Finding, Findings};

pub const NAME: &str = "clocks";
const QUERY: &str = include_str!("../sql/clocks.sql");
/// Seconds that nobody minds, and seconds that make lags and times wrong.
const SKEW_WARNING: f64 = 1.0;
const SKEW_ERROR: f64 = 30.0;
/// How often Postgres is asked for the time.
const TRIES: usize = 3;
const ADVICE: &str = "let NTP keep the time on every machine (chronyc tracking, timedatectl)";

pub async fn check(pool: &PgPool) -> Findings {
    let skew = skew_of_postgres(pool).await.context("postgres does not tell the time")?;
    let (ahead, behind): (Option<f64>, Option<f64>) =
        sqlx::query_as(QUERY).fetch_one(pool).await.context("the times of records cannot be read")?;
    let kafka = match (ahead, behind) {
        (None, None) => Finding::ok(NAME, "kafka: no record shows its time yet"),
        (ahead, behind) => {
            let (ahead, behind) = (ahead.unwrap_or(0.0), behind.unwrap_or(0.0));
            judge("kafka", "postgres", if behind > ahead { -behind } else { ahead.max(0.0) })
        }
    };
    Ok(vec![judge("postgres", "this machine", skew), kafka])
}

/// Seconds by which Postgres is ahead of this machine, by the quickest of some answers.
async fn skew_of_postgres(pool: &PgPool) -> Result<f64, sqlx::Error> {
    let mut connection = pool.acquire().await?;
    let mut quickest: Option<(Duration, f64)> = None;
    for _ in 0..TRIES {
        let (before, asked) = (Utc::now(), Instant::now());
        let query = sqlx::query_scalar("SELECT clock_timestamp()");
        let told: DateTime<Utc> = query.fetch_one(&mut *connection).await?;
        let took = asked.elapsed();
        if quickest.is_none_or(|(quickest, _)| took < quickest) {
            quickest = Some((took, (told - (before + took / 2)).as_seconds_f64()));
        }
    }
    Ok(quickest.map_or(0.0, |(_, skew)| skew))
}

/// `skew`: seconds by which the first is ahead of the second.
fn judge(first: &str, second: &str, skew: f64) -> Finding {
    let direction = if skew < 0.0 { "behind" } else { "ahead of" };
    let found = format!("{first} is {:.3} s {direction} {second}", skew.abs());
    match skew.abs() {
        SKEW_ERROR.. => Finding::error(NAME, found, ADVICE),
        SKEW_WARNING.. => Finding::warning(NAME, found, ADVICE),
        _ => Finding::ok(NAME, format!("{first} and {second} agree ({:.3} s)", skew.abs())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::finding::Level;

    #[test]
    fn a_skew_names_who_is_ahead() {
        for (skew, level, part) in [
            (0.02, Level::Ok, "agree"),
            (-2.0, Level::Warning, "kafka is 2.000 s behind postgres"),
            (45.0, Level::Error, "kafka is 45.000 s ahead of postgres"),
        ] {
            let finding = judge("kafka", "postgres", skew);
            assert_eq!(finding.level, level);
            assert!(finding.found.contains(part), "{}", finding.found);
        }
    }
}
