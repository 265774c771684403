//! What the measurements of replay share: where history is folded, and what a process has used that does it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use brainops_log::ReadOnlyCluster;
use brainops_projection::{Pace, Workshop};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;

use crate::meter::{cpu_seconds, load, memory_kib, own_pid};
use crate::stand::Stand;

/// The name of the bench's read models.
pub(crate) const READ_MODEL: &str = "bench";
/// Partitions that a process works on at a time, as in the platform's defaults.
const AT_ONCE: usize = 2;

/// Where a process folds history; how much of it in memory, if not as much as in the platform's defaults.
pub(crate) async fn workshop(
    stand: &Stand,
    database: &str,
    worker: &str,
    scratch: PathBuf,
    in_memory_mib: Option<usize>,
) -> anyhow::Result<Workshop> {
    Ok(Workshop {
        pool: stand.postgres(database).pool().await?,
        log: ReadOnlyCluster::new(stand.kafka.clone(), stand.log.clone())?,
        registry: stand.registry()?,
        scratch,
        worker: worker.to_owned(),
        at_once: AT_ONCE,
        unknown_schema_patience: Duration::from_secs(60),
        pace: match in_memory_mib {
            Some(mib) => Pace { in_memory_bytes: mib * 1024 * 1024, ..Pace::default() },
            None => Pace::default(),
        },
    })
}

/// What one process has used from its beginning on, and the backends that it sees.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Used {
    pub(crate) cpu_s: f64,
    pub(crate) peak_rss_mib: f64,
    /// CPU seconds of each backend of the platform, by its process.
    pub(crate) backends: BTreeMap<i32, f64>,
}

impl Used {
    /// What this process has used, with the backends that serve the platform in its database.
    pub(crate) async fn here(pool: &PgPool) -> anyhow::Result<Self> {
        let sql = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'brainops'";
        let pids: Vec<i32> = sqlx::query_scalar(sql).fetch_all(pool).await?;
        Ok(Self {
            cpu_s: cpu_seconds(own_pid()),
            peak_rss_mib: memory_kib(own_pid(), "VmHWM") as f64 / 1024.0,
            backends: pids.into_iter().map(|pid| (pid, cpu_seconds(pid))).collect(),
        })
    }

    /// Adds another process; a backend that both see counts once.
    pub(crate) fn add(&mut self, other: Self) {
        self.cpu_s += other.cpu_s;
        self.peak_rss_mib = self.peak_rss_mib.max(other.peak_rss_mib);
        for (pid, seconds) in other.backends {
            let known = self.backends.entry(pid).or_default();
            *known = known.max(seconds);
        }
    }

    /// As figures, beside how long it took and what the broker used.
    pub(crate) fn figures(&self, events: u64, seconds: f64, broker_cpu_s: f64) -> serde_json::Value {
        let backends: f64 = self.backends.values().sum();
        let micros = |used: f64| used * 1e6 / events.max(1) as f64;
        serde_json::json!({
            "events": events,
            "seconds": seconds,
            "events_per_s": events as f64 / seconds,
            "cpu_s": self.cpu_s,
            "backend_cpu_s": backends,
            "broker_cpu_s": broker_cpu_s,
            "cpu_us": micros(self.cpu_s),
            "backend_us": micros(backends),
            "peak_rss_mib": self.peak_rss_mib,
            "load": load(),
        })
    }
}
