//! Many sagas that wait: what they cost in memory, and how late a timer that is due fires among them.

use std::time::{Duration, Instant};

use brainops_event::TypedEvent as _;
use brainops_event::types::saga::SagaTimerFired;
use brainops_log::Item;
use clap::Args;
use serde_json::json;

use super::words::{AGENT, Begin, begin};
use super::world::{LIMIT, World, end_agents, pid_of, start_agents};
use crate::meter::{load, memory_kib};
use crate::said::percentile;
use crate::stand::report;

/// A wait that no run sees the end of: 60 days.
const LONG_MS: i64 = 60 * 24 * 60 * 60 * 1000;
/// A wait that begins soon after: three seconds.
const SHORT_MS: i64 = 3_000;
/// How many are begun at once.
const PART: u64 = 1_000;

#[derive(Args)]
pub(crate) struct Waiting {
    /// The database.
    #[arg(long)]
    database: String,
    /// How many wait.
    #[arg(long, default_value_t = 100_000)]
    sagas: u64,
    /// How many timers then come due.
    #[arg(long, default_value_t = 500)]
    due: u64,
}

pub(crate) async fn run(asked: Waiting) -> anyhow::Result<()> {
    let mut world = World::open(&["saga"]).await?;
    let agents = start_agents(&asked.database)?;
    let pid = pid_of(&agents)?;
    let mut connection = world.stand.connect(&asked.database, "bench-waiting").await?;
    let before = timers(&mut connection).await;
    let (began, mut memory) = (Instant::now(), Vec::new());
    let tenth = (asked.sagas / 10).max(1);
    let mut waiting = 0;
    while waiting < asked.sagas {
        let part = PART.min(asked.sagas - waiting);
        let events = (waiting..waiting + part)
            .map(|number| begin(&format!("{}-w{number}", world.run), &Begin { wait_ms: Some(LONG_MS) }));
        world.say_all(events.collect::<Result<_, _>>()?).await?;
        waiting += part;
        let looked = Instant::now();
        loop {
            let timers = timers(&mut connection).await - before;
            if timers >= i64::try_from(waiting)? {
                break;
            }
            anyhow::ensure!(looked.elapsed() < LIMIT, "{timers} of {waiting} sagas wait");
            world.hear().await?;
        }
        if waiting % tenth == 0 {
            memory.push(json!({"sagas": waiting, "rss_mib": memory_kib(pid, "VmRSS") as f64 / 1024.0}));
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    let events = (0..asked.due)
        .map(|number| begin(&format!("{}-d{number}", world.run), &Begin { wait_ms: Some(SHORT_MS) }));
    world.say_all(events.collect::<Result<_, _>>()?).await?;
    let mut late = Vec::new();
    let since = Instant::now();
    while (late.len() as u64) < asked.due {
        anyhow::ensure!(
            since.elapsed() < LIMIT + Duration::from_millis(SHORT_MS.unsigned_abs()),
            "{} timers fired",
            late.len()
        );
        let Some(batch) = world.hear().await? else { continue };
        for item in batch.items() {
            let Item::Event(event) = item else { continue };
            if event.envelope.event_type() == SagaTimerFired::EVENT_TYPE {
                let fired: SagaTimerFired = event.typed()?;
                if fired.agent == AGENT {
                    late.push(
                        (event.recorded_at - fired.deadline).num_microseconds().unwrap_or(i64::MAX) as f64
                            / 1000.0,
                    );
                }
            }
        }
    }
    let rss_mib = memory_kib(pid, "VmRSS") as f64 / 1024.0;
    world.close().await?;
    end_agents(agents).await?;
    late.sort_by(f64::total_cmp);
    let first = memory.first().and_then(|one| one["rss_mib"].as_f64()).unwrap_or(f64::NAN);
    let last = memory.last().and_then(|one| one["rss_mib"].as_f64()).unwrap_or(f64::NAN);
    report(&json!({
        "events": asked.sagas, "seconds": seconds, "events_per_s": asked.sagas as f64 / seconds,
        "memory": memory, "rss_first_mib": first, "rss_last_mib": last, "rss_growth": last / first, "rss_mib": rss_mib,
        "late_p50_ms": percentile(&late, 0.5), "late_p99_ms": percentile(&late, 0.99), "late_max_ms": percentile(&late, 1.0),
        "load": load(),
    }))
}

/// How many timers are set; none as long as their table is not made.
async fn timers(connection: &mut sqlx::PgConnection) -> i64 {
    let sql = "SELECT count(*) FROM brainops.saga_timer";
    sqlx::query_scalar(sql).fetch_one(connection).await.unwrap_or(0)
}
