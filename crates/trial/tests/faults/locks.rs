//! Row 19: what a database does to those who share it: deadlocks, serialization failures, time limits, locks.

use std::time::Duration;

use brainops_trial::{Order, Scenario, Stage};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(19, "a table is locked by somebody else", |stage| Box::pin(locked(stage))),
        Scenario::new(19, "deadlocks", |stage| Box::pin(deadlocks(stage))),
        Scenario::new(19, "serialization failures", |stage| Box::pin(raised(stage, "40001"))),
        Scenario::new(19, "statements time out", |stage| Box::pin(raised(stage, "57014"))),
    ]
}

async fn begin(stage: &mut Stage) -> anyhow::Result<PgConnection> {
    stage.expected.named.push("trying again".into());
    stage.expected.shown.push("brainops_projection_retries_total");
    stage.speak()?;
    stage.start(Order::projector("one"));
    stage.start(Order::projector("two"));
    stage.folded(100).await?;
    Ok(PgConnection::connect_with(&stage.room.postgres().options()?).await?)
}

/// Nobody waits for a lock for ever, and when it is free the same batch goes on.
async fn locked(stage: &mut Stage) -> anyhow::Result<()> {
    let mut other = begin(stage).await?;
    stage.expected.named.clear(); // a batch may wait for the lock and get it: nothing to name
    stage.expected.shown.clear();
    lock_a_while(stage, &mut other, "trial_g1.chain").await
}

/// Somebody else locks a table under whoever works.
pub async fn lock_a_while(stage: &mut Stage, other: &mut PgConnection, table: &str) -> anyhow::Result<()> {
    let lock = format!("BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE");
    sqlx::raw_sql(AssertSqlSafe(lock)).execute(&mut *other).await?;
    tokio::time::sleep(Duration::from_millis(stage.dice.between(1_000, 4_000))).await; // the fault itself
    sqlx::raw_sql("COMMIT").execute(other).await?;
    stage.healed();
    stage.said(100).await
}

async fn deadlocks(stage: &mut Stage) -> anyhow::Result<()> {
    let mut other = begin(stage).await?;
    let waits = "SELECT count(*) FROM pg_stat_activity \
                  WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let mut victims = 0;
    for _ in 0..12 {
        // Whoever looks first is the victim: we look late.
        sqlx::raw_sql(
            "BEGIN; SET LOCAL lock_timeout = '3s'; LOCK TABLE trial_g1.chain IN ACCESS EXCLUSIVE MODE",
        )
        .execute(&mut other)
        .await?;
        stage
            .until("a batch waits", || async { stage.room.number(waits).await.is_ok_and(|n| n > 0) })
            .await?;
        let crossed = sqlx::raw_sql("SELECT 1 FROM trial_g1.checkpoint ORDER BY partition DESC FOR UPDATE");
        victims += i32::from(crossed.execute(&mut other).await.is_ok());
        sqlx::raw_sql("ROLLBACK").execute(&mut other).await?;
        if victims >= 2 {
            break;
        }
    }
    anyhow::ensure!(victims > 0, "no batch was a victim");
    stage.expected.named.push("deadlock detected".into());
    stage.healed();
    stage.said(100).await
}

/// The database itself says so, now and then, in the middle of a batch.
async fn raised(stage: &mut Stage, code: &str) -> anyhow::Result<()> {
    let mut other = begin(stage).await?;
    let sql = format!(
        "CREATE SEQUENCE watch.turn;
         CREATE FUNCTION watch.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             IF nextval('watch.turn') % 7 = 0 AND currval('watch.turn') < 100 THEN
                 RAISE EXCEPTION 'refused by the trial' USING ERRCODE = '{code}';
             END IF;
             RETURN NULL;
         END
         $$;
         CREATE TRIGGER refuse AFTER INSERT ON trial_g1.chain FOR EACH STATEMENT EXECUTE FUNCTION watch.refuse()"
    );
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut other).await?;
    let turns = "SELECT last_value FROM watch.turn";
    stage
        .until("batches are refused", || async { stage.room.number(turns).await.is_ok_and(|n| n > 60) })
        .await?;
    stage.expected.named.push("refused by the trial".into());
    stage.healed();
    stage.said(100).await
}
