//! A generation that is folded from history while another one serves: begun, waited for, and held against the topic.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, bail};
use brainops_projection::{
    Generation, GenerationState, Request, Workshop, begin_rebuild, find_generation, rebuild_progress,
};
use brainops_testkit::{eventually, stored_rows};
use sqlx::AssertSqlSafe;

use crate::judge::Invariant;
use crate::model::Trial;
use crate::raw::RawFacts;
use crate::rebuilding::{SCRATCH, pace};
use crate::refold::refold;
use crate::room::PARTITIONS;
use crate::stage::Stage;

/// How long a rebuild may take once nothing hinders it any more.
const LIMIT: Duration = Duration::from_secs(60);

impl Stage {
    /// Begins a rebuild; who works on it is for the scenario to start.
    ///
    /// # Errors
    /// When it cannot be begun.
    pub async fn begin_rebuild(&mut self) -> anyhow::Result<()> {
        let shop = Workshop {
            pool: self.room.pool().clone(),
            log: self.room.cluster().read_only(),
            registry: self.room.registry().clone(),
            scratch: self.folder.join(SCRATCH),
            worker: "stage".to_owned(),
            at_once: 1,
            unknown_schema_patience: Duration::from_secs(2),
            pace: pace(false),
        };
        self.rebuilt = Some(begin_rebuild(&Trial, &shop, Request::next(None)).await?);
        Ok(())
    }

    /// Waits until the rebuild is ready, and until the one that serves has gone on meanwhile and after.
    ///
    /// # Errors
    /// When it is not in time.
    pub async fn rebuilt(&mut self) -> anyhow::Result<()> {
        let (pool, generation) = (self.room.pool().clone(), self.rebuilt.clone().context("a rebuild")?);
        let is_ready = || async {
            let known = find_generation(&pool, "trial", generation.number).await;
            known.is_ok_and(|known| known.state == GenerationState::Ready)
        };
        if eventually(LIMIT, is_ready).await.is_err() {
            let progress = rebuild_progress(&pool, &generation).await?;
            bail!("{} is not ready: {progress:?}", generation.schema());
        }
        self.folded(50).await.context("the one that serves goes on")
    }

    /// Waits until so many buckets are written.
    ///
    /// # Errors
    /// When they are not in time.
    pub async fn buckets_done(&self, enough: i64) -> anyhow::Result<()> {
        let sql = "SELECT count(*) FROM brainops.rebuild_bucket";
        let done = || async { self.room.number(sql).await.is_ok_and(|count| count >= enough) };
        self.until("buckets are written", done).await
    }

    /// Waits until nothing that is left to do belongs to this worker.
    ///
    /// # Errors
    /// When it does in the end.
    pub async fn all_taken_from(&self, worker: &str) -> anyhow::Result<()> {
        let sql = "SELECT count(*) FROM brainops.rebuild_unit WHERE worker = $1 AND state <> 'done'";
        let taken = || async {
            let left = sqlx::query_scalar::<_, i64>(sql).bind(worker).fetch_one(self.room.pool()).await;
            left.is_ok_and(|left| left == 0)
        };
        self.until("another one takes all over", taken).await
    }
}

/// What is wrong with a generation that was folded from history: it must be whole, be the fold of the raw topic byte
/// for byte, have parked what must be parked, and leave nothing on the disk.
pub(crate) async fn look_at_rebuilt(
    stage: &Stage,
    records: &BTreeMap<i32, Vec<RawFacts>>,
) -> anyhow::Result<Vec<(Invariant, String)>> {
    let (mut wrong, pool) = (Vec::new(), stage.room.pool());
    let Some(generation) = &stage.rebuilt else { return Ok(wrong) };
    let schema = generation.schema();
    let known = find_generation(pool, "trial", generation.number).await?;
    if known.state != GenerationState::Ready {
        let progress = rebuild_progress(pool, generation).await?;
        wrong.push((Invariant::I7, format!("{schema} is not ready: {progress:?}")));
        return Ok(wrong);
    }
    if find_generation(pool, "trial", 1).await?.state != GenerationState::Serving {
        wrong.push((Invariant::I7, "the one that served does not serve any more".to_owned()));
    }
    let (topic, to) = (stage.room.topic(), checkpoints(stage, generation).await?);
    let held = (&stage.expected.poison, &stage.expected.dismissed);
    let expectation = refold(&topic, records, &to, held, PARTITIONS);
    let stored = stored_rows::<Trial>(pool, generation).await?;
    for (table, expected) in &expectation.rows {
        let found = stored.get(table).map_or(&[][..], Vec::as_slice);
        if found != expected.as_slice() {
            let missing = expected.iter().filter(|row| !found.contains(row)).count();
            let surplus = found.iter().filter(|row| !expected.contains(row)).count();
            let of = format!("{missing} of {} rows are missing, {surplus} are too many", expected.len());
            wrong.push((Invariant::I2, format!("{schema}.{table} is not the fold of the topic: {of}")));
        }
    }
    let parked = parked(stage, generation).await?;
    if parked != expectation.parked {
        let expected = &expectation.parked;
        wrong.push((Invariant::I2, format!("{schema} has parked {parked:?}, and must have {expected:?}")));
    }
    let left = stage.folder.join(SCRATCH).join(&schema);
    if left.exists() {
        wrong.push((Invariant::I8, format!("{} is left behind", left.display())));
    }
    Ok(wrong)
}

async fn checkpoints(stage: &Stage, generation: &Generation) -> Result<BTreeMap<i32, i64>, sqlx::Error> {
    let schema = generation.schema();
    let sql = format!("SELECT partition, next_offset FROM {schema}.checkpoint WHERE topic = $1");
    let query = sqlx::query_as(AssertSqlSafe(sql)).bind(stage.room.topic().to_string());
    let rows: Vec<(i32, i64)> = query.fetch_all(stage.room.pool()).await?;
    Ok(rows.into_iter().collect())
}

type ParkedOf = BTreeMap<(i32, Option<String>, i64), u64>;

async fn parked(stage: &Stage, generation: &Generation) -> Result<ParkedOf, sqlx::Error> {
    let sql = format!("SELECT partition, subject, record_offset, held FROM {}.parked", generation.schema());
    let query = sqlx::query_as(AssertSqlSafe(sql)).fetch_all(stage.room.pool());
    let rows: Vec<(i32, Option<String>, i64, i64)> = query.await?;
    let count = |held| u64::try_from(held).unwrap_or_default();
    Ok(rows
        .into_iter()
        .map(|(partition, subject, at, held)| ((partition, subject, at), count(held)))
        .collect())
}
