//! Calls of a tool that does nothing, through the gate, beside what durable recording takes by itself: two records that Kafka
//! acknowledges one after the other, and one commit in Postgres. And what a decision of the policy takes.
//!
//! A call counts from Kafka's answer to its request until its end is read from the log, as who asked would read it. The plain
//! loop takes turns with it, so that both see the same machine.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use async_trait::async_trait;
use brainops_event::types::tool::CallRequested;
use brainops_event::{Catalog, Envelope, EventId, EventType, Outgoing, Source, Subject, TypedEvent as _};
use brainops_log::{
    Appender, Cluster, Follower, FollowerConfig, Item, Registry, Signal, end_frontier, ensure_topics,
};
use brainops_tools::{
    Act, Caller, Effect, GateStage, Objects, Policy, Question, Repeat, Secrets, Tool, ToolError, Toolbox,
    ToolsConfig, run as run_gate,
};
use clap::Args;
use rustix::time::{ClockId, clock_gettime};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use sqlx::PgConnection;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::meter::{Meter, own_pid};
use crate::said::{percentile, run_name};
use crate::stand::{Stand, report};

/// How long anything that is waited for may take.
const LIMIT: Duration = Duration::from_secs(60);
/// Rules of the policy.
const RULES: usize = 1_000;

#[derive(Args)]
pub(crate) struct Calls {
    /// The database.
    #[arg(long)]
    database: String,
    /// How many calls at once.
    #[arg(long, default_value_t = 64)]
    in_flight: usize,
    /// Seconds that are measured, after one that is not.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// The broker's process.
    #[arg(long, default_value_t = 0)]
    broker: i32,
}

#[derive(Args)]
pub(crate) struct Decisions {
    /// How many.
    #[arg(long, default_value_t = 200_000)]
    times: usize,
}

/// What the tool is told.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {
    /// Where nothing is done.
    path: String,
}

struct NoOp;

#[async_trait]
impl Tool for NoOp {
    type Arguments = Nothing;
    type Result = ();

    const NAME: &'static str = "bench.nothing";
    const SUMMARY: &'static str = "Nothing.";
    const EFFECT: Effect = Effect::Reads;
    const REPEAT: Repeat = Repeat::Idempotent;

    async fn act(&self, told: Nothing, _: &Act) -> Result<(), ToolError> {
        if told.path.is_empty() { Err(ToolError::nothing_done("no_path")) } else { Ok(()) }
    }
}

fn toolbox() -> anyhow::Result<Toolbox> {
    Ok(Toolbox::default().with(NoOp)?)
}

/// A thousand rules about a hundred agents and one tool, so that ten could apply to a call.
fn policy(tools: &Toolbox) -> anyhow::Result<Policy> {
    let rule = |number: usize| {
        let agent = number % (RULES / 10);
        format!(
            "@id(\"rule-{number}\") permit(principal == Agent::\"agent-{agent}\", action == Action::\"bench.nothing\", resource) \
             when {{ context.arguments.path like \"p{number}/*\" && context.calls_this_hour < 1000000000 }};\n"
        )
    };
    Ok(Policy::read(&(0..RULES).map(rule).collect::<String>(), tools)?)
}

/// Those who wait for the end of a call, by its id.
type Waiting = Arc<Mutex<HashMap<String, oneshot::Sender<Instant>>>>;

struct Desk {
    appender: Appender,
    waiting: Waiting,
    run: String,
}

pub(crate) async fn run_decisions(asked: Decisions) -> anyhow::Result<()> {
    let tools = toolbox()?;
    let policy = policy(&tools)?;
    let (mut times, mut worked) = (Vec::with_capacity(asked.times), Vec::with_capacity(asked.times));
    for number in 0..asked.times {
        let rule = (number * 7919) % RULES;
        let caller = Caller::parse(&format!("Agent::agent-{}", rule % (RULES / 10))).context("a caller")?;
        let arguments = json!({ "path": format!("p{rule}/x") });
        let (began, at_work) = (Instant::now(), own_cpu());
        let decision = policy.decide(&Question {
            caller: &caller,
            tool: "bench.nothing",
            arguments: &arguments,
            environment: "local",
            at: chrono::DateTime::UNIX_EPOCH,
            calls_this_hour: 7,
        });
        worked.push((own_cpu() - at_work).as_secs_f64() * 1e6);
        times.push(began.elapsed().as_secs_f64() * 1e6);
        anyhow::ensure!(decision.policies == [format!("rule-{rule}")], "{decision:?}");
    }
    times.sort_by(f64::total_cmp);
    worked.sort_by(f64::total_cmp);
    let at = |share| percentile(&times, share);
    report(&json!({
        "rules": RULES, "decisions": asked.times, "p50_us": at(0.5), "p99_us": at(0.99), "p999_us": at(0.999),
        "p50_cpu_us": percentile(&worked, 0.5), "p99_cpu_us": percentile(&worked, 0.99),
    }))
}

/// CPU that this thread has used: beside the wall's time it tells what others took of the machine.
fn own_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

pub(crate) async fn run_calls(asked: Calls) -> anyhow::Result<()> {
    let stand = Stand::from_env()?;
    let (cluster, registry) = (stand.cluster()?, stand.registry()?);
    ensure_topics(&cluster, Catalog::builtin()).await?;
    registry.register(Catalog::builtin()).await?;
    let pool = stand.postgres(&asked.database).pool().await?;
    brainops_saga::migrate(&pool).await?;
    brainops_tools::migrate(&pool).await?;
    let sql = "CREATE TABLE IF NOT EXISTS public.bench_plain (number bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, text text)";
    sqlx::raw_sql(sql).execute(&pool).await?;
    let folder = std::env::temp_dir().join(format!("bench-objects-{}", std::process::id()));
    let tools = toolbox()?;
    let stage = GateStage {
        pool,
        cluster: cluster.clone(),
        registry: registry.clone(),
        policy: Arc::new(policy(&tools)?),
        tools,
        objects: Objects::folder(&folder)?,
        secrets: Secrets::default(),
    };
    let stop = CancellationToken::new();
    let config = ToolsConfig { in_flight: asked.in_flight.max(8), ..ToolsConfig::default() };
    let gate = tokio::spawn(run_gate(stage, config, stop.clone()));
    let waiting = Waiting::default();
    let reading =
        tokio::spawn(read_ends(cluster.clone(), registry.clone(), Arc::clone(&waiting), stop.clone()));
    let desk = Arc::new(Desk { appender: Appender::prompt(&cluster, &registry)?, waiting, run: run_name() });
    desk.call("warm-up").await?;
    let figures = measured(&stand, &asked, &desk).await?;
    stop.cancel();
    gate.await??;
    reading.await??;
    std::fs::remove_dir_all(&folder).context("the folder of objects")?;
    report(&figures)
}

async fn measured(stand: &Stand, asked: &Calls, desk: &Arc<Desk>) -> anyhow::Result<serde_json::Value> {
    let beginning = Instant::now() + Duration::from_secs(1);
    let end = beginning + Duration::from_secs(asked.seconds);
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..asked.in_flight {
        let plain = match asked.in_flight {
            1 => Some(stand.connect(&asked.database, "bench-plain").await?),
            _ => None,
        };
        callers.spawn(call_on(Arc::clone(desk), caller, (beginning, end), plain));
    }
    tokio::time::sleep_until(beginning.into()).await;
    let meter = Meter { process: own_pid(), backends: Vec::new(), broker: asked.broker };
    let from = meter.read();
    tokio::time::sleep_until(end.into()).await;
    let to = meter.read();
    let (mut times, mut floors) = (Vec::new(), Vec::new());
    while let Some(ended) = callers.join_next().await {
        let (of_calls, of_floor) = ended??;
        times.extend(of_calls);
        floors.extend(of_floor);
    }
    times.sort_by(f64::total_cmp);
    floors.sort_by(f64::total_cmp);
    let mut figures = meter.since(&from, &to, u64::try_from(times.len())?);
    figures["p50_ms"] = percentile(&times, 0.5).into();
    figures["p99_ms"] = percentile(&times, 0.99).into();
    if !floors.is_empty() {
        figures["plain_p50_ms"] = percentile(&floors, 0.5).into();
        figures["plain_p99_ms"] = percentile(&floors, 0.99).into();
        figures["over_plain"] = (percentile(&times, 0.5) / percentile(&floors, 0.5)).into();
    }
    Ok(figures)
}

/// One caller: milliseconds of its calls, and of the plain loop where it takes turns with one.
async fn call_on(
    desk: Arc<Desk>,
    caller: usize,
    (beginning, end): (Instant, Instant),
    mut plain: Option<PgConnection>,
) -> anyhow::Result<(Vec<f64>, Vec<f64>)> {
    let (mut times, mut floors) = (Vec::new(), Vec::new());
    for number in 0_u64.. {
        if Instant::now() >= end {
            break;
        }
        let name = format!("{caller}-{number}");
        let floor = match &mut plain {
            Some(connection) => Some(desk.plain(connection, &name).await?),
            None => None,
        };
        let time = desk.call(&name).await?;
        if Instant::now() > beginning {
            times.push(time);
            floors.extend(floor);
        }
    }
    Ok((times, floors))
}

impl Desk {
    /// Milliseconds from Kafka's answer to the request until the end of the call is read.
    async fn call(&self, name: &str) -> anyhow::Result<f64> {
        let (told, end) = oneshot::channel();
        let id = format!("{}-{name}", self.run);
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), told);
        self.appender.append(asked(&id)?).await?;
        let began = Instant::now();
        let ended = tokio::time::timeout(LIMIT, end).await.context("a call did not end")??;
        Ok(ended.saturating_duration_since(began).as_secs_f64() * 1000.0)
    }

    /// Milliseconds of two records, one after the other, and one commit.
    async fn plain(&self, connection: &mut PgConnection, name: &str) -> anyhow::Result<f64> {
        let began = Instant::now();
        self.appender.append(message(&format!("{}-{name}-one", self.run))?).await?;
        sqlx::query("INSERT INTO public.bench_plain (text) VALUES ($1)")
            .bind(name)
            .execute(connection)
            .await?;
        self.appender.append(message(&format!("{}-{name}-two", self.run))?).await?;
        Ok(began.elapsed().as_secs_f64() * 1000.0)
    }
}

fn asked(id: &str) -> anyhow::Result<Outgoing> {
    let envelope = Envelope::new(
        EventId::new(id)?,
        Source::new("brainops/agent/agent-7")?,
        EventType::new(CallRequested::EVENT_TYPE)?,
        Subject::new(format!("agent-7/{id}"))?,
    );
    let arguments = json!({ "path": "p7/x" }).to_string();
    Ok(Outgoing::typed(
        envelope,
        &CallRequested { tool: "bench.nothing".to_owned(), arguments, reason: None },
    )?)
}

fn message(id: &str) -> anyhow::Result<Outgoing> {
    let envelope = Envelope::new(
        EventId::new(id)?,
        Source::new("bench")?,
        EventType::new("agent.intent.nothing")?,
        Subject::new(id)?,
    );
    Ok(Outgoing::message(envelope, r#"{"path": "p7/x"}"#)?)
}

/// Reads the ends of calls as who asked would, and tells them.
async fn read_ends(
    cluster: Cluster,
    registry: Registry,
    waiting: Waiting,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let topic = cluster.topic("tool")?;
    let ends = end_frontier(&cluster, std::slice::from_ref(&topic)).await?;
    let config = FollowerConfig { max_wait: Duration::ZERO, ..FollowerConfig::new(run_name(), vec![topic]) };
    let mut follower = Follower::start(&cluster, &registry, config).await?;
    loop {
        let signal = tokio::select! {
            () = stop.cancelled() => break,
            signal = follower.next() => signal,
        };
        match signal {
            Signal::Assigned(assignment) => {
                let starts: Vec<_> =
                    ends.iter().map(|(topic, partition, next)| (topic.clone(), partition, next)).collect();
                assignment.start(starts);
            }
            Signal::Batch(batch) => {
                let now = Instant::now();
                for item in batch.items() {
                    let Item::Event(event) = item else { continue };
                    if event.envelope.event_type() != "tool.call.completed" {
                        continue;
                    }
                    let call = event.envelope.causation_id().unwrap_or_default();
                    let told = waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(call);
                    if let Some(told) = told {
                        let _gave_up = told.send(now);
                    }
                }
            }
            Signal::Failed(error) => return Err(error.into()),
            Signal::Revoked(_) | Signal::Idle(_) => {}
        }
    }
    follower.stop().await;
    Ok(())
}
