//! The one thread that owns the consumer. Its life is a row of turns; each does a little of everything and blocks
//! for a tenth of a second at most, except while the cluster is asked something.
use std::collections::VecDeque;
use std::ffi::CStr;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use brainops_event::{Offset, Partition, TopicName};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{Offset as KafkaOffset, TopicPartitionList};
use tokio::sync::mpsc::error::TrySendError;

use super::context::{GroupContext, Rebalance};
use super::hint::Hint;
use super::messages::{Command, End, Ends, Message};
use super::pending::{Pending, Progress};
use super::settings::settings;
use super::{CatchUp, FollowerConfig, failure};
use crate::intake::{Intake, Limits};
use crate::native::{FetchQueue, RawMessage, cached_watermarks};
use crate::read_error::ReadError;
use crate::read_only::ReadOnlyCluster;

/// Longest wait of one turn.
const TURN: Duration = Duration::from_millis(100);
/// Wait of a turn while somebody else is to act.
const SHORT_TURN: Duration = Duration::from_millis(10);
/// Messages taken in one turn.
const TURN_MESSAGES: usize = 1000;
/// How often [`Message::Idle`] comes when nothing else does.
const IDLE_INTERVAL: Duration = Duration::from_secs(1);

/// How often it is checked that the topics are still the same, and how long that may take.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);
const CHECK_LIMIT: Duration = Duration::from_secs(2);

pub(super) struct FollowerThread {
    cluster: ReadOnlyCluster,
    config: FollowerConfig,
    /// Before the consumer that it was made of: fields are dropped in this order.
    queue: FetchQueue,
    consumer: BaseConsumer<GroupContext>,
    intake: Intake,
    /// Waits for room in the channel; nothing is taken meanwhile, so it stays short.
    outbox: VecDeque<Message>,
    ends: Ends,
    pending: Option<Pending>,
    gathering_since: Option<Instant>,
    /// Whether the client had nothing more when it was last asked.
    drained: bool,
    quiet_since: Instant,
    hint: Hint,
    checked_at: Instant,
}

impl FollowerThread {
    /// Makes the consumer, subscribes, and starts the thread.
    pub(super) fn start(
        cluster: &ReadOnlyCluster,
        config: FollowerConfig,
        ends: Ends,
    ) -> Result<JoinHandle<()>, ReadError> {
        let consumer: BaseConsumer<GroupContext> = settings(cluster, &config)
            .create_with_context(GroupContext::default())
            .map_err(ReadError::Client)?;
        let topics: Vec<&str> = config.topics.iter().map(TopicName::as_str).collect();
        consumer.subscribe(&topics).map_err(ReadError::Client)?;
        let name = format!("follow {}", config.group);
        let thread = FollowerThread {
            cluster: cluster.clone(),
            intake: Intake::new(config.limits()),
            config,
            queue: FetchQueue::new(consumer.client()),
            consumer,
            outbox: VecDeque::new(),
            ends,
            pending: None,
            gathering_since: None,
            drained: true,
            quiet_since: Instant::now(),
            hint: Hint::new(),
            checked_at: Instant::now(),
        };
        let spawned = std::thread::Builder::new().name(name).spawn(move || thread.run());
        spawned.map_err(|error| ReadError::Client(KafkaError::ClientCreation(error.to_string())))
    }

    fn run(mut self) {
        let this_thread = std::thread::current();
        self.queue.wake(this_thread.clone());
        self.consumer.set_nonempty_callback(move || this_thread.unpark());
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
                if self.ends.messages.blocking_send(message).is_err() {
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
        self.serve_events()?;
        self.follow_rebalances()?;
        self.advance_pending()?;
        self.gather()?;
        self.hand_on_when_due();
        self.idle_when_due();
        self.hint.give_when_due(&self.consumer);
        self.check_when_due()?;
        let is_delivered = self.deliver()?;
        if !is_delivered || self.drained || self.intake.is_full() {
            std::thread::park_timeout(self.turn_limit()); // whatever comes, from whichever side, unparks
        }
        Ok(())
    }

    fn turn_limit(&self) -> Duration {
        if self.pending.is_some() {
            return SHORT_TURN;
        }
        match self.gathering_since {
            Some(since) if self.is_wanted() => self.config.max_wait.saturating_sub(since.elapsed()).min(TURN),
            _ => TURN,
        }
    }

    /// Whether the follower waits for a batch.
    fn is_wanted(&self) -> bool {
        self.ends.wanting.load(Ordering::Acquire)
    }

    fn obey(&mut self) -> Result<(), End> {
        while let Ok(command) = self.ends.commands.try_recv() {
            match command {
                Command::Stop => return Err(End::Stopped),
                Command::DealtWith(spans) => self.hint.learn(spans),
                Command::Hold(topic, partition) => {
                    self.intake.hold(&topic, partition);
                    self.consumer.pause(&only(&topic, partition))?;
                }
                Command::KeepBack(topic, partition) => {
                    if self.intake.keep_back(&topic, partition, true) {
                        self.consumer.pause(&only(&topic, partition))?;
                    }
                }
                Command::GoOn(topic, partition) => {
                    if self.intake.keep_back(&topic, partition, false) {
                        self.consumer.resume(&only(&topic, partition))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Hands over what waits; false when the caller has no room for it yet.
    fn deliver(&mut self) -> Result<bool, End> {
        while let Some(message) = self.outbox.pop_front() {
            match self.ends.messages.try_send(message) {
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

    /// Lets the client call back, and keeps it sure that we live. Records come through a queue of their own.
    fn serve_events(&mut self) -> Result<(), End> {
        while let Some(polled) = self.consumer.poll(Duration::ZERO) {
            match polled {
                Ok(message) => self.intake.take(RawMessage::from(&message)),
                Err(error) => failure::judge(&self.cluster, &self.consumer, &self.intake, error)?,
            }
        }
        Ok(())
    }

    /// Takes what the client has, as long as there is room.
    fn gather(&mut self) -> Result<(), End> {
        self.drained = false;
        if !self.outbox.is_empty() || self.intake.is_full() {
            return Ok(());
        }
        let most = self.intake.room().clamp(1, TURN_MESSAGES);
        let (intake, outbox, consumer) = (&mut self.intake, &mut self.outbox, &self.consumer);
        let taken = self.queue.take(most, |message| {
            if intake.is_full_for(message) {
                hand_on(intake, consumer, outbox);
            }
            intake.take(message);
        });
        match taken {
            Ok(taken) => self.drained = taken < most,
            Err(error) => failure::judge(&self.cluster, &self.consumer, &self.intake, error)?,
        }
        if self.intake.is_full() && !self.intake.has_grown() {
            self.grow_when_behind();
        }
        Ok(())
    }

    fn grow_when_behind(&mut self) {
        let Some(CatchUp { records, bytes }) = self.config.catch_up else { return };
        let consumer = &self.consumer;
        let ahead = self.intake.known_ahead(|topic, partition| end_of(consumer, topic, partition));
        if ahead > self.config.max_records as u64 {
            self.intake.grow(Limits { records, bytes });
        }
    }

    /// A batch is due when somebody waits for it, and it is full, has waited for long enough, or nothing more is known
    /// to be there.
    fn hand_on_when_due(&mut self) {
        if self.intake.is_empty() {
            self.gathering_since = None;
            return;
        }
        let since = *self.gathering_since.get_or_insert_with(Instant::now);
        if !self.is_wanted() {
            return;
        }
        let consumer = &self.consumer;
        let end_of = |topic: &CStr, partition| end_of(consumer, topic, partition);
        if self.intake.is_full()
            || since.elapsed() >= self.config.max_wait
            || self.drained && self.intake.known_ahead(end_of) == 0
        {
            self.ends.wanting.store(false, Ordering::Release);
            hand_on(&mut self.intake, &self.consumer, &mut self.outbox);
            self.gathering_since = None;
        }
    }

    fn idle_when_due(&mut self) {
        let has_room = self.outbox.is_empty() && self.ends.messages.capacity() > 0;
        let is_quiet = has_room && self.intake.is_empty() && self.is_wanted();
        if is_quiet && self.quiet_since.elapsed() >= IDLE_INTERVAL {
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
                    // before anything is fetched of it
                    self.queue.lead_here(self.consumer.client(), &begin.c_topic(), begin.partition.get());
                    let from = KafkaOffset::Offset(begin.refill_from().get());
                    list.add_partition_offset(begin.topic.as_str(), begin.partition.get(), from)?;
                }
                self.consumer.incremental_assign(&list)?;
                self.consumer.resume(&list)?; // a hold from before a revocation outlives it in the client
                begins.into_iter().for_each(|begin| self.intake.insert(begin));
                Ok(())
            }
        }
    }
}

/// A list of one partition.
fn only(topic: &TopicName, partition: Partition) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    list.add_partition(topic.as_str(), partition.get());
    list
}

fn hand_on(intake: &mut Intake, consumer: &BaseConsumer<GroupContext>, outbox: &mut VecDeque<Message>) {
    let gathered = intake.hand_on(|topic, partition| end_of(consumer, topic, partition));
    outbox.extend(gathered.map(Message::Gathered));
}

/// The offset after the last record as of the last fetch.
fn end_of(consumer: &BaseConsumer<GroupContext>, topic: &CStr, partition: Partition) -> Option<Offset> {
    let (_, high) = cached_watermarks(consumer.client(), topic, partition.get())?;
    Offset::new(high).ok()
}
