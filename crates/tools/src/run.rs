//! The role `tools`: the life of an executor in one process.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use brainops_checkpoint::{FollowError, FollowOptions, FollowStage, follow};
use brainops_event::{Partition, error_chain};
use brainops_log::{Appender, Cluster, ConfigError, Registry, end_frontier};
use metrics::gauge;
use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, PgPool};
use thiserror::Error;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::desk::{Desk, Held};
use crate::follow::{CallRows, FOLLOWED, TOPIC};
use crate::gate::{Came, Gate, Stuck};
use crate::inherit::{InheritError, came, inherit};
use crate::metrics as names;
use crate::objects::Objects;
use crate::policy::Policy;
use crate::price::Price;
use crate::process::Where;
use crate::row::{call, with_columns};
use crate::secrets::Secrets;
use crate::toolbox::Toolbox;

/// How often is looked for calls that wait though nobody said so.
const LOOK: Duration = Duration::from_millis(500);
/// How long calls in flight may go on after shutdown was asked for.
const DRAIN_LIMIT: Duration = Duration::from_secs(7);
/// How long after what went wrong it is tried again.
const AGAIN: Duration = Duration::from_millis(500);

/// How this process does calls: the section `[tools.gate]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ToolsConfig {
    /// Where calls act that name no environment. Default: `local`.
    pub environment: String,
    /// How many calls are in the hands of this process at once, 1 to 10,000. Default: 64.
    pub in_flight: usize,
    /// For how many seconds others believe that this process lives, 1 to 3,600. Default: 15.
    pub lease_seconds: u64,
    /// For how many seconds an act may go on, 1 to 86,400. Default: 600.
    pub act_seconds: u64,
    /// What acts cost, by the name of their tool. Default: nobody knows.
    pub prices: BTreeMap<String, Price>,
}

impl Default for ToolsConfig {
    fn default() -> Self {
        Self {
            environment: "local".to_owned(),
            in_flight: 64,
            lease_seconds: 15,
            act_seconds: 600,
            prices: BTreeMap::new(),
        }
    }
}

/// A setting is out of its bounds.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("tools.gate.{field} is {found}, accepted is {accepted}")]
pub struct ToolsConfigError {
    field: &'static str,
    found: String,
    accepted: String,
}

impl ToolsConfig {
    /// Refuses what is out of bounds, and prices of tools that are not among these.
    ///
    /// # Errors
    /// [`ToolsConfigError`].
    pub fn check(&self, tools: &Toolbox) -> Result<(), ToolsConfigError> {
        if let Some(found) = self.prices.keys().find(|name| tools.spec(name).is_none()) {
            let known: Vec<&str> = tools.specs().map(|spec| spec.name).collect();
            let (found, accepted) = (format!("for {found:?}"), known.join(", "));
            return Err(ToolsConfigError { field: "prices", found, accepted });
        }
        let number = |field, found: u64, accepted: &str, fits: bool| {
            let refused =
                || ToolsConfigError { field, found: found.to_string(), accepted: accepted.to_owned() };
            if fits { Ok(()) } else { Err(refused()) }
        };
        let in_flight = u64::try_from(self.in_flight).unwrap_or(u64::MAX);
        number("in_flight", in_flight, "1 to 10000", (1..=10_000).contains(&in_flight))?;
        number("lease_seconds", self.lease_seconds, "1 to 3600", (1..=3_600).contains(&self.lease_seconds))?;
        number("act_seconds", self.act_seconds, "1 to 86400", (1..=86_400).contains(&self.act_seconds))?;
        let is_name =
            (1..=100).contains(&self.environment.len()) && !self.environment.contains(char::is_control);
        let (found, accepted) = (format!("{:?}", self.environment), "1 to 100 bytes of text".to_owned());
        if is_name { Ok(()) } else { Err(ToolsConfigError { field: "environment", found, accepted }) }
    }
}

/// What the gate stands on.
#[derive(Debug, Clone)]
pub struct GateStage {
    /// Postgres.
    pub pool: PgPool,
    /// Kafka.
    pub cluster: Cluster,
    /// The registry.
    pub registry: Registry,
    /// The tools that it has.
    pub tools: Toolbox,
    /// Who may call which.
    pub policy: Arc<Policy>,
    /// Where large results go.
    pub objects: Objects,
    /// What acts may use and nothing may tell.
    pub secrets: Secrets,
}

/// The gate cannot go on without a person.
#[derive(Debug, Error)]
pub enum GateError {
    /// Calls cannot be followed.
    #[error(transparent)]
    Follow(#[from] FollowError),
    /// The Kafka client refuses its configuration.
    #[error("the gate cannot append")]
    Append(#[from] ConfigError),
    /// What tells this process from others cannot be read.
    #[error("this process does not know which one it is")]
    Process(#[source] std::io::Error),
}

/// Does calls until shutdown is asked for; what is in flight is then brought to its end, within ten seconds. Any number of
/// processes may do it.
///
/// # Errors
/// [`GateError`] when a person is needed; what can pass is waited for and tried again.
pub async fn run(
    stage: GateStage,
    config: ToolsConfig,
    shutdown: CancellationToken,
) -> Result<(), GateError> {
    let here = Where::here().map_err(GateError::Process)?;
    let appender = Appender::prompt(&stage.cluster, &stage.registry)?;
    loop {
        match life(&stage, &config, &appender, &here, &shutdown).await? {
            End::ShutDown => return Ok(()),
            End::Fenced => {
                tracing::error!(
                    "others have ended this executor, since it did not renew its lease; it begins anew"
                );
            }
        }
    }
}

/// How a life ended.
enum End {
    ShutDown,
    Fenced,
}

/// One life: an executor enters, does calls, and leaves, or is ended by others.
async fn life(
    stage: &GateStage,
    config: &ToolsConfig,
    appender: &Appender,
    here: &Where,
    shutdown: &CancellationToken,
) -> Result<End, GateError> {
    let executor = uuid::Uuid::now_v7().to_string();
    let (desk, handed) = Desk::new(executor.clone(), config.in_flight);
    let gate = Arc::new(Gate {
        pool: stage.pool.clone(),
        appender: appender.clone(),
        tools: stage.tools.clone(),
        policy: Arc::clone(&stage.policy),
        objects: stage.objects.clone(),
        secrets: stage.secrets.clone(),
        environment: config.environment.clone(),
        act_limit: Duration::from_secs(config.act_seconds),
        prices: config.prices.clone(),
        executor: executor.clone(),
        blocking: TaskTracker::new(),
    });
    let lease =
        Lease { pool: &stage.pool, executor: &executor, lasts: Duration::from_secs(config.lease_seconds) };
    if !lease.enter(here, shutdown).await {
        return Ok(End::ShutDown);
    }
    let over = CancellationToken::new();
    let stopping = shutdown.child_token();
    let follow_stage = FollowStage {
        pool: stage.pool.clone(),
        cluster: stage.cluster.clone(),
        registry: stage.registry.clone(),
    };
    let rows = || CallRows(Arc::clone(&desk));
    let following = async {
        let ended = follow(FOLLOWED, rows, follow_stage, FollowOptions::default(), stopping.clone()).await;
        if ended.is_err() {
            over.cancel(); // without the log there is nothing more to do
        }
        ended
    };
    let working = work(stage, &gate, &desk, (handed, here), (&stopping, &over));
    let both = async { tokio::join!(following, working).0 };
    tokio::pin!(both);
    let ended = tokio::select! {
        () = lease.keep() => {
            // No act goes on without a lease.
            over.cancel();
            stopping.cancel();
            both.await.map(|()| End::Fenced)
        }
        ended = &mut both => ended.map(|()| End::ShutDown),
    };
    gate.blocking.close();
    gate.blocking.wait().await;
    lease.leave().await;
    Ok(ended?)
}

/// The word of an executor that it lives.
struct Lease<'a> {
    pool: &'a PgPool,
    executor: &'a str,
    lasts: Duration,
}

impl Lease<'_> {
    /// Enters; false when shutdown came first.
    async fn enter(&self, here: &Where, shutdown: &CancellationToken) -> bool {
        loop {
            let entering = sqlx::query(include_str!("sql/enter.sql"))
                .bind(self.executor)
                .bind(&here.host)
                .bind(&here.boot)
                .bind(&here.pid_namespace)
                .bind(here.pid)
                .bind(here.start_ticks)
                .bind(self.lasts.as_secs_f64())
                .execute(self.pool);
            tokio::select! {
                () = shutdown.cancelled() => return false,
                entered = entering => match entered {
                    Ok(_) => return true,
                    Err(error) => tracing::warn!(reason = %error, "an executor of tools cannot enter; trying again"),
                },
            }
            tokio::select! {
                () = shutdown.cancelled() => return false,
                () = tokio::time::sleep(AGAIN) => {}
            }
        }
    }

    /// Renews the lease; returns when it does not count any more, by the word of the database or by our own clock.
    async fn keep(&self) {
        let mut renewed = Instant::now();
        loop {
            tokio::time::sleep(self.lasts / 4).await;
            let asked = Instant::now();
            let renewing = sqlx::query(include_str!("sql/renew.sql"))
                .bind(self.executor)
                .bind(self.lasts.as_secs_f64())
                .execute(self.pool);
            match tokio::time::timeout(self.lasts / 4, renewing).await {
                Ok(Ok(done)) if done.rows_affected() == 1 => renewed = asked,
                Ok(Ok(_)) => return,
                Ok(Err(error)) => {
                    tracing::warn!(reason = %error, "the lease of tools is not renewed; trying again")
                }
                Err(_) => tracing::warn!("the lease of tools is not renewed in time; trying again"),
            }
            if renewed.elapsed() >= self.lasts {
                return;
            }
        }
    }

    /// What this cannot say the end of the lease says.
    async fn leave(&self) {
        let leaving = sqlx::query(include_str!("sql/leave.sql")).bind(self.executor).execute(self.pool);
        match tokio::time::timeout(AGAIN, leaving).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                tracing::warn!(reason = %error, "an executor leaves without a word; its lease runs out")
            }
            Err(_) => tracing::warn!("an executor leaves without a word; its lease runs out"),
        }
    }
}

/// Does what is handed over, claims what waits, and takes over what others have left.
async fn work(
    stage: &GateStage,
    gate: &Arc<Gate>,
    desk: &Arc<Desk>,
    (mut handed, here): (UnboundedReceiver<Held>, &Where),
    (stopping, over): (&CancellationToken, &CancellationToken),
) {
    let mut at_work: JoinSet<()> = JoinSet::new();
    let claiming = claim_until(stage, desk, here, stopping);
    let drained = drained(stopping);
    tokio::pin!(claiming, drained);
    let mut is_claiming = true;
    loop {
        tokio::select! {
            () = over.cancelled() => break,
            () = &mut claiming, if is_claiming => {
                is_claiming = false;
                desk.close();
                if at_work.is_empty() && handed.is_empty() {
                    break;
                }
            }
            Some(held) = handed.recv() => {
                at_work.spawn(one(Arc::clone(gate), stage.clone(), Arc::clone(desk), held));
                gauge!(names::IN_FLIGHT).set(at_work.len() as f64);
            }
            Some(_) = at_work.join_next() => {
                gauge!(names::IN_FLIGHT).set(at_work.len() as f64);
                if !is_claiming && at_work.is_empty() && handed.is_empty() {
                    break;
                }
            }
            () = &mut drained => break,
        }
    }
    at_work.shutdown().await;
}

async fn drained(stopping: &CancellationToken) {
    stopping.cancelled().await;
    tokio::time::sleep(DRAIN_LIMIT).await;
}

/// Opens the desk once the log was followed to its present end; from there on claims what waits and inherits what others left.
async fn claim_until(stage: &GateStage, desk: &Desk, here: &Where, stopping: &CancellationToken) {
    let claiming = async {
        until_followed(stage).await;
        desk.open();
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let claimed = tokio::select! {
                _ = looks.tick() => look_around(stage, desk, here).await,
                () = desk.woken() => claim_waiting(stage, desk).await,
            };
            if let Err(error) = claimed {
                tracing::warn!(reason = %error, "calls cannot be claimed; trying again");
            }
        }
    };
    tokio::select! {
        () = stopping.cancelled() => {}
        () = claiming => {}
    }
}

/// Inherits what others have left, and claims what waits though nobody here has said so.
async fn look_around(stage: &GateStage, desk: &Desk, here: &Where) -> Result<(), sqlx::Error> {
    for held in inherit(&stage.pool, desk, here).await? {
        desk.hand_over(held);
    }
    desk.left_waiting();
    claim_waiting(stage, desk).await
}

/// Claims what waits, as far as there is room.
async fn claim_waiting(stage: &GateStage, desk: &Desk) -> Result<(), sqlx::Error> {
    if !desk.takes_waiting() {
        return Ok(());
    }
    let room = desk.room(MOST_AT_ONCE);
    let wanted = room.len();
    if wanted > 0 {
        let rows = sqlx::query(AssertSqlSafe(with_columns(include_str!("sql/claim.sql"))))
            .bind(desk.executor())
            .bind(i64::try_from(wanted).unwrap_or(0))
            .fetch_all(&stage.pool)
            .await?;
        for (row, permit) in rows.iter().zip(room) {
            desk.hand_over(Held { call: call(row)?, permit, is_inherited: false });
        }
        if rows.len() < wanted {
            return Ok(()); // those were all
        }
    }
    // Said without a word to wake: who ends a call does.
    desk.may_have_more();
    Ok(())
}

/// How many calls are claimed at once.
const MOST_AT_ONCE: usize = 200;

/// Waits until the checkpoints are where the log ends now.
async fn until_followed(stage: &GateStage) {
    loop {
        match is_followed(stage).await {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(reason = %error_chain(&error), "where the log of calls ends is not known; trying again")
            }
        }
        tokio::time::sleep(AGAIN / 10).await;
    }
}

async fn is_followed(stage: &GateStage) -> Result<bool, InheritError> {
    let topic = stage.cluster.topic(TOPIC)?;
    let ends = end_frontier(&stage.cluster, std::slice::from_ref(&topic)).await?;
    let written = ends.iter().filter(|(_, _, offset)| offset.get() > 0);
    let (partitions, offsets): (Vec<i32>, Vec<i64>) =
        written.map(|(_, partition, offset): (_, Partition, _)| (partition.get(), offset.get())).unzip();
    let followed = sqlx::query_scalar(include_str!("sql/is_followed.sql"))
        .bind(topic.as_str())
        .bind(partitions)
        .bind(offsets)
        .fetch_one(&stage.pool)
        .await?;
    Ok(followed)
}

/// Brings one call to its end.
async fn one(gate: Arc<Gate>, stage: GateStage, desk: Arc<Desk>, held: Held) {
    let Held { call, permit, is_inherited } = held;
    let came = if is_inherited { how_far(&stage, &call).await } else { Came::default() };
    loop {
        match gate.pass(&call, came).await {
            Ok(()) | Err(Stuck::Fenced) => break,
            Err(error @ Stuck::Database(_)) => {
                tracing::warn!(call.id = %call.name.id, reason = %error_chain(&error), "a call waits; trying again");
                tokio::time::sleep(AGAIN).await;
            }
            Err(error) => {
                tracing::error!(call.id = %call.name.id, tool.name = %call.tool, error = %error_chain(&error), "a call cannot be brought to its end; a person must look");
                break;
            }
        }
    }
    drop(permit);
    desk.wake();
}

/// How far a call came in other hands: asked until the log answers.
async fn how_far(stage: &GateStage, call: &crate::row::Call) -> Came {
    loop {
        match came(&stage.cluster, &stage.registry, &[call]).await {
            Ok(found) => return found.get(&call.name).copied().unwrap_or_default(),
            Err(error) => {
                tracing::warn!(call.id = %call.name.id, reason = %error_chain(&error), "how far a call came cannot be read; trying again");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}
