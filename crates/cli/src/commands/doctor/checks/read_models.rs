//! Whether every read model is followed, how far behind it is, and why it stands if it does.

use anyhow::Context as _;
use brainops_projection::{ModelName, Pause, paused};
use sqlx::{AssertSqlSafe, PgPool};

use crate::commands::doctor::finding::{Finding, Findings};
use crate::overview::duration;

pub const NAME: &str = "read models";
const QUERY: &str = include_str!("../sql/read_model.sql");
const NAMES: &str = "SELECT read_model FROM brainops.generation WHERE state = 'serving' ORDER BY read_model";
/// A lag is normal for as long, in seconds.
const LAG_WARNING: f64 = 60.0;
const LAG_ERROR: f64 = 3600.0;

#[derive(Debug, sqlx::FromRow)]
struct State {
    partitions: i64,
    followed: i64,
    lag_offsets: i64,
    lag_seconds: f64,
    stops: Vec<String>,
}

pub async fn check(pool: &PgPool) -> Findings {
    let names: Vec<String> =
        sqlx::query_scalar(NAMES).fetch_all(pool).await.context("read models cannot be listed")?;
    let pauses = paused(pool, None).await.context("pauses cannot be listed")?;
    let mut findings = Vec::new();
    for name in &names {
        let schema = ModelName::new(name)?; // plain letters, digits and underscores
        let query = QUERY.replace("{schema}", schema.as_str());
        let state: State = sqlx::query_as(AssertSqlSafe(query))
            .fetch_one(pool)
            .await
            .with_context(|| format!("the progress of {name} cannot be read"))?;
        let pause = pauses.iter().find(|pause| pause.read_model.as_str() == name);
        findings.extend(of_model(name, &state, pause));
    }
    Ok(findings)
}

fn of_model(name: &str, state: &State, pause: Option<&Pause>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(pause) = pause {
        let since = pause.paused_at.format("%Y-%m-%d %H:%M:%S UTC");
        let found = format!("{name} has paused itself since {since}: {}", pause.reason);
        let advice = format!(
            "see `brainops parked list {name}`; when the cause is gone: brainops projection resume {name} --reason '...'"
        );
        findings.push(Finding::error(NAME, found, advice));
    }
    for stop in state.stops.iter().filter(|stop| pause.is_none() || !stop.starts_with("Paused")) {
        findings.push(Finding::error(NAME, format!("{name} has stopped: {stop}"), remedy(name, stop)));
    }
    if !findings.is_empty() {
        return findings;
    }
    let lag = format!("{} offsets, {}", state.lag_offsets, duration(state.lag_seconds));
    vec![if state.followed < state.partitions || state.partitions == 0 {
        let found = format!("{name}: {} of {} partitions are followed", state.followed, state.partitions);
        Finding::warning(NAME, found, "brainops serve --roles projectors")
    } else if state.lag_seconds > LAG_WARNING {
        let found = format!("{name} is behind: {lag}");
        let advice = "it catches up by itself; if the lag grows, see its log, `brainops projection show`, and start more \
                      instances of `brainops serve --roles projectors`";
        match state.lag_seconds > LAG_ERROR {
            true => Finding::error(NAME, found, advice),
            false => Finding::warning(NAME, found, advice),
        }
    } else {
        Finding::ok(NAME, format!("{name}: {} partitions are followed, lag {lag}", state.partitions))
    }]
}

/// What to do about a class of stop.
fn remedy(name: &str, stop: &str) -> String {
    let class = stop.split(' ').next().unwrap_or_default();
    match class {
        "TopicReplaced" | "RecordChanged" => format!(
            "the log is not the one that {name} was folded from: bring that log back; on a local installation, `make reset` \
             begins anew and destroys its log"
        ),
        "RetentionPassed" => format!(
            "history was deleted before {name} read it: set retention.ms=-1 on the topic and bring the log back from a copy"
        ),
        _ => format!(
            "the log of `brainops serve` says more; after the cause is gone start it again (`brainops projection show {name}`)"
        ),
    }
}
