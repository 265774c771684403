//! Wall time beside CPU time, and what many rounds come to.
use std::time::{Duration, Instant};

/// Ticks of `/proc/self/stat` in a second, on every Linux that we know.
const TICKS: f64 = 100.0;

/// What something took.
#[derive(Debug, Clone, Copy)]
pub struct Took {
    pub wall: Duration,
    /// Of the whole process.
    pub cpu: f64,
}

pub struct Clock {
    began: Instant,
    cpu: f64,
}

impl Clock {
    pub fn start() -> Clock {
        Clock { cpu: cpu_seconds(), began: Instant::now() }
    }

    pub fn stop(self) -> Took {
        Took { wall: self.began.elapsed(), cpu: cpu_seconds() - self.cpu }
    }
}

impl Took {
    pub fn per_second(&self, events: u64) -> f64 {
        events as f64 / self.wall.as_secs_f64()
    }

    /// Microseconds of CPU for one event.
    pub fn cpu_each(&self, events: u64) -> f64 {
        self.cpu * 1e6 / events as f64
    }
}

/// Minimum, median and maximum.
pub fn spread(mut values: Vec<f64>) -> String {
    values.sort_by(f64::total_cmp);
    let (Some(least), Some(most)) = (values.first(), values.last()) else { return "nothing".to_owned() };
    format!("min {least:.3}  median {:.3}  max {most:.3}", values[values.len() / 2])
}

/// A quantile of sorted values.
pub fn quantile(sorted: &[f64], which: f64) -> f64 {
    let index = ((sorted.len() as f64 - 1.0) * which).round();
    sorted.get(index as usize).copied().unwrap_or(f64::NAN)
}

fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let (_, fields) = stat.rsplit_once(')').expect("a name in parentheses");
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |index: usize| -> f64 { fields[index].parse().expect("a number") };
    (ticks(11) + ticks(12)) / TICKS
}

/// A figure of `/proc/self/status`, in MiB.
pub fn status_mib(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with(name)).expect("the figure");
    let kib: f64 = line.split_whitespace().nth(1).and_then(|text| text.parse().ok()).expect("a number");
    kib / 1024.0
}
