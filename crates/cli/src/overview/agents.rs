//! What agents are at work on, and how far behind the log they are.

use std::collections::BTreeMap;

use anyhow::Context as _;
use brainops_log::{Cluster, end_frontier};
use brainops_saga::{Cast, Limits, SpentBudget, counts, frontiers, spent};
use serde::Serialize;
use sqlx::PgPool;

use super::tables::table;
use super::units::count;
use crate::context::topic_names;

/// An agent of this program.
#[derive(Debug, Serialize)]
pub struct AgentState {
    pub agent: &'static str,
    /// Version that new sagas begin with.
    pub version: u32,
    /// How many sagas there are, by status.
    pub sagas: BTreeMap<String, i64>,
    /// How many inputs wait for sagas.
    pub kept: i64,
    /// What is spent of its budgets in this hour; empty when it has none.
    pub budgets: Vec<BudgetState>,
    /// Offsets that no saga was given yet; null when the log did not answer, or nobody has followed it yet.
    pub lag_offsets: Option<i64>,
}

/// One budget of an agent.
#[derive(Debug, Serialize)]
pub struct BudgetState {
    /// `actions_per_hour` or `cost_per_hour`.
    pub budget: &'static str,
    /// What is spent in this hour; more than the limit when a person let something pass.
    pub used: i64,
    pub limit: u64,
    /// How many sagas wait for a later hour, whichever budget they wait for.
    pub waiting: i64,
}

fn budgets(limits: Limits, spent: Option<&SpentBudget>) -> Vec<BudgetState> {
    let (actions, cost, waiting) =
        spent.map_or((0, 0, 0), |spent| (spent.actions, spent.cost, spent.waiting));
    let both = [
        ("actions_per_hour", actions, limits.actions_per_hour),
        ("cost_per_hour", cost, limits.cost_per_hour),
    ];
    let state = |(budget, used, limit): (_, _, Option<u64>)| {
        Some(BudgetState { budget, used, limit: limit?, waiting })
    };
    both.into_iter().filter_map(state).collect()
}

/// All agents of this program.
pub async fn agents(pool: &PgPool, cluster: &Cluster, casts: Vec<Cast>) -> anyhow::Result<Vec<AgentState>> {
    let counts = counts(pool).await.context("sagas cannot be counted; was `brainops init` run?")?;
    let (frontiers, spent) = (frontiers(pool).await?, spent(pool).await?);
    let mut all = Vec::new();
    for cast in casts {
        let of_agent = || counts.iter().filter(|one| one.agent == cast.name());
        let topics = topic_names(cluster, &cast.topics())?;
        let ends = end_frontier(cluster, &topics).await.ok();
        let lag = frontiers.get(cast.name()).zip(ends).map(|(next, ends)| {
            ends.iter()
                .map(|(topic, partition, end)| {
                    let next = next.get(topic, partition).map_or(0, |next| next.get());
                    (end.get() - next).max(0)
                })
                .sum()
        });
        all.push(AgentState {
            agent: cast.name(),
            version: cast.newest(),
            sagas: of_agent().map(|one| (one.status.clone(), one.sagas)).collect(),
            kept: of_agent().map(|one| one.kept).sum(),
            budgets: budgets(cast.limits(), spent.iter().find(|one| one.agent == cast.name())),
            lag_offsets: lag,
        });
    }
    Ok(all)
}

/// The agents, one a line.
pub fn agents_table(agents: &[AgentState]) -> String {
    let mut table = table(&["agent", "version", "sagas", "kept", "budget of this hour", "lag"], &[1, 3, 5]);
    for AgentState { agent, version, sagas, kept, budgets, lag_offsets } in agents {
        let sagas: Vec<String> =
            sagas.iter().map(|(status, sagas)| format!("{} {status}", count(*sagas))).collect();
        table.add_row([
            (*agent).to_owned(),
            version.to_string(),
            if sagas.is_empty() { "none".to_owned() } else { sagas.join(", ") },
            count(*kept),
            if budgets.is_empty() { "none".to_owned() } else { budgets_text(budgets) },
            lag_offsets.map_or("unknown".to_owned(), |lag| format!("{} events", count(lag))),
        ]);
    }
    format!("{table}\n")
}

fn budgets_text(budgets: &[BudgetState]) -> String {
    let one = |one: &BudgetState| {
        let what = one.budget.trim_end_matches("_per_hour");
        let limit = i64::try_from(one.limit).unwrap_or(i64::MAX);
        format!("{} of {} {what}", count(one.used), count(limit))
    };
    let mut text = budgets.iter().map(one).collect::<Vec<_>>().join(", ");
    if let Some(one) = budgets.first().filter(|one| one.waiting > 0) {
        text.push_str(&format!(", {} wait", count(one.waiting)));
    }
    text
}
