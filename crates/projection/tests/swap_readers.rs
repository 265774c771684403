//! Fifty readers while views go from one generation to another and back: none sees half of a swap, or a mix.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test says what must hold"
)]

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use brainops_projection::{Generation, SwapOptions, install, swap};
use brainops_testkit::Namespace;
use common::hand::{MONTHS_SQL, checkpoint, execute, ready};
use common::{Metrics, TABLES_SQL, VIEWS_SQL};
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, PgPool, Row as _};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const READERS: usize = 50;
const SWAPS: usize = 20;

/// Waits are measured, so the tests take turns.
static ALONE: Mutex<()> = Mutex::const_new(());

/// One row in each table, marked with the number of the generation (`last_partition` and `partition`), and the
/// checkpoint with them.
const WRITE: &str = "\
    INSERT INTO {generation}.metric VALUES ('metrics/{n}', {n}, 0, '{}', '{}', false, {number}, now(), NULL, 's', 'i', 'p'); \
    INSERT INTO {generation}.sample VALUES ({number}, {n}, '2026-11-05Z', 'metrics/{n}', NULL, '{}', '{}', 's', 'i', 'p'); \
    UPDATE {generation}.checkpoint SET next_offset = {n}";

/// Everything that a reader can check in one select: all rows of both tables carry one mark, and every row has its
/// fellow.
const JOINED: &str = "\
    SELECT count(*) AS rows, \
           count(DISTINCT m.last_partition) + count(DISTINCT s.partition) AS marks, \
           min(m.last_partition) IS DISTINCT FROM min(s.partition) AS mixed, \
           count(*) FILTER (WHERE m.subject IS NULL OR s.subject IS NULL) AS alone \
      FROM metrics.metric AS m FULL JOIN metrics.sample AS s ON s.log_offset = m.times";

struct Scene {
    namespace: Namespace,
    generations: [Generation; 2],
    readers: PgPool,
    stop: CancellationToken,
    tasks: JoinSet<Result<Duration, String>>,
}

impl Scene {
    async fn new(name: &str) -> Self {
        let namespace = Namespace::new(name).await;
        let pool = namespace.pool().clone();
        let first = install(&pool, &Metrics::default()).await.unwrap();
        let second = ready(&pool, 2, 1, TABLES_SQL, VIEWS_SQL).await;
        for generation in [&first, &second] {
            execute(&pool, generation, MONTHS_SQL).await;
            checkpoint(&pool, generation, "t.business", 0, 0).await;
            write(&pool, generation, 1).await;
        }
        let readers = PgPoolOptions::new().max_connections(u32::try_from(READERS).unwrap());
        let readers = readers.connect_with((*pool.connect_options()).clone()).await.unwrap();
        let (stop, tasks) = (CancellationToken::new(), JoinSet::new());
        Self { namespace, generations: [first, second], readers, stop, tasks }
    }

    /// Writes to both generations, the one a moment after the other.
    fn start_writer(&mut self) {
        let (pool, stop) = (self.namespace.pool().clone(), self.stop.clone());
        let generations = Arc::new(self.generations.clone());
        self.tasks.spawn(async move {
            let mut n = 2;
            while !stop.is_cancelled() {
                for generation in generations.iter() {
                    write(&pool, generation, n).await;
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                n += 1;
            }
            Ok(Duration::ZERO)
        });
    }

    /// Half of the readers select once, half several times in one snapshot.
    fn start_readers(&mut self) {
        for number in 0..READERS {
            let (pool, stop) = (self.readers.clone(), self.stop.clone());
            self.tasks.spawn(async move {
                let (mut longest, mut rows) = (Duration::ZERO, 0);
                while !stop.is_cancelled() {
                    let read = if number % 2 == 0 {
                        select_once(&pool).await?
                    } else {
                        select_often(&pool, number).await?
                    };
                    if read.rows < rows {
                        return Err(format!("back in time: {} rows after {rows}", read.rows));
                    }
                    (longest, rows) = (longest.max(read.waited), read.rows);
                    tokio::time::sleep(Duration::from_millis(20 + 3 * u64::try_from(number).unwrap())).await;
                }
                Ok(longest)
            });
        }
    }

    /// The longest that anything took, or what was wrong.
    async fn end(mut self) -> Result<Duration, String> {
        self.stop.cancel();
        let mut longest = Ok(Duration::ZERO);
        while let Some(ended) = self.tasks.join_next().await {
            longest = match (longest, ended.unwrap()) {
                (Ok(one), Ok(other)) => Ok(one.max(other)),
                (Err(error), _) | (_, Err(error)) => Err(error),
            };
        }
        self.readers.close().await;
        self.namespace.close().await;
        longest
    }
}

async fn write(pool: &PgPool, generation: &Generation, n: u32) {
    execute(pool, generation, &WRITE.replace("{n}", &n.to_string())).await;
}

/// What a reader has found to be well.
struct Read {
    /// The longest that one select took.
    waited: Duration,
    rows: i64,
}

async fn select_once(pool: &PgPool) -> Result<Read, String> {
    let failed = |error: sqlx::Error| error.to_string();
    let mut connection = pool.acquire().await.map_err(failed)?;
    let begin = Instant::now();
    let row = sqlx::query(JOINED).fetch_one(&mut *connection).await.map_err(failed)?;
    let waited = begin.elapsed();
    let (marks, mixed, alone): (i64, bool, i64) = (row.get("marks"), row.get("mixed"), row.get("alone"));
    let rows = row.get("rows");
    if (marks, mixed, alone) == (2, false, 0) {
        Ok(Read { waited, rows })
    } else {
        Err(format!("one select: {marks} {mixed} {alone}"))
    }
}

/// Several selects in one snapshot; every other reader takes its snapshot before it reads anything.
async fn select_often(pool: &PgPool, number: usize) -> Result<Read, String> {
    let failed = |error: sqlx::Error| error.to_string();
    let mut transaction =
        pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").await.map_err(failed)?;
    if number % 4 == 1 {
        sqlx::query("SELECT 1").execute(&mut *transaction).await.map_err(failed)?;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut longest = Duration::ZERO;
    let mut found = Vec::new();
    for sql in [
        "SELECT count(*), min(last_partition), max(last_partition) FROM metrics.metric",
        "SELECT count(*), min(partition), max(partition) FROM metrics.sample",
        "SELECT sum(next_offset)::bigint, min(generation), max(generation) FROM metrics.freshness",
        "SELECT count(*), min(last_partition), max(last_partition) FROM metrics.metric",
    ] {
        let begin = Instant::now();
        let row = sqlx::query(sql).fetch_one(&mut *transaction).await.map_err(failed)?;
        longest = longest.max(begin.elapsed());
        found.push((row.get::<i64, _>(0), row.get::<Option<i32>, _>(1), row.get::<Option<i32>, _>(2)));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    transaction.commit().await.map_err(failed)?;
    let is_one = found[0].1.is_some() && found[0].1 == found[0].2 && found.iter().all(|one| *one == found[0]);
    let rows = found[0].0;
    if is_one { Ok(Read { waited: longest, rows }) } else { Err(format!("one snapshot: {found:?}")) }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_readers_see_one_generation_at_a_time() {
    let _alone = ALONE.lock().await;
    let mut scene = Scene::new("swap-readers").await;
    scene.start_writer();
    scene.start_readers();
    let (mut tries, mut locked) = (0, 0.0_f64);
    for number in 0..SWAPS {
        let to = &scene.generations[(number + 1) % 2];
        let swapped = swap(scene.namespace.pool(), to, SwapOptions::default()).await.unwrap();
        tries += swapped.tries;
        locked = locked.max(swapped.locked_seconds);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let longest = scene.end().await.expect("no reader sees a mix");
    eprintln!(
        "{SWAPS} swaps in {tries} tries; views were locked for {locked:.3} s at most, and no select took longer than {longest:?}"
    );
    assert!(longest < Duration::from_secs(2), "{longest:?}");
}

/// The readers above would see it if views changed one after the other.
#[tokio::test(flavor = "multi_thread")]
async fn readers_would_see_a_swap_in_two_transactions() {
    let _alone = ALONE.lock().await;
    let mut scene = Scene::new("swap-broken").await;
    scene.start_readers();
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut number = 1;
    while scene.tasks.len() == READERS && Instant::now() < deadline {
        for view in ["metric", "sample"] {
            let sql: Vec<String> = sqlx::query_scalar(AssertSqlSafe(format!(
                "SELECT replace(pg_get_viewdef('metrics.{view}'::regclass), 'metrics_g{}', 'metrics_g{}')",
                2 - number % 2,
                1 + number % 2
            )))
            .fetch_all(scene.namespace.pool())
            .await
            .unwrap();
            let sql = format!("CREATE OR REPLACE VIEW metrics.{view} AS {}", sql[0]);
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(scene.namespace.pool()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        number += 1;
        if let Some(ended) = scene.tasks.try_join_next() {
            assert!(ended.unwrap().unwrap_err().contains("one s"));
            let _others_may_have_seen_it_too = scene.end().await;
            return;
        }
    }
    panic!("nobody has seen it");
}
