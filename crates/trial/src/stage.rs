//! Where a scenario plays: what it can do, and what it expects.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use brainops_event::{Outgoing, PartitionCount, SchemaId, partition_for};
use brainops_fault::Bug;
use brainops_log::Appender;
use brainops_outbox::Outbox;
use brainops_projection::Generation;
use brainops_testkit::eventually;
use tokio::time::Instant;

use crate::dice::Dice;
use crate::disk::Disks;
use crate::ledger::Ledger;
use crate::order::{Order, Role};
use crate::process::Worker;
use crate::room::{PARTITIONS, Room, outbox_config};
use crate::speaker::{LONG_PAUSE, PAUSE, Speaker};
use crate::voice::{Mouth, Voice, say};

/// How long anything that is waited for may take, where nothing else is said.
const LIMIT: Duration = Duration::from_secs(60);

/// How long a direct append waits for its acknowledgement before it is said again.
const ANSWER_LIMIT: Duration = Duration::from_secs(8);

/// What a scenario expects after its fault, beyond what always holds.
#[derive(Debug, Clone)]
pub struct Expected {
    /// Partition and offset of each record that must be parked; those behind it with the same key are held.
    pub poison: BTreeSet<(i32, i64)>,
    /// Those of them that a person has dismissed: what is behind them counts again.
    pub dismissed: BTreeSet<(i32, i64)>,
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
            dismissed: BTreeSet::new(),
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
    /// A generation that is folded from history in this scenario.
    pub(crate) rebuilt: Option<Generation>,
    /// Whether sagas run here, rather than the read model.
    pub(crate) reacts: bool,
    healed_at: Option<Instant>,
    /// Whether acknowledgements name the first record of an event, as those of the outbox must.
    pub(crate) answers_are_first: bool,
    speaker: Option<Speaker>,
    mouth: Mouth,
    bug: Option<Bug>,
    pub(crate) folder: PathBuf,
    disks: Option<Disks>,
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
            rebuilt: None,
            reacts: false,
            healed_at: None,
            answers_are_first: false,
            speaker: None,
            mouth: Mouth::default(),
            bug,
            folder,
            disks: None,
        }
    }

    pub(crate) fn on_disks(self, disks: Option<Disks>) -> Self {
        Self { disks, ..self }
    }

    /// The disks of a stack of the scenario's own.
    ///
    /// # Panics
    /// When it plays on the stack of all.
    pub fn disks(&self) -> &Disks {
        self.disks.as_ref().expect("a scenario on small disks")
    }

    /// Starts a worker, or the next one with its name.
    pub fn start(&mut self, order: Order) -> &mut Worker {
        let order = Order { bug: order.bug.or(self.bug), ..order };
        self.reacts |= order.role == Role::React;
        let task = self.room.task(&order, &self.folder);
        let mut worker = Worker::start(&self.folder, &order, &task);
        if let Some(pipes) = worker.pipes() {
            self.mouth.use_pipes(pipes);
        }
        self.workers.push(worker);
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
        self.speak_by(Voice::Direct(appender.with_answer_limit(ANSWER_LIMIT)), PAUSE);
        Ok(())
    }

    /// The same with longer pauses, for those who answer each event by several.
    ///
    /// # Errors
    /// When no appender can be made.
    pub fn speak_calmly(&mut self) -> anyhow::Result<()> {
        let appender = Appender::new(self.room.cluster(), self.room.registry())?;
        self.speak_by(Voice::Direct(appender.with_answer_limit(ANSWER_LIMIT)), LONG_PAUSE);
        Ok(())
    }

    /// The same through the outbox of this process, which nobody kills; somebody must relay.
    ///
    /// # Errors
    /// When the outbox cannot be opened.
    pub async fn speak_through_outbox(&mut self) -> anyhow::Result<()> {
        let (pool, cluster, registry) = (self.room.pool(), self.room.cluster(), self.room.registry());
        let outbox = Outbox::open(pool, cluster, registry, outbox_config()).await?;
        self.answers_are_first = true;
        self.speak_by(Voice::Outbox(outbox), PAUSE);
        Ok(())
    }

    /// The same through worker processes that append; the one that is started last is the one who speaks.
    pub fn speak_through_workers(&mut self) {
        self.answers_are_first = true;
        self.speak_by(Voice::Process(self.mouth.clone()), PAUSE);
    }

    fn speak_by(&mut self, voice: Voice, pause: Duration) {
        let dice = Dice::new(self.dice.roll());
        self.speaker = Some(Speaker::start(voice, self.ledger.clone(), dice, pause));
    }

    /// Appends these events straight to Kafka, now.
    ///
    /// # Errors
    /// When one is not acknowledged.
    pub async fn append(&self, events: Vec<Outgoing>) -> anyhow::Result<()> {
        let appender = Appender::new(self.room.cluster(), self.room.registry())?;
        for appended in appender.append_all(events).await {
            appended?;
        }
        Ok(())
    }

    /// Says so many events about each of these subjects, now.
    ///
    /// # Errors
    /// When one is not acknowledged.
    pub async fn say_about(&self, subjects: &[&str], events: usize) -> anyhow::Result<()> {
        let voice = Voice::Direct(Appender::new(self.room.cluster(), self.room.registry())?);
        let each = subjects.iter().flat_map(|subject| std::iter::repeat_n(*subject, events));
        let said = each.map(|subject| (self.ledger.say(subject), subject.to_owned())).collect();
        let left = say(&voice, &self.ledger, said).await.map_err(anyhow::Error::msg)?;
        anyhow::ensure!(left.is_empty(), "{} events about {subjects:?} are not acknowledged", left.len());
        Ok(())
    }

    /// The id of the schema of the trial's events.
    pub fn schema(&self) -> SchemaId {
        self.room.schema()
    }

    /// The partition of a subject.
    ///
    /// # Panics
    /// Never: there are partitions.
    pub fn partition_of(&self, subject: &str) -> i32 {
        partition_for(subject.as_bytes(), PartitionCount::new(PARTITIONS).expect("partitions")).get()
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
        let now = self.offsets_folded().await.unwrap_or(0);
        self.folded_in_all(now + more).await
    }

    /// Waits until this many offsets are folded, those from before included.
    ///
    /// # Errors
    /// When they are not in time.
    pub async fn folded_in_all(&self, enough: i64) -> anyhow::Result<()> {
        let is_enough = || async { self.offsets_folded().await.is_some_and(|sum| sum >= enough) };
        let folded = eventually(LIMIT, is_enough).await;
        let at = self.room.checkpoints().await;
        folded.with_context(|| format!("{at:?} of {enough} offsets are folded"))
    }

    pub(crate) async fn offsets_folded(&self) -> Option<i64> {
        self.room.checkpoints().await.map(|all| all.values().sum::<i64>()).ok()
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

    /// Waits until a worker's log has one of these words.
    ///
    /// # Errors
    /// When it has not in time.
    pub async fn until_logged(&mut self, name: &str, words: &[&str]) -> anyhow::Result<()> {
        let deadline = Instant::now() + LIMIT;
        while !words.iter().any(|words| self.worker(name).log().contains(words)) {
            anyhow::ensure!(Instant::now() < deadline, "{name} never says one of {words:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Says that the fault is over: from now on the time to recover is taken.
    pub fn healed(&mut self) {
        self.healed_at = Some(Instant::now());
    }

    /// Waits until everything that is in the topic now is folded, or taken by sagas and answered, but for partitions that are expected to stand.
    ///
    /// # Errors
    /// When it is not within the expected time.
    pub async fn recover(&mut self) -> anyhow::Result<()> {
        let began = self.healed_at.unwrap_or_else(Instant::now);
        let deadline = began + self.expected.within;
        loop {
            let undone = if self.reacts { self.undone().await } else { self.behind().await };
            let behind = match undone {
                Ok(None) => break,
                Ok(Some(behind)) => behind,
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

    /// Partitions that are not at the end, if any, with where they are and should be.
    async fn behind(&self) -> anyhow::Result<Option<String>> {
        let (ends, at) = (self.room.ends().await?, self.room.checkpoints().await?);
        let behind = ends.into_iter().filter(|(partition, _)| !self.expected.standing.contains(partition));
        let behind =
            behind.map(|(partition, end)| (partition, (at.get(&partition).copied().unwrap_or(0), end)));
        let behind: BTreeMap<i32, (i64, i64)> = behind.filter(|(_, (at, end))| at < end).collect();
        Ok((!behind.is_empty()).then(|| format!("{behind:?}")))
    }

    /// Ends everything; what the disks were under is unmounted by whoever gets them.
    pub(crate) async fn close(mut self) -> anyhow::Result<Option<Disks>> {
        self.workers.clear();
        if let Some(speaker) = self.speaker.take() {
            speaker.silence().await.ok();
        }
        if self.disks.is_none() {
            self.room.close().await?; // a stack of its own goes as a whole
        }
        Ok(self.disks)
    }

    /// Ends all workers while what they reach the stack by still stands. How they end is judged later.
    ///
    /// # Errors
    /// When one does not end.
    pub async fn end_workers_before<T>(&mut self, _ends_after: T) -> anyhow::Result<()> {
        for worker in &mut self.workers {
            worker.ask_to_end();
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
