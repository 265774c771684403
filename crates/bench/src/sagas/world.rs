//! The world around the agent under test: follows what it says, and says what it waits for.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use brainops_event::{Catalog, Outgoing, TopicName};
use brainops_log::{Appender, Batch, Follower, FollowerConfig, Signal, ensure_topics};
use rustix::process::{Pid, Signal as Kill, kill_process};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

use super::words::TOPIC;
use crate::said::run_name;
use crate::stand::Stand;

/// How long anything may take that should come soon.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Everything outside of the process under test.
pub(crate) struct World {
    /// What no run before was called.
    pub(crate) run: String,
    pub(crate) stand: Stand,
    follower: Follower,
    appender: Appender,
    sayings: JoinSet<anyhow::Result<()>>,
}

impl World {
    /// Makes the platform's topics if they are not there, and follows some from their ends on.
    pub(crate) async fn open(topics: &[&str]) -> anyhow::Result<Self> {
        let (stand, run) = (Stand::from_env()?, run_name());
        let (cluster, registry) = (stand.cluster()?, stand.registry()?);
        ensure_topics(&cluster, Catalog::builtin()).await?;
        registry.register(Catalog::builtin()).await?;
        let topics: Result<Vec<TopicName>, _> =
            topics.iter().map(|name| TopicName::new(&stand.topic(name))).collect();
        let config = FollowerConfig {
            max_wait: Duration::ZERO,
            ..FollowerConfig::new(format!("bench-world-{run}"), topics?)
        };
        let mut follower = Follower::start(&cluster, &registry, config).await?;
        let began = Instant::now();
        while !at_the_ends(follower.next().await)? {
            anyhow::ensure!(began.elapsed() < LIMIT, "no partition is assigned");
        }
        let appender = Appender::new(&cluster, &registry)?;
        Ok(Self { run, stand, follower, appender, sayings: JoinSet::new() })
    }

    /// Says something; that it stands is not waited for, its answer comes back through the log.
    pub(crate) fn say(&mut self, event: Outgoing) {
        let appender = self.appender.clone();
        self.sayings.spawn(async move {
            appender.append(event).await?;
            Ok(())
        });
    }

    /// What was said of the agent since the last call; nothing after a while.
    pub(crate) async fn hear(&mut self) -> anyhow::Result<Option<Batch>> {
        while let Some(said) = self.sayings.try_join_next() {
            said??;
        }
        match tokio::time::timeout(Duration::from_millis(200), self.follower.next()).await {
            Err(_) | Ok(Signal::Idle(_) | Signal::Revoked(_)) => Ok(None),
            Ok(Signal::Batch(batch)) => Ok(Some(batch)),
            Ok(Signal::Assigned(_)) => anyhow::bail!("partitions are assigned in the middle of a run"),
            Ok(Signal::Failed(error)) => Err(error.into()),
        }
    }

    /// Says many things in order, and waits until they stand.
    pub(crate) async fn say_all(&self, events: Vec<Outgoing>) -> anyhow::Result<()> {
        self.appender.append_all(events).await.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(())
    }

    pub(crate) async fn close(mut self) -> anyhow::Result<()> {
        while let Some(said) = self.sayings.join_next().await {
            said??;
        }
        self.follower.stop().await;
        Ok(())
    }

    /// How many records stand in the topics of the platform.
    pub(crate) async fn records(&self) -> anyhow::Result<i64> {
        let topics = [TOPIC, "saga"].map(|name| TopicName::new(&self.stand.topic(name)));
        let topics: Vec<TopicName> = topics.into_iter().collect::<Result<_, _>>()?;
        let ends = brainops_log::end_frontier(&self.stand.cluster()?, &topics).await?;
        Ok(ends.iter().map(|(_, _, next)| next.get()).sum())
    }
}

/// Begins at the end of each partition, if partitions are what is said.
fn at_the_ends(signal: Signal) -> anyhow::Result<bool> {
    let assignment = match signal {
        Signal::Assigned(assignment) => assignment,
        Signal::Failed(error) => return Err(error.into()),
        _ => return Ok(false),
    };
    let partitions = assignment.partitions().iter();
    let ends = partitions.map(|one| (one.topic.clone(), one.partition, one.end)).collect();
    assignment.start(ends);
    Ok(true)
}

/// Starts the process under test.
pub(crate) fn start_agents(database: &str) -> anyhow::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["agents", "--database", database]);
    command.stdin(Stdio::null()).stdout(std::io::stderr()).kill_on_drop(true);
    command.spawn().context("the agents cannot be started")
}

/// The number of a process that runs.
pub(crate) fn pid_of(child: &Child) -> anyhow::Result<i32> {
    Ok(i32::try_from(child.id().context("the agents have ended")?)?)
}

/// Asks the process under test to end, and waits for it.
pub(crate) async fn end_agents(mut child: Child) -> anyhow::Result<()> {
    kill_process(Pid::from_raw(pid_of(&child)?).context("no process")?, Kill::TERM)?;
    let ended = tokio::time::timeout(LIMIT, child.wait()).await.context("the agents do not end")??;
    anyhow::ensure!(ended.success(), "the agents ended with {ended}");
    Ok(())
}
