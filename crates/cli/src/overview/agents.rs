//! What agents are at work on, and how far behind the log they are.

use std::collections::BTreeMap;

use anyhow::Context as _;
use brainops_log::{Cluster, end_frontier};
use brainops_saga::{Cast, counts, frontiers};
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
    /// Offsets that no saga was given yet; null when the log did not answer, or nobody has followed it yet.
    pub lag_offsets: Option<i64>,
}

/// All agents of this program.
pub async fn agents(pool: &PgPool, cluster: &Cluster, casts: Vec<Cast>) -> anyhow::Result<Vec<AgentState>> {
    let counts = counts(pool).await.context("sagas cannot be counted; was `brainops init` run?")?;
    let frontiers = frontiers(pool).await?;
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
            lag_offsets: lag,
        });
    }
    Ok(all)
}

/// The agents, one a line.
pub fn agents_table(agents: &[AgentState]) -> String {
    let mut table = table(&["agent", "version", "sagas", "kept", "lag"], &[1, 3, 4]);
    for AgentState { agent, version, sagas, kept, lag_offsets } in agents {
        let sagas: Vec<String> =
            sagas.iter().map(|(status, sagas)| format!("{} {status}", count(*sagas))).collect();
        table.add_row([
            (*agent).to_owned(),
            version.to_string(),
            if sagas.is_empty() { "none".to_owned() } else { sagas.join(", ") },
            count(*kept),
            lag_offsets.map_or("unknown".to_owned(), |lag| format!("{} events", count(lag))),
        ]);
    }
    format!("{table}\n")
}
