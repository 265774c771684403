//! One producer of a session: what it has sent, what waits for a gate, what came back.
//!
//! A session ends with its producer. Nothing is sent and nobody is answered unless the lease is good by our own
//! clock: a process that slept finds it run out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use brainops_event::{Offset, Position, Timestamp};
use brainops_fault as fault;
use brainops_log::{Delivery, SendError, Sender, SentRecord};
use metrics::counter;
use tokio::sync::mpsc;

use super::end::SessionEnd;
use super::flight::{Flight, Sent};
use super::held::HeldRows;
use super::lanes::Lanes;
use super::lease::Lease;
use super::turn::Numbered;
use crate::metrics::SENT;
use crate::outbox::Shared;
use crate::recovery::Confirmed;
use crate::waiters::Acknowledged;

/// How long records gather into a request: not at all, callers wait.
const LINGER: Duration = Duration::ZERO;
/// How many answers are looked at together.
const ANSWERS: usize = 1_024;
/// How many records are sent between two looks at the lease.
const SEND_BETWEEN_CHECKS: usize = 100;

pub(crate) struct Sending {
    shared: Arc<Shared>,
    pub(crate) lanes: Lanes,
    pub(crate) flight: Flight,
    /// Numbered, and behind a gate.
    pub(crate) held: HeldRows,
    /// Acknowledged and not yet stored.
    pub(crate) marks: Vec<Confirmed>,
    pub(crate) marks_since: Option<Instant>,
    /// Of rows that an earlier epoch numbered, by lane: where the last acknowledged record of ours stands.
    pub(crate) reached: Option<BTreeMap<usize, Offset>>,
    sender: Option<Sender>,
    deliveries: mpsc::UnboundedReceiver<Delivery>,
    answers: Vec<Delivery>,
}

impl Sending {
    pub(crate) fn start(shared: &Arc<Shared>, lanes: Lanes) -> Result<Sending, SessionEnd> {
        let (sender, deliveries) = Sender::start(&shared.cluster, LINGER).map_err(SessionEnd::Producer)?;
        Ok(Sending {
            shared: Arc::clone(shared),
            flight: Flight::new(lanes.list.len()),
            held: HeldRows::new(lanes.list.len()),
            lanes,
            marks: Vec::new(),
            marks_since: None,
            reached: None,
            sender: Some(sender),
            deliveries,
            answers: Vec::with_capacity(ANSWERS),
        })
    }

    /// Sends rows in this order; those behind a gate, and what comes after them in their lane, when it opens.
    pub(crate) async fn send(&mut self, lease: &Lease, rows: Vec<Numbered>) -> Result<(), SessionEnd> {
        let (count, half) = (rows.len(), rows.len() / 2);
        for (index, row) in rows.into_iter().enumerate() {
            if index % SEND_BETWEEN_CHECKS == 0 {
                lease.check()?;
            }
            if index == half {
                fault::point("relay.half_sent");
            }
            let lane = self.lane_of(&row)?;
            if self.held.holds(lane) || !self.may_pass(lease, &row) {
                self.held.push(lane, row);
            } else {
                self.send_one(lease, lane, &row).await?;
            }
        }
        if count > 0 {
            fault::point("relay.sent");
        }
        Ok(())
    }

    /// Sends what waits no longer, as far as there is room.
    pub(crate) async fn release(&mut self, lease: &Lease) -> Result<(), SessionEnd> {
        for lane in self.held.lanes() {
            let mut sent = 0;
            while let Some(row) = self.held.front(lane)
                && self.flight.has_room(1, row.bytes())
                && self.may_pass(lease, row)
            {
                if sent % SEND_BETWEEN_CHECKS == 0 {
                    lease.check()?;
                    fault::point("relay.gate_opened");
                }
                sent += 1;
                let Some(row) = self.held.pop(lane) else { break };
                self.send_one(lease, lane, &row).await?;
            }
        }
        Ok(())
    }

    fn may_pass(&self, lease: &Lease, row: &Numbered) -> bool {
        row.gate.is_none_or(|gate| self.shared.gates.is_open(gate, lease.shard))
    }

    fn lane_of(&self, row: &Numbered) -> Result<usize, SessionEnd> {
        self.lanes.find(&row.place).ok_or_else(|| SessionEnd::NewPlace {
            topic: row.place.0.to_string(),
            partition: row.place.1.get(),
        })
    }

    async fn send_one(&mut self, lease: &Lease, lane: usize, row: &Numbered) -> Result<(), SessionEnd> {
        let sent = Sent { outbox_id: row.outbox_id, lane, send_no: row.send_no, bytes: row.bytes() };
        let ticket = self.flight.push(sent);
        let record = SentRecord {
            topic: &row.place.0,
            partition: row.place.1,
            key: &row.key,
            headers: &row.headers,
            value: &row.value,
        };
        loop {
            let Some(sender) = &self.sender else { return Err(SessionEnd::OutOfOrder) };
            match sender.send(ticket, record) {
                Ok(()) => return Ok(()),
                Err(SendError::QueueFull) => {
                    self.hear().await;
                    self.absorb(lease)?;
                }
                Err(error @ SendError::Ended(_)) => return Err(self.producer_ended(lease, error).await),
            }
        }
    }

    /// The answer of the record that ended the producer says more than the refusal to take another.
    async fn producer_ended(&mut self, lease: &Lease, error: SendError) -> SessionEnd {
        let heard = tokio::time::timeout(Duration::from_secs(1), self.hear()).await;
        match heard.map(|()| self.absorb(lease)) {
            Ok(Err(end)) => end,
            Ok(Ok(())) | Err(_) => SessionEnd::ProducerEnded(error),
        }
    }

    /// Waits for answers. May be dropped and called again without losing any.
    pub(crate) async fn hear(&mut self) {
        let room = ANSWERS - self.answers.len().min(ANSWERS - 1);
        self.deliveries.recv_many(&mut self.answers, room).await;
    }

    /// Takes what was heard: marks what was acknowledged and answers those who wait for it.
    pub(crate) fn absorb(&mut self, lease: &Lease) -> Result<(), SessionEnd> {
        let mut acknowledged = Vec::with_capacity(self.answers.len());
        let mut failed = None;
        for Delivery { ticket, result } in std::mem::take(&mut self.answers) {
            match result {
                Ok((offset, recorded_at)) => {
                    let sent = self.flight.acknowledge(ticket).ok_or(SessionEnd::OutOfOrder)?;
                    acknowledged.push((sent, offset, recorded_at));
                }
                Err(source) => {
                    let Some(sent) = self.flight.get(ticket) else { return Err(SessionEnd::OutOfOrder) };
                    let place = self.lanes.list[sent.lane].place.clone();
                    failed = Some(SessionEnd::Delivery { outbox_id: sent.outbox_id, place, source });
                    break;
                }
            }
        }
        lease.check()?;
        self.take(acknowledged)?;
        failed.map_or(Ok(()), Err)
    }

    fn take(&mut self, acknowledged: Vec<(Sent, Offset, Timestamp)>) -> Result<(), SessionEnd> {
        self.shared.stand_in_the_log(acknowledged.iter().map(|(sent, ..)| sent.outbox_id));
        let mut answers = Vec::with_capacity(acknowledged.len());
        for (sent, offset, recorded_at) in acknowledged {
            let lane = &mut self.lanes.list[sent.lane];
            if offset < lane.next {
                let (place, expected) = (lane.place.clone(), lane.next.get());
                return Err(SessionEnd::WentBack { place, offset: offset.get(), expected });
            }
            lane.next = offset.next();
            if let Some(reached) = &mut self.reached {
                reached.insert(sent.lane, offset);
                continue;
            }
            let place = lane.place.clone();
            let position = Position { topic: place.0.clone(), partition: place.1, offset };
            answers.push(Acknowledged { outbox_id: sent.outbox_id, position, recorded_at });
            let Sent { outbox_id, send_no, .. } = sent;
            self.marks.push(Confirmed { outbox_id, place, send_no, offset, recorded_at });
        }
        if answers.is_empty() {
            return Ok(());
        }
        self.marks_since.get_or_insert_with(Instant::now);
        counter!(SENT).increment(answers.len() as u64);
        self.shared.waiters.answer(&answers);
        fault::point("relay.acknowledged");
        Ok(())
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        let Some(sender) = self.sender.take() else { return };
        sender.end();
        std::thread::spawn(move || drop(sender)); // it may block for a moment
    }
}
