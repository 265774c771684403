//! What read models have set aside.

use anyhow::Context as _;
use brainops_projection::{ParkedSubject, parked};
use chrono::Utc;
use sqlx::PgPool;

use crate::commands::doctor::finding::{Finding, Findings};
use crate::overview::duration;

pub const NAME: &str = "parked";

pub async fn check(pool: &PgPool) -> Findings {
    let all = parked(pool, None).await.context("parked subjects cannot be listed")?;
    let mut findings: Vec<Finding> = Vec::new();
    let mut rest = all.as_slice();
    while let Some(first) = rest.first() {
        let (of_model, others) =
            rest.split_at(rest.partition_point(|one| one.read_model == first.read_model));
        findings.push(of(of_model, first));
        rest = others;
    }
    if findings.is_empty() {
        findings.push(Finding::ok(NAME, "nothing is set aside"));
    }
    Ok(findings)
}

fn of(parked: &[ParkedSubject], first: &ParkedSubject) -> Finding {
    let name = &first.read_model;
    let oldest = parked.iter().min_by_key(|one| one.parked_at).unwrap_or(first);
    let held: u64 = parked.iter().map(|one| one.held).sum();
    let age = duration((Utc::now() - oldest.parked_at).as_seconds_f64().max(0.0));
    let found = format!(
        "{name} holds {held} records of {} subjects back, the oldest at {} for {age}: {}",
        parked.len(),
        oldest.first,
        oldest.reason
    );
    let advice = format!("brainops parked list {name}; then `brainops parked try`, and `retry` or `dismiss`");
    Finding::warning(NAME, found, advice)
}
