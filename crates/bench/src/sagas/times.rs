//! What a run came to, ours and the peer's alike.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::said::percentile;

/// The part of a run that is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub(crate) beginning: Instant,
    pub(crate) end: Instant,
}

impl Window {
    /// After a warming up.
    pub(crate) fn after(warm: Duration, measured: Duration) -> Self {
        let beginning = Instant::now() + warm;
        Self { beginning, end: beginning + measured }
    }
}

/// Sagas that ended within a window: how many, and how long each took from its beginning.
#[derive(Debug, Default)]
pub(crate) struct Times(Vec<f64>);

impl Times {
    /// Notes a saga that has ended now.
    pub(crate) fn note(&mut self, window: &Window, began: Instant) {
        let now = Instant::now();
        if now > window.beginning && now <= window.end {
            self.0.push(now.duration_since(began).as_secs_f64() * 1000.0);
        }
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Figures of a run; CPU is that of all processes that take part, whoever drives them left out.
    pub(crate) fn figures(mut self, window: &Window, cpu_s: f64) -> Value {
        self.0.sort_by(f64::total_cmp);
        let seconds = window.end.duration_since(window.beginning).as_secs_f64();
        json!({
            "events": self.0.len(), "seconds": seconds, "events_per_s": self.0.len() as f64 / seconds,
            "p50_ms": percentile(&self.0, 0.5), "p99_ms": percentile(&self.0, 0.99),
            "cpu_us": cpu_s * 1e6 / self.0.len().max(1) as f64, "load": crate::meter::load(),
        })
    }
}
