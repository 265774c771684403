//! Holds the invariants against what is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use brainops_projection::parked;
use brainops_testkit::stored_rows;

use crate::desks::look_at_desks;
use crate::model::Trial;
use crate::process::Worker;
use crate::rebuilt::look_at_rebuilt;
use crate::refold::{Expectation, refold};
use crate::room::PARTITIONS;
use crate::stage::Stage;
use crate::watch::{moves, wrong};

/// How long a worker may take to end after SIGTERM.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// How long idle workers are looked at.
const IDLE: Duration = Duration::from_secs(1);

/// Which share of a processor an idle worker may use, in percent: heartbeats, metrics and polls of a debug build.
const IDLE_PERCENT: u128 = 35;
/// How often is looked before somebody is said to be busy with nothing.
const IDLE_LOOKS: usize = 10;

/// What must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// Every acknowledged append is in the topic and counts once.
    I1,
    /// Rows are the fold of the topic up to the stored frontier, byte for byte.
    I2,
    /// Checkpoints never go back, and who was taken over writes nothing.
    I3,
    /// What agents decide is decided once, none of it is lost, and each subject hears it in its order.
    I4,
    /// Nothing is shown as acknowledged that is not.
    I6,
    /// The lag returns to zero in time, by itself, and SIGTERM ends everybody in ten seconds.
    I7,
    /// Memory is bounded, and nobody is busy with nothing.
    I8,
    /// The fault is visible and named, and nobody panics.
    I9,
}

/// Something that does not hold.
#[derive(Debug, Clone)]
pub struct Violation {
    /// What should hold.
    pub invariant: Invariant,
    /// What is there instead.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}: {}", self.invariant, self.what)
    }
}

#[derive(Default)]
struct Found(Vec<Violation>);

impl Found {
    fn add(&mut self, invariant: Invariant, what: impl Into<String>) {
        self.0.push(Violation { invariant, what: what.into() });
    }
}

/// Waits for the recovery, ends the workers, and holds everything against everything.
pub(crate) async fn judge(stage: &mut Stage) -> Vec<Violation> {
    let mut found = Found::default();
    if let Err(error) = stage.silence().await {
        found.add(Invariant::I7, format!("{error:#}"));
    }
    if let Err(error) = stage.recover().await {
        found.add(Invariant::I7, format!("{error:#}{}", progress(stage).await));
    }
    look_at_idle(stage, &mut found).await;
    end_workers(stage, &mut found).await;
    look_at_logs(stage, &mut found);
    if let Err(error) = look_at_data(stage, &mut found).await {
        found.add(Invariant::I7, format!("the checker cannot look: {error:#}"));
    }
    found.0
}

/// What the progress rows say, for whoever looks for the cause.
async fn progress(stage: &Stage) -> String {
    let sql = "SELECT format('%s/%s held by %s in epoch %s, %s %s, next %s, end %s, beat %s ago', \
                             p.topic, p.partition, p.instance, p.epoch, p.state, p.reason, p.next_offset, \
                             p.log_end_offset, date_trunc('second', now() - p.heartbeat_at)) \
                 FROM brainops.progress AS p WHERE p.topic LIKE '%.business' ORDER BY p.partition";
    let rows: Vec<String> = sqlx::query_scalar(sql).fetch_all(stage.room.pool()).await.unwrap_or_default();
    rows.iter().map(|row| format!("\n        {row}")).collect()
}

/// Whoever has nothing to do uses next to nothing. One that has just begun anew (a generation was swapped) is still at it: it is
/// looked at again, and whoever spins is found each time.
async fn look_at_idle(stage: &mut Stage, found: &mut Found) {
    let mut busy = Vec::new();
    for _ in 0..IDLE_LOOKS {
        busy = who_is_busy(stage).await;
        if busy.is_empty() {
            return;
        }
    }
    for (name, percent) in busy {
        found.add(Invariant::I8, format!("{name} is idle and uses {percent} % of a processor"));
    }
}

/// Workers that use more than they may for a while, and how much.
async fn who_is_busy(stage: &mut Stage) -> Vec<(String, u128)> {
    let times = |stage: &mut Stage| -> Vec<(String, Duration)> {
        let alive = stage.workers.iter_mut().filter_map(|worker| {
            let alive = worker.is_alive();
            alive.then(|| (worker.name().to_owned(), worker.processor_time()))
        });
        alive.collect()
    };
    let before = times(stage);
    tokio::time::sleep(IDLE).await; // the while that is measured
    let after = times(stage);
    let used = before.into_iter().zip(after).map(|((name, before), (_, after))| {
        (name, after.saturating_sub(before).as_millis() * 100 / IDLE.as_millis())
    });
    used.filter(|(_, percent)| *percent > IDLE_PERCENT).collect()
}

async fn end_workers(stage: &mut Stage, found: &mut Found) {
    stage.workers.iter_mut().for_each(Worker::ask_to_end);
    let memory_mib = stage.expected.memory_mib;
    for worker in &mut stage.workers {
        let name = worker.name().to_owned();
        match worker.until_ended(DRAIN_LIMIT).await {
            None => {
                found.add(Invariant::I7, format!("{name} does not end within ten seconds of SIGTERM"));
                worker.kill().await;
            }
            Some(status) if !status.success() && !worker.was_killed() && !worker.may_fail() => {
                found.add(Invariant::I7, format!("{name} ended with {status}:\n{}", worker.last_words()));
            }
            Some(_) => {}
        }
        if worker.peak_kib() / 1024 > memory_mib {
            found.add(Invariant::I8, format!("{name} had {} MiB", worker.peak_kib() / 1024));
        }
    }
}

fn look_at_logs(stage: &Stage, found: &mut Found) {
    let logs: BTreeMap<&str, String> =
        stage.workers.iter().map(|worker| (worker.name(), worker.log())).collect();
    for (name, log) in &logs {
        if let Some(line) = log.lines().find(|line| line.contains("panicked at")) {
            found.add(Invariant::I9, format!("{name} panicked: {line}"));
        }
    }
    for words in &stage.expected.named {
        if !logs.values().any(|log| words.split('|').any(|words| log.contains(words))) {
            found.add(Invariant::I9, format!("no log says {words:?}"));
        }
    }
    for metric in &stage.expected.shown {
        if !stage.workers.iter().any(|worker| worker.metric(metric).is_some_and(|value| value > 0.0)) {
            found.add(Invariant::I9, format!("no metric {metric} is above zero"));
        }
    }
}

async fn look_at_data(stage: &mut Stage, found: &mut Found) -> anyhow::Result<()> {
    for wrong in wrong(&moves(stage.room.pool()).await?).into_iter().take(5) {
        found.add(Invariant::I3, wrong);
    }
    if stage.reacts {
        return look_at_sagas(stage, found).await;
    }
    if !stage.expected.rows_match {
        return Ok(());
    }
    let (topic, to) = (stage.room.topic(), stage.room.checkpoints().await?);
    let records = stage.room.raw().all(&topic).await?;
    let expectation =
        refold(&topic, &records, &to, (&stage.expected.poison, &stage.expected.dismissed), PARTITIONS);
    let standing: BTreeSet<(i32, i64)> =
        records.iter().flat_map(|(partition, all)| all.iter().map(|one| (*partition, one.offset))).collect();
    let sql = "SELECT number, count(*) FROM trial_g1.seen GROUP BY number";
    let times: Vec<(i64, i64)> = sqlx::query_as(sql).fetch_all(stage.room.pool()).await?;
    let times = times.into_iter().filter_map(|(number, times)| Some((u64::try_from(number).ok()?, times)));
    look_at_acks(stage, &records, (&expectation, &to), &times.collect(), found);
    look_at_parked(stage, &expectation, found).await?;
    look_at_rows(stage, &expectation, &standing, found).await?;
    for (invariant, what) in look_at_rebuilt(stage, &records).await? {
        found.add(invariant, what);
    }
    Ok(())
}

async fn look_at_sagas(stage: &Stage, found: &mut Found) -> anyhow::Result<()> {
    let desks = look_at_desks(stage).await?;
    let (records, ends) = (stage.room.raw().all(&stage.room.topic()).await?, stage.room.ends().await?);
    look_at_acks(stage, &records, (&Expectation::default(), &ends), &desks.taken, found);
    for (invariant, what) in desks.wrong {
        found.add(invariant, what);
    }
    Ok(())
}

/// I2 counts what is parked: exactly the records that must be, each with as many held ones as stand behind it.
async fn look_at_parked(stage: &Stage, expectation: &Expectation, found: &mut Found) -> anyhow::Result<()> {
    let parked = parked(stage.room.pool(), Some("trial")).await?;
    let there: BTreeMap<(i32, Option<String>, i64), u64> = parked
        .into_iter()
        .map(|one| ((one.partition.get(), one.subject, one.first.offset.get()), one.held))
        .collect();
    let differs = |one: &BTreeMap<_, u64>, other: &BTreeMap<(i32, Option<String>, i64), u64>| -> Vec<_> {
        let differs = one.iter().filter(|(key, held)| other.get(*key) != Some(*held));
        differs.map(|(key, held)| format!("{key:?}: {held}")).take(5).collect()
    };
    if there != expectation.parked {
        let (missing, surplus) = (differs(&expectation.parked, &there), differs(&there, &expectation.parked));
        found.add(
            Invariant::I2,
            format!("parked is not what must be: missing {missing:?}, too much {surplus:?}"),
        );
    }
    Ok(())
}

/// I1, and the half of I6 that is about positions: an acknowledgement names a record that is this event.
fn look_at_acks(
    stage: &Stage,
    records: &BTreeMap<i32, Vec<crate::raw::RawFacts>>,
    (expectation, to): (&Expectation, &BTreeMap<i32, i64>),
    times: &BTreeMap<u64, i64>,
    found: &mut Found,
) {
    let at: BTreeMap<(i32, i64), &str> = records
        .iter()
        .flat_map(|(partition, all)| all.iter().map(|one| ((*partition, one.offset), one.id.as_str())))
        .collect();
    let held: BTreeSet<(i32, &str)> = expectation
        .parked
        .keys()
        .filter_map(|(partition, key, _)| Some((*partition, key.as_deref()?)))
        .collect();
    let mut firsts: BTreeMap<(i32, &str), i64> = BTreeMap::new();
    for (partition, all) in records {
        for one in all {
            firsts.entry((*partition, one.id.as_str())).or_insert(one.offset);
        }
    }
    let (mut lost, mut unfolded, mut later) = (Vec::new(), Vec::new(), Vec::new());
    let pages = stage.ledger.pages();
    for (number, acks) in &pages.acked {
        for acked in acks {
            let stands = at.get(&(acked.partition, acked.offset));
            let id = crate::model::id_of(*number);
            if stands.copied() != Some(id.as_str()) {
                lost.push((*number, *acked, stands.copied()));
            } else if stage.answers_are_first
                && firsts.get(&(acked.partition, id.as_str())) != Some(&acked.offset)
            {
                later.push((*number, *acked));
            }
        }
        let subject = pages.said.get(number).map(String::as_str).unwrap_or_default();
        // What is held is counted elsewhere; what is behind the frontier is missing by I7.
        let excused = acks.iter().any(|acked| {
            let folded_to = to.get(&acked.partition).copied().unwrap_or(0);
            held.contains(&(acked.partition, subject)) || acked.offset >= folded_to
        });
        if !excused && times.get(number) != Some(&1) {
            unfolded.push((*number, times.get(number).copied().unwrap_or(0)));
        }
    }
    if !lost.is_empty() {
        let first = &lost[..lost.len().min(5)];
        found.add(Invariant::I1, format!("{} acknowledged events do not stand there: {first:?}", lost.len()));
    }
    if !later.is_empty() {
        let first = &later[..later.len().min(5)];
        found.add(
            Invariant::I1,
            format!("{} answers name another record than the first: {first:?}", later.len()),
        );
    }
    if !unfolded.is_empty() {
        let first = &unfolded[..unfolded.len().min(5)];
        found.add(Invariant::I1, format!("{} events count otherwise than once: {first:?}", unfolded.len()));
    }
}

/// I2, byte for byte, with the difference in words; and the other half of I6: no row is of an event that is not there.
async fn look_at_rows(
    stage: &Stage,
    expectation: &Expectation,
    standing: &BTreeSet<(i32, i64)>,
    found: &mut Found,
) -> anyhow::Result<()> {
    let pool = stage.room.pool();
    let stored = stored_rows::<Trial>(pool, stage.room.generation()).await?;
    let seen: Vec<(i32, i64)> =
        sqlx::query_as("SELECT partition, log_offset FROM trial_g1.seen").fetch_all(pool).await?;
    let seen: BTreeSet<(i32, i64)> = seen.into_iter().collect();
    let nowhere: Vec<_> = seen.difference(standing).take(5).collect();
    if !nowhere.is_empty() {
        found.add(Invariant::I6, format!("rows of events that stand nowhere: {nowhere:?}"));
    }
    for (table, expected) in &expectation.rows {
        if stored.get(table) == Some(expected) {
            continue;
        }
        let counted: BTreeSet<(i32, i64)> = expectation.counted.keys().copied().collect();
        let missing: Vec<_> = counted.difference(&seen).take(5).collect();
        let surplus: Vec<_> = seen.difference(&counted).take(5).collect();
        let rows = stored.get(table).map_or(0, Vec::len);
        found.add(
            Invariant::I2,
            format!(
                "{table} is not the fold of the topic: {rows} rows, expected {}; missing {missing:?}, too many {surplus:?}",
                expected.len()
            ),
        );
    }
    Ok(())
}
