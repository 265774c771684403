//! Rows 1 to 7, 19, 23 and 24 for sagas: whatever happens to whom, each of them decides what a pure model of it decides,
//! once, in order.

use std::time::{Duration, Instant};

use anyhow::ensure;
use brainops_fault::POINTS;
use brainops_testkit::{Cut, Judge, Part, Proxy, says};
use brainops_trial::{Order, RawRecord, Scenario, Stage, event};
use rustix::process::Signal;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::broker::{kill_kafka, stop_kafka};
use crate::locks::lock_a_while;

/// Reached only by who brings sagas back after a restore, or throws the switch that stops agents.
const ELSEWHERE: [&str; 2] = ["saga.recovered", "saga.switch_taken"];

pub fn scenarios() -> Vec<Scenario> {
    let points = POINTS.iter().filter(|point| point.starts_with("saga.") && !ELSEWHERE.contains(point));
    let mut all: Vec<Scenario> = points.map(|point| killed_at(point)).collect();
    all.extend(["saga.batch_received", "saga.begun", "saga.saved", "saga.timers_taken"].map(stopped_at));
    all.extend([
        Scenario::new(1, "sagas killed at random", |stage| Box::pin(killed_at_random(stage))),
        relay_killed(),
        Scenario::new(2, "sagas stopped at random, then woken", |stage| Box::pin(stopped_at_random(stage))),
        Scenario::new(2, "sagas robbed of their partitions", |stage| Box::pin(robbed(stage))),
        Scenario::new(3, "sagas: two join and leave", |stage| Box::pin(join_and_leave(stage, 1))),
        Scenario::new(3, "sagas: three join and leave", |stage| Box::pin(join_and_leave(stage, 2))),
        Scenario::new(4, "sagas: kafka killed", |stage| Box::pin(kafka_killed(stage))).alone(),
        Scenario::new(5, "sagas: kafka stopped", |stage| Box::pin(kafka_stopped(stage))).alone(),
        Scenario::new(6, "sagas: postgres killed", |stage| Box::pin(postgres_killed(stage))).alone(),
        Scenario::new(6, "sagas: backends ended in mid-transaction", |stage| Box::pin(backends(stage))),
        Scenario::new(7, "sagas: the answer to COMMIT is lost", |stage| {
            Box::pin(lost(stage, Cut::Answer, false))
        }),
        Scenario::new(7, "sagas: COMMIT itself is lost", |stage| Box::pin(lost(stage, Cut::Question, false))),
        Scenario::new(1, "sagas that relay: killed at handover.committed", |stage| {
            Box::pin(dies_handing_over(stage))
        }),
        Scenario::new(1, "sagas that relay: killed at random", |stage| Box::pin(relaying_killed(stage))),
        Scenario::new(2, "sagas that relay: stopped at handover.committed, then woken", |stage| {
            Box::pin(stands_handing_over(stage))
        }),
        relaying_lose(Cut::Answer),
        relaying_lose(Cut::Question),
        said_again_elsewhere(),
        restored(),
        Scenario::new(19, "sagas: a table is locked", |stage| Box::pin(locked(stage))),
        Scenario::new(19, "sagas: deadlocks", |stage| Box::pin(deadlocks(stage))),
        Scenario::new(19, "sagas: serialization failures", |stage| Box::pin(raised(stage))),
        Scenario::new(23, "sagas: 64 open files", |stage| Box::pin(few_files(stage))),
        Scenario::new(24, "sagas: SIGTERM under load", |stage| Box::pin(drains(stage))),
    ]);
    all
}

/// Who runs the agent dies at this point.
pub fn killed_at(point: &'static str) -> Scenario {
    Scenario::new(1, format!("sagas killed at {point}"), move |stage| Box::pin(dies_at(stage, point)))
}

/// Who runs the agent stands at this point until another one has taken over.
pub fn stopped_at(point: &'static str) -> Scenario {
    let name = format!("sagas stopped at {point}, then woken");
    Scenario::new(2, name, move |stage| Box::pin(stands_at(stage, point)))
}

/// Who sends what agents decide dies, again and again.
pub fn relay_killed() -> Scenario {
    Scenario::new(1, "sagas: the relay killed", |stage| Box::pin(relay_dies(stage)))
}

/// The same events stand again in other partitions, where no window knows them for repeats.
pub fn said_again_elsewhere() -> Scenario {
    Scenario::new(7, "sagas: said again in another partition", |stage| Box::pin(again(stage)))
}

/// The process that decides numbers what it says and sends it, and its commits are cut.
pub fn relaying_lose(cut: Cut) -> Scenario {
    let what = match cut {
        Cut::Question => "COMMIT itself is lost",
        Cut::Answer | Cut::Not => "the answer to COMMIT is lost",
    };
    Scenario::new(7, format!("sagas that relay: {what}"), move |stage| Box::pin(lost(stage, cut, true)))
}

/// Postgres is set back to a backup from before, while agents decide under load.
pub fn restored() -> Scenario {
    Scenario::new(6, "sagas: postgres restored from a backup", |stage| Box::pin(set_back(stage)))
}

/// Somebody speaks, somebody relays.
fn open(stage: &mut Stage) -> anyhow::Result<()> {
    stage.start(Order::relay("relay"));
    stage.speak_calmly()
}

/// And two have begun to react.
async fn begin(stage: &mut Stage) -> anyhow::Result<()> {
    open(stage)?;
    stage.start(Order::clerk("one"));
    stage.start(Order::clerk("two"));
    stage.reacted(200).await
}

async fn dies_at(stage: &mut Stage, point: &str) -> anyhow::Result<()> {
    let passage = match point {
        "saga.taken_over" => 1,
        _ if point.starts_with("saga.timers") => stage.dice.between(1, 5),
        _ => stage.dice.between(1, 12),
    };
    open(stage)?;
    stage.start(Order::clerk("one").striking(format!("{point}@{passage}=kill")));
    stage.start(Order::clerk("two"));
    stage.worker("one").until_ended(Duration::from_secs(40)).await;
    ensure!(stage.worker("one").was_killed(), "it does not die: {}", stage.worker("one").last_words());
    stage.healed();
    stage.start(Order::clerk("three"));
    stage.said(200).await
}

/// They die between COMMIT and handing over what they have numbered.
async fn dies_handing_over(stage: &mut Stage) -> anyhow::Result<()> {
    stage.speak_calmly()?;
    for turn in 0..3 {
        let (name, passage) = (format!("dies-{turn}"), stage.dice.between(3, 40));
        let fault = format!("handover.committed@{passage}=kill");
        stage.start(Order::clerk(&name).relaying().striking(fault));
        stage.worker(&name).until_ended(Duration::from_secs(40)).await;
        ensure!(stage.worker(&name).was_killed(), "it does not die: {}", stage.worker(&name).last_words());
    }
    stage.healed();
    stage.start(Order::clerk("last").relaying());
    stage.said(200).await
}

async fn relaying_killed(stage: &mut Stage) -> anyhow::Result<()> {
    stage.speak_calmly()?;
    stage.start(Order::clerk("stays").relaying());
    for _ in 0..3 {
        stage.start(Order::clerk("dies").relaying());
        stage.said(50).await?;
        let wait = Duration::from_millis(stage.dice.between(0, 2_500));
        tokio::time::sleep(wait).await; // the fault's own moment
        for name in ["dies", "stays"] {
            stage.worker(name).kill().await;
        }
        stage.start(Order::clerk("stays").relaying());
    }
    stage.healed();
    stage.said(100).await
}

/// One stands between COMMIT and handing over until another has its shards and partitions.
async fn stands_handing_over(stage: &mut Stage) -> anyhow::Result<()> {
    stage.speak_calmly()?;
    let passage = stage.dice.between(3, 40);
    let zombie = Order::clerk("zombie").relaying();
    stage.start(zombie.striking(format!("handover.committed@{passage}=stop")));
    stage.worker("zombie").until_stopped(Duration::from_secs(40)).await;
    stage.start(Order::clerk("heir").relaying());
    taken_over(stage).await?;
    woken(stage).await
}

async fn killed_at_random(stage: &mut Stage) -> anyhow::Result<()> {
    open(stage)?;
    stage.start(Order::clerk("stays"));
    for _ in 0..3 {
        stage.start(Order::clerk("dies"));
        stage.said(50).await?;
        let wait = Duration::from_millis(stage.dice.between(0, 2_500));
        tokio::time::sleep(wait).await; // the fault's own moment
        stage.worker("dies").kill().await;
    }
    stage.healed();
    stage.said(100).await
}

/// What is decided is sent by whoever comes after.
async fn relay_dies(stage: &mut Stage) -> anyhow::Result<()> {
    begin(stage).await?;
    for point in ["relay.numbered", "relay.half_sent", "relay.gate_opened", "relay.acknowledged"] {
        let passage = stage.dice.between(2, 15);
        stage.worker("relay").kill().await;
        stage.start(Order::relay("relay").striking(format!("{point}@{passage}=kill")));
        stage.worker("relay").until_ended(Duration::from_secs(40)).await;
        stage.start(Order::relay("relay"));
        stage.said(50).await?;
    }
    stage.healed();
    stage.said(100).await
}

async fn stands_at(stage: &mut Stage, point: &str) -> anyhow::Result<()> {
    open(stage)?;
    let passage = stage.dice.between(3, 12);
    stage.start(Order::clerk("zombie").striking(format!("{point}@{passage}=stop")));
    stage.worker("zombie").until_stopped(Duration::from_secs(40)).await;
    let stands = Instant::now();
    stage.start(Order::clerk("heir"));
    taken_over(stage).await?;
    // Postgres ends any transaction that stands for a minute: nobody may wait for that.
    let waited = stands.elapsed();
    ensure!(waited < Duration::from_secs(55), "the heir waits for what the sleeper holds: {waited:?}");
    woken(stage).await
}

async fn stopped_at_random(stage: &mut Stage) -> anyhow::Result<()> {
    open(stage)?;
    stage.start(Order::clerk("zombie"));
    stage.reacted(200).await?;
    stage.worker("zombie").signal(Signal::STOP);
    stage.start(Order::clerk("heir"));
    taken_over(stage).await?;
    woken(stage).await
}

/// The heir takes everything over and goes on.
async fn taken_over(stage: &mut Stage) -> anyhow::Result<()> {
    let taken = "SELECT count(DISTINCT (topic, partition)) FROM watch.move \
                  WHERE worker = 'heir' AND topic LIKE 'clerk %' AND new_epoch > coalesce(old_epoch, 0)";
    stage
        .until("the heir takes everything over", || async {
            stage.room.number(taken).await.is_ok_and(|partitions| partitions == 16)
        })
        .await?;
    stage.reacted(100).await
}

/// The zombie wakes up after others have taken over.
async fn woken(stage: &mut Stage) -> anyhow::Result<()> {
    stage.worker("zombie").signal(Signal::CONT);
    stage.healed();
    stage.said(200).await?;
    stage.reacted(100).await
}

/// Somebody raises the epochs while both go on: two runtimes take one partition for their own.
async fn robbed(stage: &mut Stage) -> anyhow::Result<()> {
    begin(stage).await?;
    stage.expected.named.push("another process has taken a partition over".into());
    let sql = "UPDATE brainops.saga_checkpoint SET epoch = epoch + 1 WHERE partition % 2 = 0";
    sqlx::raw_sql(sql).execute(stage.room.pool()).await?;
    stage.said(100).await?;
    stage.healed();
    stage.said(100).await
}

async fn join_and_leave(stage: &mut Stage, staying: u32) -> anyhow::Result<()> {
    open(stage)?;
    for number in 0..staying {
        stage.start(Order::clerk(&format!("stays-{number}")));
    }
    stage.reacted(20).await?;
    for turn in 0..5 {
        let name = format!("guest-{turn}");
        stage.start(Order::clerk(&name));
        tokio::time::sleep(Duration::from_millis(stage.dice.between(500, 2_500))).await; // the storm's own pace
        if turn % 4 == 3 {
            stage.worker(&name).kill().await;
        } else {
            stage.worker(&name).signal(Signal::TERM);
        }
    }
    stage.healed();
    stage.said(100).await
}

async fn kafka_killed(stage: &mut Stage) -> anyhow::Result<()> {
    begin(stage).await?;
    kill_kafka(stage).await
}

async fn kafka_stopped(stage: &mut Stage) -> anyhow::Result<()> {
    begin(stage).await?;
    stop_kafka(stage).await
}

async fn postgres_killed(stage: &mut Stage) -> anyhow::Result<()> {
    begin(stage).await?;
    // An agent that waits for a connection meanwhile has nothing to say; the relay never waits that long.
    stage
        .expected
        .named
        .push("trying again|a commit gave no answer|postgres did not do what it should".into());
    let stack = stage.room.stack().clone();
    stack.end(Part::Postgres, Signal::KILL).await;
    stack.up_again().await;
    stage.healed();
    stage.said(200).await
}

/// The relay dies in the middle of what it sends, and so does everybody; what they had done since the backup is forgotten.
/// What sagas say of themselves is sent late, half of it: that half of what they decide must wait for it.
async fn set_back(stage: &mut Stage) -> anyhow::Result<()> {
    let slow = "CREATE FUNCTION watch.linger() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             PERFORM pg_sleep(0.002);
             RETURN NEW;
         END
         $$;
         CREATE TRIGGER linger BEFORE UPDATE ON brainops.outbox FOR EACH ROW
         WHEN (OLD.send_no IS NULL AND NEW.shard = 0 AND NEW.topic LIKE '%.saga') EXECUTE FUNCTION watch.linger()";
    sqlx::raw_sql(slow).execute(stage.room.pool()).await?;
    stage.expected.named.push("sagas had forgotten what the log says of them".into());
    stage.expected.within = Duration::from_secs(60);
    begin(stage).await?;
    for _ in 0..2 {
        let backup = stage.room.back_up().await?;
        stage.worker("relay").kill().await;
        let points = ["relay.half_sent", "relay.sent", "relay.acknowledged"];
        let point = points[usize::try_from(stage.dice.below(3))?];
        let passage = stage.dice.between(20, 60);
        stage.start(Order::relay("relay").striking(format!("{point}@{passage}=kill")));
        stage.worker("relay").until_ended(Duration::from_secs(40)).await;
        for name in ["one", "two"] {
            stage.worker(name).kill().await;
        }
        stage.room.restore(&backup).await?;
        stage.start(Order::relay("relay"));
        stage.start(Order::clerk("one"));
        stage.start(Order::clerk("two"));
        stage.reacted(100).await?;
    }
    stage.healed();
    stage.said(100).await
}

async fn backends(stage: &mut Stage) -> anyhow::Result<()> {
    begin(stage).await?;
    let in_transaction = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                           WHERE datname = current_database() AND pid <> pg_backend_pid() \
                             AND backend_xid IS NOT NULL AND application_name LIKE 'saga %'";
    let mut ended = 0;
    for _ in 0..400 {
        ended += stage.room.number(in_transaction).await.unwrap_or(0);
        if ended >= 10 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(stage.dice.between(5, 40))).await; // the fault's own moment
    }
    ensure!(ended >= 10, "only {ended} backends were met in mid-transaction");
    stage.expected.named.push("trying again|a commit gave no answer".into());
    stage.healed();
    stage.said(100).await
}

async fn lost(stage: &mut Stage, cut: Cut, relaying: bool) -> anyhow::Result<()> {
    let postgres = stage.room.postgres().clone();
    let proxy = Proxy::judging(format!("{}:{}", postgres.host, postgres.port), move || -> Judge {
        let (mut has_reacted, mut commits) = (false, 0);
        Box::new(move |said| {
            has_reacted |= says(said, b"brainops.saga_inbox");
            if !has_reacted || !says(said, b"COMMIT\0") {
                return Cut::Not;
            }
            commits += 1;
            if commits % 3 == 0 { cut } else { Cut::Not }
        })
    })
    .await;
    stage.expected.named.push("a commit gave no answer; reading the checkpoints".into());
    stage.expected.shown.push("brainops_saga_unknown_commits_total");
    let clerk = |name| if relaying { Order::clerk(name).relaying() } else { Order::clerk(name) };
    if !relaying {
        stage.start(Order::relay("relay"));
    }
    stage.speak_calmly()?;
    stage.start(clerk("one").postgres_by(proxy.port()));
    stage.start(clerk("two").postgres_by(proxy.port()));
    stage.until("commits are cut", || async { proxy.cuts() >= 8 }).await?;
    for name in ["one", "two"] {
        stage.worker(name).signal(Signal::TERM);
    }
    stage.healed();
    stage.start(clerk("three"));
    stage.said(100).await
}

async fn again(stage: &mut Stage) -> anyhow::Result<()> {
    begin(stage).await?;
    let said: Vec<u64> = stage.ledger.pages().acked.keys().take(60).copied().collect();
    let records = said.iter().map(|number| {
        let elsewhere = format!("metrics/elsewhere-{}", number % 16);
        let value = brainops_event::frame(stage.schema(), &event(*number, &elsewhere, "EUR").datum);
        RawRecord::of_event(*number, &elsewhere, value)
    });
    let (topic, records) = (stage.room.topic(), records.collect());
    stage.room.raw().append(&topic, records).await?;
    stage.expected.shown.push("brainops_saga_repeats_total");
    stage.healed();
    stage.said(100).await
}

/// A connection of the fault's own.
async fn other(stage: &Stage) -> anyhow::Result<PgConnection> {
    Ok(PgConnection::connect_with(&stage.room.postgres().options()?).await?)
}

async fn locked(stage: &mut Stage) -> anyhow::Result<()> {
    begin(stage).await?;
    let mut other = other(stage).await?;
    lock_a_while(stage, &mut other, "brainops.saga").await
}

async fn deadlocks(stage: &mut Stage) -> anyhow::Result<()> {
    begin(stage).await?;
    let mut other = other(stage).await?;
    let waits = "SELECT count(*) FROM pg_stat_activity \
                  WHERE datname = current_database() AND wait_event_type = 'Lock' AND application_name LIKE 'saga %'";
    let mut victims = 0;
    for _ in 0..12 {
        // Whoever looks first is the victim: we look late.
        let lock = "BEGIN; SET LOCAL lock_timeout = '3s'; LOCK TABLE brainops.saga IN ACCESS EXCLUSIVE MODE";
        sqlx::raw_sql(lock).execute(&mut other).await?;
        stage
            .until("a batch waits", || async { stage.room.number(waits).await.is_ok_and(|n| n > 0) })
            .await?;
        let crossed =
            sqlx::raw_sql("SELECT 1 FROM brainops.saga_checkpoint ORDER BY topic, partition FOR UPDATE");
        victims += i32::from(crossed.execute(&mut other).await.is_ok());
        sqlx::raw_sql("ROLLBACK").execute(&mut other).await?;
        if victims >= 2 {
            break;
        }
    }
    ensure!(victims > 0, "no batch was a victim");
    stage.expected.named.push("deadlock detected".into());
    stage.expected.shown.push("brainops_saga_retries_total");
    stage.healed();
    stage.said(100).await
}

/// The database itself says so, now and then, in the middle of a transaction.
async fn raised(stage: &mut Stage) -> anyhow::Result<()> {
    begin(stage).await?;
    let sql = "CREATE SEQUENCE watch.turn;
         CREATE FUNCTION watch.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             IF nextval('watch.turn') % 5 = 0 AND currval('watch.turn') < 80 THEN
                 RAISE EXCEPTION 'refused by the trial' USING ERRCODE = '40001';
             END IF;
             RETURN NULL;
         END
         $$;
         CREATE TRIGGER refuse AFTER INSERT ON brainops.saga_inbox FOR EACH STATEMENT EXECUTE FUNCTION watch.refuse()";
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut other(stage).await?).await?;
    let turns = "SELECT last_value FROM watch.turn";
    stage
        .until("transactions are refused", || async { stage.room.number(turns).await.is_ok_and(|n| n > 40) })
        .await?;
    stage.expected.named.push("refused by the trial".into());
    stage.expected.shown.push("brainops_saga_retries_total");
    stage.healed();
    stage.said(100).await
}

async fn few_files(stage: &mut Stage) -> anyhow::Result<()> {
    open(stage)?;
    stage.start(Order::clerk("one").open_files(64));
    stage.reacted(500).await?;
    stage.healed();
    stage.said(100).await
}

async fn drains(stage: &mut Stage) -> anyhow::Result<()> {
    stage.start(Order::relay("relay"));
    stage.speak()?;
    stage.start(Order::clerk("one").batches_of(500));
    stage.start(Order::clerk("two").batches_of(500));
    stage.reacted(300).await?;
    for name in ["one", "two"] {
        stage.worker(name).signal(Signal::TERM);
    }
    for name in ["one", "two"] {
        let ended = stage.worker(name).until_ended(Duration::from_secs(10)).await;
        ensure!(ended.is_some_and(|status| status.success()), "{name}: {ended:?}");
    }
    stage.start(Order::clerk("three"));
    stage.healed();
    stage.said(100).await
}
