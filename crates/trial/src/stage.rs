//! Where a scenario plays: what it can do, and what it expects.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use brainops_fault::Bug;
use brainops_log::Appender;
use brainops_testkit::eventually;
use rustix::process::Signal;
use tokio::time::Instant;

use crate::dice::Dice;
use crate::ledger::Ledger;
use crate::order::Order;
use crate::process::Worker;
use crate::room::Room;
use crate::speaker::{Speaker, Voice};

/// How long anything that is waited for may take, where nothing else is said.
const LIMIT: Duration = Duration::from_secs(60);

/// How long a direct append waits for its acknowledgement before it is said again.
const ANSWER_LIMIT: Duration = Duration::from_secs(8);

/// What a scenario expects after its fault, beyond what always holds.
#[derive(Debug, Clone)]
pub struct Expected {
    /// Partition and offset of each record that must be parked; those behind it with the same key are held.
    pub poison: BTreeSet<(i32, i64)>,
    /// Partitions that must stand.
    pub standing: BTreeSet<i32>,
    /// Words that somebody's log must have.
    pub named: Vec<String>,
    /// Metrics that must be above zero for somebody.
    pub shown: Vec<&'static str>,
    /// How long the read model may take to the end of the log once the fault is over.
    pub within: Duration,
    /// How much memory a worker may have had at most, in MiB; programs are built for tests.
    pub memory_mib: u64,
    /// Whether the rows are held against the topic: not when the topic itself was cut off.
    pub rows_match: bool,
}

impl Default for Expected {
    fn default() -> Self {
        Self {
            poison: BTreeSet::new(),
            standing: BTreeSet::new(),
            named: Vec::new(),
            shown: Vec::new(),
            within: Duration::from_secs(30),
            memory_mib: 256,
            rows_match: true,
        }
    }
}

/// Where a scenario plays.
#[derive(Debug)]
pub struct Stage {
    /// Topics and database.
    pub room: Room,
    /// What chance decides.
    pub dice: Dice,
    /// What was said and acknowledged.
    pub ledger: Ledger,
    /// What must hold besides.
    pub expected: Expected,
    pub(crate) workers: Vec<Worker>,
    pub(crate) recovered_in: Option<Duration>,
    healed_at: Option<Instant>,
    speaker: Option<Speaker>,
    bug: Option<Bug>,
    folder: PathBuf,
}

impl Stage {
    pub(crate) fn new(room: Room, seed: u64, bug: Option<Bug>, folder: PathBuf) -> Self {
        Self {
            room,
            dice: Dice::new(seed),
            ledger: Ledger::default(),
            expected: Expected::default(),
            workers: Vec::new(),
            recovered_in: None,
            healed_at: None,
            speaker: None,
            bug,
            folder,
        }
    }

    /// Starts a worker, or the next one with its name.
    pub fn start(&mut self, order: Order) -> &mut Worker {
        let order = Order { bug: order.bug.or(self.bug), ..order };
        let task = self.room.task(&order, &self.folder);
        self.workers.push(Worker::start(&self.folder, &order, &task));
        self.workers.last_mut().expect("one was added just now")
    }

    /// The last worker that was started with this name.
    ///
    /// # Panics
    /// When there is none.
    pub fn worker(&mut self, name: &str) -> &mut Worker {
        let found = self.workers.iter_mut().rev().find(|worker| worker.name() == name);
        found.unwrap_or_else(|| panic!("nobody is called {name}"))
    }

    /// Begins to append straight to Kafka, and goes on until [`Stage::silence`].
    ///
    /// # Errors
    /// When no appender can be made.
    pub fn speak(&mut self) -> anyhow::Result<()> {
        let appender = Appender::new(self.room.cluster(), self.room.registry())?;
        let voice = Voice::Direct(appender.with_answer_limit(ANSWER_LIMIT));
        let dice = Dice::new(self.dice.roll());
        self.speaker = Some(Speaker::start(voice, self.ledger.clone(), dice));
        Ok(())
    }

    /// Ends appending, and waits until all that was said is acknowledged.
    ///
    /// # Errors
    /// When something never is.
    pub async fn silence(&mut self) -> anyhow::Result<()> {
        match self.speaker.take() {
            Some(speaker) => speaker.silence().await.map_err(anyhow::Error::msg),
            None => Ok(()),
        }
    }

    /// Waits until so many more events are acknowledged than now.
    ///
    /// # Errors
    /// When they are not in time.
    pub async fn said(&self, more: u64) -> anyhow::Result<()> {
        let enough = self.ledger.acknowledged() + more;
        let said = eventually(LIMIT, || async { self.ledger.acknowledged() >= enough }).await;
        said.with_context(|| format!("{} of {enough} events are acknowledged", self.ledger.acknowledged()))
    }

    /// Waits until so many more offsets are folded than now.
    ///
    /// # Errors
    /// When they are not in time.
    pub async fn folded(&self, more: i64) -> anyhow::Result<()> {
        let sum = async || self.room.checkpoints().await.map(|all| all.values().sum::<i64>()).ok();
        let enough = sum().await.unwrap_or(0) + more;
        let folded = eventually(LIMIT, || async { sum().await.is_some_and(|sum| sum >= enough) }).await;
        let at = self.room.checkpoints().await;
        folded.with_context(|| format!("{at:?} of {enough} offsets are folded"))
    }

    /// Waits until all partitions of the topic are followed by this many different workers.
    ///
    /// # Errors
    /// When they are not in time.
    pub async fn shared_by(&self, workers: i64) -> anyhow::Result<()> {
        let sql = "SELECT count(DISTINCT instance) FROM brainops.progress \
                    WHERE state = 'running' AND heartbeat_at > now() - interval '3 s'";
        let shared = || async { self.room.number(sql).await.is_ok_and(|count| count == workers) };
        eventually(LIMIT, shared).await.with_context(|| format!("the work is not shared by {workers}"))
    }

    /// Says that the fault is over: from now on the time to recover is taken.
    pub fn healed(&mut self) {
        self.healed_at = Some(Instant::now());
    }

    /// Waits until everything that is in the topic now is folded, but for partitions that are expected to stand.
    ///
    /// # Errors
    /// When it is not within the expected time.
    pub async fn recover(&mut self) -> anyhow::Result<()> {
        let began = self.healed_at.unwrap_or_else(Instant::now);
        let deadline = began + self.expected.within;
        loop {
            let behind = match self.behind().await {
                Ok(places) if places.is_empty() => break,
                Ok(places) => format!("{places:?}"),
                Err(error) => format!("{error:#}"),
            };
            if Instant::now() > deadline {
                bail!("not at the end after {} s: {behind}", self.expected.within.as_secs());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.recovered_in.get_or_insert(began.elapsed());
        Ok(())
    }

    /// Partitions that are not at the end, with where they are and should be.
    async fn behind(&self) -> anyhow::Result<BTreeMap<i32, (i64, i64)>> {
        let (ends, at) = (self.room.ends().await?, self.room.checkpoints().await?);
        let behind = ends.into_iter().filter(|(partition, _)| !self.expected.standing.contains(partition));
        let behind =
            behind.map(|(partition, end)| (partition, (at.get(&partition).copied().unwrap_or(0), end)));
        Ok(behind.filter(|(_, (at, end))| at < end).collect())
    }

    pub(crate) async fn close(mut self) -> anyhow::Result<()> {
        self.workers.clear();
        if let Some(speaker) = self.speaker.take() {
            speaker.silence().await.ok();
        }
        self.room.close().await
    }

    /// Ends all workers while what they reach the stack by still stands. How they end is judged later.
    ///
    /// # Errors
    /// When one does not end.
    pub async fn end_workers_before<T>(&mut self, _ends_after: T) -> anyhow::Result<()> {
        for worker in &mut self.workers {
            if worker.is_alive() {
                worker.signal(Signal::TERM);
            }
            let ended = worker.until_ended(Duration::from_secs(10)).await;
            anyhow::ensure!(ended.is_some(), "{} does not end", worker.name());
        }
        Ok(())
    }

    /// Waits until a condition holds; `what` is said when it does not.
    ///
    /// # Errors
    /// When it does not in time.
    pub async fn until<F: Future<Output = bool>>(
        &self,
        what: &str,
        condition: impl FnMut() -> F,
    ) -> anyhow::Result<()> {
        eventually(LIMIT, condition).await.with_context(|| what.to_owned())
    }
}
