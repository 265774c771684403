//! What processes have used, as the kernel tells it in `/proc`.

use std::time::Instant;

/// Ticks per second of the times in `/proc/PID/stat`; Linux shows them so to everyone.
const TICKS: f64 = 100.0;

/// CPU seconds of a process with all its threads, user and system; 0 when it is gone.
pub(crate) fn cpu_seconds(pid: i32) -> f64 {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return 0.0 };
    // The name of the program stands in brackets and may hold blanks.
    let Some((_, fields)) = stat.rsplit_once(')') else { return 0.0 };
    let ticks =
        |index: usize| fields.split_whitespace().nth(index).and_then(|field| field.parse::<f64>().ok());
    (ticks(11).unwrap_or(0.0) + ticks(12).unwrap_or(0.0)) / TICKS
}

/// Memory of a process in KiB: `VmRSS` now, `VmHWM` at its highest.
pub(crate) fn memory_kib(pid: i32, line: &str) -> u64 {
    let Ok(status) = std::fs::read_to_string(format!("/proc/{pid}/status")) else { return 0 };
    let found = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'));
    found.and_then(|value| value.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// The one-minute load of the machine.
pub(crate) fn load() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0.0)
}

/// This process.
pub(crate) fn own_pid() -> i32 {
    i32::try_from(std::process::id()).unwrap_or_default()
}

/// CPU seconds of the three parties at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    at: Instant,
    process: f64,
    backends: f64,
    broker: f64,
}

/// Whose CPU is read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meter {
    pub(crate) process: i32,
    pub(crate) backends: Vec<i32>,
    pub(crate) broker: i32,
}

impl Meter {
    pub(crate) fn read(&self) -> Reading {
        Reading {
            at: Instant::now(),
            process: cpu_seconds(self.process),
            backends: self.backends.iter().map(|pid| cpu_seconds(*pid)).sum(),
            broker: if self.broker == 0 { 0.0 } else { cpu_seconds(self.broker) },
        }
    }

    /// What was used since a reading, for so many events, as figures.
    pub(crate) fn since(&self, from: &Reading, to: &Reading, events: u64) -> serde_json::Value {
        let seconds = to.at.duration_since(from.at).as_secs_f64();
        let micros = |used: f64| used * 1e6 / events.max(1) as f64;
        serde_json::json!({
            "events": events,
            "seconds": seconds,
            "events_per_s": events as f64 / seconds,
            "cpu_s": to.process - from.process,
            "backend_cpu_s": to.backends - from.backends,
            "broker_cpu_s": to.broker - from.broker,
            "cpu_us": micros(to.process - from.process),
            "backend_us": micros(to.backends - from.backends),
            "peak_rss_mib": memory_kib(self.process, "VmHWM") as f64 / 1024.0,
            "load": load(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_uses_time() {
        assert!(memory_kib(own_pid(), "VmRSS") > 100);
        assert!(memory_kib(own_pid(), "VmHWM") >= memory_kib(own_pid(), "VmRSS") / 2);
        let (began, from) = (Instant::now(), cpu_seconds(own_pid()));
        while began.elapsed().as_millis() < 200 {
            std::hint::black_box(memory_kib(1, "VmRSS"));
        }
        let used = cpu_seconds(own_pid()) - from;
        assert!(used > 0.0 && used < 60.0, "{used}");
        assert_eq!(cpu_seconds(-1), 0.0);
    }
}
