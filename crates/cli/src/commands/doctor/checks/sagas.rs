//! Whether agents are at work, and what waits for people.

use anyhow::Context as _;
use brainops_saga::{Filter, ListedSaga, list, stopped};
use chrono::{TimeDelta, Utc};
use sqlx::PgPool;

use crate::commands::doctor::finding::{Finding, Findings};
use crate::overview::duration;

pub const NAME: &str = "sagas";
/// After so many days of waiting somebody should look.
const LONG: TimeDelta = TimeDelta::days(30);
/// A timer that is due fires within a second when all is well.
const OVERDUE_WARNING_S: f64 = 10.0;

pub async fn check(pool: &PgPool) -> Findings {
    let mut findings = Vec::new();
    // Asked for apart: many of the one kind must not hide those of the other.
    let parked = |over_budget| Filter {
        status: Some("parked"),
        over_budget: Some(over_budget),
        limit: 1_000,
        ..Filter::default()
    };
    let over = list(pool, parked(true)).await.context("sagas cannot be listed; was `brainops init` run?")?;
    let parked = list(pool, parked(false)).await.context("sagas cannot be listed")?;
    if let Some(first) = over.first() {
        let found = format!(
            "{}sagas wait for the next hour of their agent's budget, such as {}",
            count(&over),
            name(first)
        );
        let advice = "they go on by themselves; if it is too little, raise it: agents.<name>.budget in the configuration";
        findings.push(Finding::warning(NAME, found, advice));
    }
    if let Some(first) = parked.first() {
        let found = format!("{}sagas stand at an input, such as {}", count(&parked), name(first));
        let advice =
            "brainops saga list --status parked; then `brainops saga show`, and `retry` or `retry --skip`";
        findings.push(Finding::warning(NAME, found, advice));
    }
    let long = Filter { since_before: Some(Utc::now() - LONG), limit: 1_000, ..Filter::default() };
    let waiting = list(pool, long).await.context("sagas cannot be listed")?;
    let waiting: Vec<ListedSaga> =
        waiting.into_iter().filter(|one| one.saga.book.timers.is_empty()).collect();
    if let Some(first) = waiting.first() {
        let days = LONG.num_days();
        let found = format!(
            "{}sagas have waited for more than {days} days without a timer, such as {}",
            count(&waiting),
            name(first)
        );
        findings.push(Finding::warning(
            NAME,
            found,
            "brainops saga list --stuck; what they wait for may never come",
        ));
    }
    for stop in stopped(pool).await.context("the stop switch cannot be read")? {
        findings.push(Finding::warning(NAME, stop.to_string(), "brainops start-agents, once it is mended"));
    }
    if let Some(overdue) = overdue(pool).await? {
        let found = format!("a timer is overdue for {}: nobody fires them", duration(overdue));
        findings.push(Finding::error(
            NAME,
            found,
            "brainops serve --roles sagas; its log says what is in the way",
        ));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(NAME, "none stands, none has waited for too long, timers fire"));
    }
    Ok(findings)
}

/// How long the timer that is overdue longest is, in seconds, if that is too long.
async fn overdue(pool: &PgPool) -> anyhow::Result<Option<f64>> {
    let sql = "SELECT extract(epoch FROM brainops.saga_clock() - min(deadline))::double precision \
                 FROM brainops.saga_timer AS timer \
                WHERE NOT EXISTS (SELECT FROM brainops.saga_switch AS switch \
                                   WHERE switch.is_stopped AND switch.agent IN ('*', timer.agent))";
    let overdue: Option<f64> =
        sqlx::query_scalar(sql).fetch_one(pool).await.context("timers cannot be read")?;
    Ok(overdue.filter(|overdue| *overdue > OVERDUE_WARNING_S))
}

fn count(all: &[ListedSaga]) -> String {
    match all.len() {
        1_000.. => "1,000 or more ".to_owned(),
        number => format!("{number} "),
    }
}

fn name(one: &ListedSaga) -> String {
    format!("{} {}", one.agent, one.saga.correlation)
}
