//! The one thread that owns the consumer. Its life is a row of turns; each does a little of everything and blocks
//! for a tenth of a second at most, except while the cluster is asked something.
use std::collections::VecDeque;
use std::ffi::CString;
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use brainops_event::{Offset, Partition, TopicName};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{Offset as KafkaOffset, TopicPartitionList};
use tokio::sync::mpsc::{self, error::TrySendError};

use super::assignment::Assignment;
use super::context::{GroupContext, Rebalance};
use super::hint::Hint;
use super::pending::{Pending, Progress};
use super::{FollowerConfig, failure};
use crate::batch::Span;
use crate::cluster::Cluster;
use crate::frontier::PartitionLag;
use crate::intake::{Gathered, Intake};
use crate::native::cached_watermarks;
use crate::read_error::ReadError;

/// Longest wait of one turn.
const TURN: Duration = Duration::from_millis(100);
/// Wait of a turn while somebody else is to act.
const SHORT_TURN: Duration = Duration::from_millis(10);
/// Messages taken in one turn.
const TURN_MESSAGES: usize = 1000;
/// How long the caller may take before partitions are paused, so that polling can go on without fetching.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often [`Message::Idle`] comes when nothing else does.
const IDLE_INTERVAL: Duration = Duration::from_secs(1);

/// How often it is checked that the topics are still the same, and how long that may take.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);
const CHECK_LIMIT: Duration = Duration::from_secs(2);

/// From the thread to the follower.
#[derive(Debug)]
pub(super) enum Message {
    Assigned(Assignment),
    Revoked(Vec<(TopicName, Partition)>),
    Gathered(Gathered),
    Idle(Vec<PartitionLag>),
    Failed(ReadError),
}

/// From the follower to the thread.
#[derive(Debug)]
pub(super) enum Command {
    Hold(TopicName, Partition),
    DealtWith(Vec<Span>),
    Stop,
}

/// Why turns end.
pub(super) enum End {
    /// Nobody wants more.
    Stopped,
    Failed(ReadError),
}

impl From<ReadError> for End {
    fn from(error: ReadError) -> End {
        End::Failed(error)
    }
}

impl From<KafkaError> for End {
    fn from(error: KafkaError) -> End {
        End::Failed(ReadError::Client(error))
    }
}

pub(super) struct FollowerThread {
    cluster: Cluster,
    config: FollowerConfig,
    consumer: BaseConsumer<GroupContext>,
    intake: Intake,
    /// Waits for room in the channel; nothing is fetched meanwhile, so it stays short.
    outbox: VecDeque<Message>,
    messages: mpsc::Sender<Message>,
    commands: Receiver<Command>,
    pending: Option<Pending>,
    gathering_since: Option<Instant>,
    blocked_since: Option<Instant>,
    paused: bool,
    quiet_since: Instant,
    hint: Hint,
    checked_at: Instant,
}

impl FollowerThread {
    /// Makes the consumer, subscribes, and starts the thread.
    pub(super) fn start(
        cluster: &Cluster,
        config: FollowerConfig,
        messages: mpsc::Sender<Message>,
        commands: Receiver<Command>,
    ) -> Result<JoinHandle<()>, ReadError> {
        let consumer: BaseConsumer<GroupContext> = cluster
            .consumer(&config.group)
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", "10000") // how long the partitions of a killed member stand still
            .set("heartbeat.interval.ms", "3000")
            .set("queued.max.messages.kbytes", "16384")
            .set("queued.min.messages", "20000")
            .create_with_context(GroupContext::default())
            .map_err(ReadError::Client)?;
        let topics: Vec<&str> = config.topics.iter().map(TopicName::as_str).collect();
        consumer.subscribe(&topics).map_err(ReadError::Client)?;
        let name = format!("follow {}", config.group);
        let thread = FollowerThread {
            cluster: cluster.clone(),
            intake: Intake::new(config.limits()),
            config,
            consumer,
            outbox: VecDeque::new(),
            messages,
            commands,
            pending: None,
            gathering_since: None,
            blocked_since: None,
            paused: false,
            quiet_since: Instant::now(),
            hint: Hint::new(),
            checked_at: Instant::now(),
        };
        let spawned = std::thread::Builder::new().name(name).spawn(move || thread.run());
        spawned.map_err(|error| ReadError::Client(KafkaError::ClientCreation(error.to_string())))
    }

    fn run(mut self) {
        let end = loop {
            if let Err(end) = self.turn() {
                break end;
            }
        };
        self.hint.give(&self.consumer); // the last batch may have been dealt with just now
        if let End::Failed(error) = end {
            tracing::error!(
                group = self.config.group,
                error = &error as &dyn std::error::Error,
                "reading has ended"
            );
            self.outbox.push_back(Message::Failed(error));
            while let Some(message) = self.outbox.pop_front() {
                if self.messages.blocking_send(message).is_err() {
                    break;
                }
            }
        }
        self.consumer.context().close();
        if let Some(pending) = self.pending.take() {
            self.consumer.incremental_assign(pending.list()).ok(); // or leaving would wait for this answer for ever
        }
    }

    fn turn(&mut self) -> Result<(), End> {
        self.obey()?;
        self.advance_pending()?;
        if self.deliver()? {
            self.let_flow()?;
            self.poll(self.turn_limit())?;
        } else {
            self.hold_back()?;
        }
        self.follow_rebalances()?;
        self.hand_on_when_due();
        self.idle_when_due();
        self.hint.give_when_due(&self.consumer);
        self.check_when_due()
    }

    fn turn_limit(&self) -> Duration {
        if self.pending.is_some() {
            return SHORT_TURN;
        }
        match self.gathering_since {
            Some(since) => self.config.max_wait.saturating_sub(since.elapsed()).min(TURN),
            None => TURN,
        }
    }

    fn obey(&mut self) -> Result<(), End> {
        while let Ok(command) = self.commands.try_recv() {
            match command {
                Command::Stop => return Err(End::Stopped),
                Command::DealtWith(spans) => self.hint.learn(spans),
                Command::Hold(topic, partition) => {
                    self.intake.hold(&topic, partition);
                    let mut held = TopicPartitionList::new();
                    held.add_partition(topic.as_str(), partition.get());
                    self.consumer.pause(&held)?;
                }
            }
        }
        Ok(())
    }

    /// Hands over what waits; false when the caller has no room for it yet.
    fn deliver(&mut self) -> Result<bool, End> {
        while let Some(message) = self.outbox.pop_front() {
            match self.messages.try_send(message) {
                Ok(()) => self.quiet_since = Instant::now(),
                Err(TrySendError::Closed(_)) => return Err(End::Stopped),
                Err(TrySendError::Full(message)) => {
                    self.outbox.push_front(message);
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// The caller has no room: wait without fetching, and after a while go on polling without fetching.
    fn hold_back(&mut self) -> Result<(), End> {
        let since = *self.blocked_since.get_or_insert_with(Instant::now);
        if since.elapsed() < PATIENCE {
            std::thread::park_timeout(SHORT_TURN); // the caller unparks when it has room
            return Ok(());
        }
        if !self.paused {
            self.consumer.pause(&self.consumer.assignment()?)?;
            self.paused = true;
        }
        self.poll(SHORT_TURN)
    }

    fn let_flow(&mut self) -> Result<(), End> {
        self.blocked_since = None;
        if !self.paused {
            return Ok(());
        }
        self.paused = false;
        let mut wanted = TopicPartitionList::new();
        for (begin, _) in self.intake.places().filter(|(begin, _)| !self.intake.is_held(begin)) {
            wanted.add_partition(begin.topic.as_str(), begin.partition.get());
        }
        Ok(self.consumer.resume(&wanted)?)
    }

    fn poll(&mut self, limit: Duration) -> Result<(), End> {
        let mut wait = limit;
        for _ in 0..TURN_MESSAGES {
            let Some(polled) = self.consumer.poll(wait) else { break };
            wait = Duration::ZERO;
            match polled {
                Ok(message) => {
                    if self.intake.is_full_for(&message) {
                        hand_on(&mut self.intake, &self.consumer, &mut self.outbox);
                    }
                    self.intake.take(&message);
                }
                Err(error) => failure::judge(&self.cluster, &self.consumer, &self.intake, error)?,
            }
            if self.intake.is_full() || !self.outbox.is_empty() {
                break;
            }
        }
        if self.intake.is_empty() {
            self.gathering_since = None;
        } else {
            self.gathering_since.get_or_insert_with(Instant::now);
        }
        Ok(())
    }

    fn hand_on_when_due(&mut self) {
        let waited = self.gathering_since.is_some_and(|since| since.elapsed() >= self.config.max_wait);
        if waited || self.intake.is_full() {
            hand_on(&mut self.intake, &self.consumer, &mut self.outbox);
            self.gathering_since = None;
        }
    }

    fn idle_when_due(&mut self) {
        let has_room = self.outbox.is_empty() && self.messages.capacity() > 0;
        if has_room && self.quiet_since.elapsed() >= IDLE_INTERVAL {
            let consumer = &self.consumer;
            let lags = self.intake.lag(|topic, partition| end_of(consumer, topic, partition));
            self.outbox.push_back(Message::Idle(lags));
        }
    }

    /// Looks whether the topics are still the same. Of one that was made again, records may have been handed out for
    /// as long as this takes to come round.
    fn check_when_due(&mut self) -> Result<(), End> {
        if self.checked_at.elapsed() < CHECK_INTERVAL {
            return Ok(());
        }
        let checked = failure::check_topics(&self.cluster, &self.consumer, &self.intake, CHECK_LIMIT);
        self.checked_at = Instant::now();
        Ok(checked?)
    }

    fn follow_rebalances(&mut self) -> Result<(), End> {
        for rebalance in self.consumer.context().take() {
            match rebalance {
                Rebalance::Assign(list) => self.pending = Some(Pending::new(list)),
                Rebalance::Revoke(list) => self.revoke(&list),
            }
        }
        Ok(())
    }

    fn revoke(&mut self, list: &TopicPartitionList) {
        self.pending = None;
        hand_on(&mut self.intake, &self.consumer, &mut self.outbox); // before their progress is forgotten
        self.gathering_since = None;
        let revoked = super::pending::named(&self.config.topics, list);
        for (topic, partition) in &revoked {
            self.intake.remove(topic, *partition);
            self.hint.forget(topic, *partition);
        }
        if !revoked.is_empty() {
            self.outbox.push_back(Message::Revoked(revoked));
        }
    }

    fn advance_pending(&mut self) -> Result<(), End> {
        let Some(pending) = &mut self.pending else { return Ok(()) };
        match pending.advance(&self.cluster, &self.consumer, &self.config.topics)? {
            Progress::Waiting => Ok(()),
            Progress::Ask(assignment) => {
                self.outbox.push_back(Message::Assigned(assignment));
                Ok(())
            }
            Progress::Begin(begins) => {
                self.pending = None;
                let mut list = TopicPartitionList::with_capacity(begins.len());
                for begin in &begins {
                    let from = KafkaOffset::Offset(begin.refill_from().get());
                    list.add_partition_offset(begin.topic.as_str(), begin.partition.get(), from)?;
                }
                self.consumer.incremental_assign(&list)?;
                if self.paused {
                    self.consumer.pause(&list)?;
                }
                begins.into_iter().for_each(|begin| self.intake.insert(begin));
                Ok(())
            }
        }
    }
}

fn hand_on(intake: &mut Intake, consumer: &BaseConsumer<GroupContext>, outbox: &mut VecDeque<Message>) {
    let gathered = intake.hand_on(|topic, partition| end_of(consumer, topic, partition));
    outbox.extend(gathered.map(Message::Gathered));
}

/// The offset after the last record as of the last fetch.
fn end_of(consumer: &BaseConsumer<GroupContext>, topic: &CString, partition: Partition) -> Option<Offset> {
    let (_, high) = cached_watermarks(consumer.client(), topic, partition.get())?;
    Offset::new(high).ok()
}
