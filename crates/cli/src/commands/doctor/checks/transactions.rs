//! Transactions that stand, and who waits behind them: they hold locks, and keep dead rows from being cleared away.

use anyhow::Context as _;
use sqlx::PgPool;

use crate::commands::doctor::finding::{Finding, Findings};

pub const NAME: &str = "transactions";
const QUERY: &str = include_str!("../sql/old_transactions.sql");

#[derive(Debug, sqlx::FromRow)]
struct Old {
    who: String,
    state: String,
    seconds: f64,
    end_it: String,
}

pub async fn check(pool: &PgPool) -> Findings {
    let old: Vec<Old> =
        sqlx::query_as(QUERY).fetch_all(pool).await.context("transactions cannot be listed")?;
    let finding = |old: &Old| {
        let found = format!("{} stands {} for {:.0} s", old.who, old.state, old.seconds);
        Finding::warning(NAME, found, format!("see what it does; to end it: {}", old.end_it))
    };
    if old.is_empty() {
        return Ok(vec![Finding::ok(NAME, "none stands for more than 30 s")]);
    }
    Ok(old.iter().map(finding).collect())
}
