//! One holder, one shard, one epoch: from the lease until it is lost, given up, or something fails.
//!
//! ```text
//!   lease taken -> partitions compared -> ends read, names reserved -> open -> what is missing sent again
//!        -> [ number -> send -> acknowledged -> answer callers -> mark with the next numbering ] -> lease given up
//!                   \-> behind a gate: when that is acknowledged
//! ```
//!
//! **Dangers.** Another relay may take the shard while this one sleeps; then this one numbers and marks nothing (the
//! epoch), sends nothing more and answers nobody (the clock). What lies in its producer may still arrive: rows that
//! are numbered, in their order, so they are repeats. **Choice made.** Whatever fails ends the session: there is one
//! way to begin, which reads what stands, and no second one to repair things. **Deliberately missing.** Fencing in
//! Kafka: nothing rests on its transactions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use brainops_fault as fault;
use sqlx::postgres::PgConnection;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::end::SessionEnd;
use super::lanes::Lanes;
use super::lease::Lease;
use super::sending::Sending;
use super::turn::{Numbered, Progress, Room, Turn, take_turn};
use crate::handover::Handoff;
use crate::listen::MARKS;
use crate::outbox::{Shared, Wake};
use crate::recovery::Place;
use crate::waiters::Acknowledged;

/// What one turn numbers at most.
const TURN_ROWS: usize = 2_000;
const TURN_BYTES: usize = 8 * 1024 * 1024;
/// What others may number at most, with what is on its way.
const HANDED_ROWS: usize = TURN_ROWS;
/// How long marks wait for a turn that numbers, and how many at most.
const MARK_DELAY: Duration = Duration::from_millis(20);
const MARK_ROWS: usize = 2_000;
/// How often it is looked in the tables for gates that rows wait for. What this process acknowledges is known at once.
const LOOK_AT_GATES_EVERY: Duration = Duration::from_millis(100);
/// How often an idle session looks where the log ends.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// How long what is on its way may take after shutdown was asked for.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);

pub(crate) struct Session {
    pub(super) shared: Arc<Shared>,
    pub(super) lease: Lease,
    pub(super) connection: PgConnection,
    pub(super) sending: Sending,
    /// There may be rows to number.
    more: bool,
    /// How many partitions were too full when rows were numbered last: they may have rows that were left.
    full: usize,
    /// Gates that rows of earlier epochs wait for, whose partitions stand still meanwhile.
    pub(super) gates_of_earlier: Vec<i64>,
    looked_at_gates: Instant,
    looked: Instant,
    look: Option<JoinHandle<Result<brainops_event::Frontier, SessionEnd>>>,
}

impl Session {
    /// Compares the partitions with Kafka and starts a producer.
    pub(crate) async fn begin(
        shared: &Arc<Shared>,
        mut connection: PgConnection,
        lease: Lease,
        refused: &BTreeMap<Place, String>,
    ) -> Result<Session, SessionEnd> {
        let lanes = Lanes::load(shared, &mut connection, &lease, refused).await?;
        let sending = Sending::start(shared, lanes)?;
        let now = Instant::now();
        Ok(Session {
            shared: Arc::clone(shared),
            lease,
            connection,
            sending,
            more: true,
            full: 0,
            gates_of_earlier: Vec::new(),
            looked_at_gates: now,
            looked: now,
            look: None,
        })
    }

    /// Recovers, then sends until shutdown is asked for. The lease is given up then.
    pub(crate) async fn run(mut self, shutdown: &CancellationToken) -> Result<(), SessionEnd> {
        if let Some(recovered) = shutdown.run_until_cancelled(self.recover()).await {
            recovered?;
            self.wake().held.store(true, Ordering::Release);
            // Where a lane stands still for this session alone, nobody else knows.
            if self.gates_of_earlier.is_empty() {
                self.handoff().open(self.lease.epoch, self.handing_room());
            }
            self.send_on(shutdown).await?;
        }
        self.drain().await
    }

    fn wake(&self) -> &Wake {
        &self.shared.wakes[usize::from(self.lease.shard)]
    }

    fn handoff(&self) -> &Handoff {
        &self.shared.handoffs[usize::from(self.lease.shard)]
    }

    /// How many rows others may hand over: while much is on its way, the relay alone says what comes next.
    fn handing_room(&self) -> usize {
        HANDED_ROWS.saturating_sub(self.sending.flight.len() + self.sending.held.len())
    }

    async fn send_on(&mut self, shutdown: &CancellationToken) -> Result<(), SessionEnd> {
        while !shutdown.is_cancelled() {
            if self.turn_is_due() {
                let turn = self.next_turn();
                self.turn(turn).await?;
                continue;
            }
            let due = self.due();
            let (shared, shard) = (Arc::clone(&self.shared), usize::from(self.lease.shard));
            let (wake, handoff) = (&shared.wakes[shard], &shared.handoffs[shard]);
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = wake.rows.notified() => self.more = true,
                () = wake.gates.notified() => self.release().await?,
                () = handoff.handed.notified() => self.send_handed().await?,
                () = wake.maybe.notified() => self.more = self.more || self.any_unnumbered().await?,
                () = self.sending.hear() => {
                    self.absorb()?;
                    self.release().await?;
                }
                ends = looked(&mut self.look) => self.advance(ends?).await?,
                () = tokio::time::sleep_until(due.into()) => {}
            }
            self.look_at_gates().await?;
            self.look_around();
        }
        Ok(())
    }

    /// Takes answers; a partition that was too full may have room now.
    fn absorb(&mut self) -> Result<(), SessionEnd> {
        self.sending.absorb(&self.lease)?;
        self.more = self.more || self.full_lanes() < self.full;
        Ok(())
    }

    /// Sends what transactions of this process have numbered.
    async fn send_handed(&mut self) -> Result<(), SessionEnd> {
        let handed = self.handoff().take(self.handing_room())?;
        if !handed.is_empty() {
            self.sending.send(&self.lease, handed).await?;
        }
        Ok(())
    }

    /// Sends what a gate held back that is open now.
    async fn release(&mut self) -> Result<(), SessionEnd> {
        if !self.sending.held.is_empty() {
            self.sending.release(&self.lease).await?;
            self.more = self.more || self.full_lanes() < self.full;
        }
        Ok(())
    }

    /// Partitions for which nothing is numbered now, though they may have rows.
    fn full_lanes(&self) -> usize {
        let Sending { flight, held, .. } = &self.sending;
        flight.full_lanes(TURN_ROWS).count() + held.full_lanes().count()
    }

    /// Looks in the tables for gates that somebody else's relay has sent, and whether one has opened that rows of earlier
    /// epochs waited for: these are sent by a session that begins anew.
    async fn look_at_gates(&mut self) -> Result<(), SessionEnd> {
        let gates = [self.sending.held.gates(), self.gates_of_earlier.clone()].concat();
        if gates.is_empty() || self.looked_at_gates.elapsed() < LOOK_AT_GATES_EVERY {
            return Ok(());
        }
        let query = sqlx::query_scalar(include_str!("../sql/confirmed_gates.sql")).bind(gates);
        let open: Vec<i64> = query.fetch_all(&mut self.connection).await?;
        self.looked_at_gates = Instant::now();
        if let Some(gate) = open.iter().find(|gate| self.gates_of_earlier.contains(gate)) {
            return Err(SessionEnd::GateOpened(*gate));
        }
        self.shared.stand_in_the_log(open);
        self.release().await
    }

    fn turn_is_due(&self) -> bool {
        let marks_wait = self.sending.marks_since.is_some_and(|since| since.elapsed() >= MARK_DELAY);
        (self.more && self.has_room())
            || marks_wait
            || self.sending.marks.len() >= MARK_ROWS
            || Instant::now() >= self.lease.renew_at()
    }

    fn due(&self) -> Instant {
        let marks = self.sending.marks_since.map(|since| since + MARK_DELAY);
        let waits = !self.sending.held.is_empty() || !self.gates_of_earlier.is_empty();
        let gates = waits.then(|| self.looked_at_gates + LOOK_AT_GATES_EVERY);
        [marks, gates].into_iter().flatten().fold(self.lease.renew_at(), Instant::min)
    }

    fn has_room(&self) -> bool {
        self.sending.flight.has_room(TURN_ROWS, TURN_BYTES)
    }

    /// Marks what is acknowledged and numbers what there is room for.
    fn next_turn(&mut self) -> Turn {
        let marks = std::mem::take(&mut self.sending.marks);
        self.sending.marks_since = None;
        let mut progress: BTreeMap<&Place, Progress> = BTreeMap::new();
        for mark in &marks {
            let (confirmed, read_through) = (mark.send_no, mark.offset.next());
            let one = Progress { place: mark.place.clone(), confirmed, read_through };
            progress.insert(&mark.place, one); // in order: the last one stands
        }
        let progress = progress.into_values().collect();
        let number = self.has_room().then(|| self.room());
        Turn { progress, marks, number, open: false }
    }

    fn room(&self) -> Room {
        let Sending { lanes, flight, held, .. } = &self.sending;
        let stopped = lanes.list.iter().filter(|lane| lane.stopped);
        let full = flight.full_lanes(TURN_ROWS).chain(held.full_lanes()).map(|lane| &lanes.list[lane]);
        Room {
            rows: TURN_ROWS,
            bytes: TURN_BYTES,
            closed: stopped.chain(full).map(|lane| lane.place.clone()).collect(),
            in_flight: flight.outbox_ids(),
        }
    }

    /// One transaction. Answers of Kafka are taken meanwhile, so that callers need not wait for it.
    pub(super) async fn turn(&mut self, turn: Turn) -> Result<(), SessionEnd> {
        let given_up = Instant::now() + self.shared.config.lease();
        let (shared, shard) = (Arc::clone(&self.shared), usize::from(self.lease.shard));
        let handoff = &shared.handoffs[shard];
        let (numbering, done) = {
            let under_way = async {
                let numbering = handoff.turn().await;
                let done = take_turn(&mut self.connection, &self.lease, &turn).await?;
                Ok::<_, SessionEnd>((numbering, done))
            };
            tokio::pin!(under_way);
            loop {
                tokio::select! {
                    done = &mut under_way => break done?,
                    () = self.sending.hear() => self.sending.absorb(&self.lease)?,
                    // a connection that hangs must not hold the shard for ever
                    () = tokio::time::sleep_until(given_up.into()) => return Err(SessionEnd::LeaseLost),
                }
            }
        };
        self.lease.held(done.holding);
        // Numbered before what this turn has numbered.
        let handed = handoff.take(self.handing_room())?;
        drop(numbering);
        if turn.number.is_some() {
            let bytes: usize = done.numbered.iter().map(Numbered::bytes).sum();
            self.more = done.numbered.len() >= TURN_ROWS || bytes >= TURN_BYTES;
        }
        if !turn.marks.is_empty() {
            fault::point("relay.marked");
            // who asked again in between found a row that was neither marked nor about to be acknowledged
            self.shared.waiters.answer(&turn.marks.iter().map(Acknowledged::from).collect::<Vec<_>>());
            self.tell_marks().await?;
        }
        if !done.numbered.is_empty() {
            fault::point("relay.numbered");
        }
        self.sending.send(&self.lease, handed).await?;
        self.sending.send(&self.lease, done.numbered).await?;
        self.sending.release(&self.lease).await?;
        self.full = self.full_lanes();
        Ok(())
    }

    /// In a transaction that writes nothing: see [`crate::listen`].
    async fn tell_marks(&mut self) -> Result<(), SessionEnd> {
        sqlx::query("SELECT pg_notify($1, '')").bind(MARKS).execute(&mut self.connection).await?;
        Ok(())
    }

    async fn any_unnumbered(&mut self) -> Result<bool, SessionEnd> {
        let query = sqlx::query_scalar(include_str!("../sql/any_unnumbered.sql"));
        Ok(query.bind(i32::from(self.lease.shard)).fetch_one(&mut self.connection).await?)
    }

    /// Asks where the log ends, when there is nothing else to do.
    fn look_around(&mut self) {
        let Sending { flight, held, marks, .. } = &self.sending;
        let idle = !self.more && flight.is_empty() && held.is_empty() && marks.is_empty();
        if idle && self.look.is_none() && self.looked.elapsed() >= LOOK_EVERY {
            self.looked = Instant::now();
            self.look = Some(tokio::spawn(self.sending.lanes.look(&self.shared)));
        }
    }

    /// Whatever was numbered after the question stands behind these ends: the next start may read from there.
    async fn advance(&mut self, ends: brainops_event::Frontier) -> Result<(), SessionEnd> {
        let mut progress = Vec::new();
        for lane in self.sending.lanes.list.iter_mut().filter(|lane| !lane.stopped) {
            let Some(end) = ends.get(&lane.place.0, lane.place.1) else { continue };
            if end < lane.read_through {
                return Err(SessionEnd::TopicsChanged);
            }
            if end > lane.read_through {
                lane.read_through = end;
                progress.push(Progress { place: lane.place.clone(), confirmed: 0, read_through: end });
            }
        }
        if !progress.is_empty() {
            self.turn(Turn { progress, ..Turn::default() }).await?;
        }
        Ok(())
    }

    /// Waits until nothing is on its way and nothing is behind a gate, or until then; for gates until their own time.
    /// Keeps the lease.
    pub(super) async fn wait_for_answers(
        &mut self,
        until: Option<Instant>,
        gates_until: Instant,
    ) -> Result<(), SessionEnd> {
        let shared = Arc::clone(&self.shared);
        loop {
            let now = Instant::now();
            let waits =
                !self.sending.flight.is_empty() || (!self.sending.held.is_empty() && now < gates_until);
            if !waits || until.is_some_and(|until| now >= until) {
                return Ok(());
            }
            let next_look = now + LOOK_AT_GATES_EVERY;
            let due = until.map_or(next_look, |until| until.min(next_look)).min(self.lease.renew_at());
            tokio::select! {
                () = self.sending.hear() => self.sending.absorb(&self.lease)?,
                () = shared.wakes[usize::from(self.lease.shard)].gates.notified() => {}
                () = tokio::time::sleep_until(due.into()) => {}
            }
            self.sending.release(&self.lease).await?;
            self.look_at_gates().await?;
            if Instant::now() >= self.lease.renew_at() {
                self.turn(Turn::default()).await?;
            }
        }
    }

    /// Stores what is acknowledged and gives the lease up. What is still on its way, the next one will find.
    async fn drain(mut self) -> Result<(), SessionEnd> {
        self.wake().held.store(false, Ordering::Release);
        let handed = self.handoff().close();
        self.sending.send(&self.lease, handed).await?;
        let until = Instant::now() + DRAIN_LIMIT;
        self.wait_for_answers(Some(until), until).await?;
        let turn = Turn { number: None, ..self.next_turn() };
        self.turn(turn).await?;
        self.lease.release(&mut self.connection).await?;
        Ok(())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.wake().held.store(false, Ordering::Release);
        self.handoff().close(); // what it has not sent, the next one will find
        self.shared.gates.forget(self.lease.shard);
        if let Some(look) = &self.look {
            look.abort();
        }
    }
}

/// The answer of a look that is under way; never, while there is none.
async fn looked(
    look: &mut Option<JoinHandle<Result<brainops_event::Frontier, SessionEnd>>>,
) -> Result<brainops_event::Frontier, SessionEnd> {
    let Some(under_way) = look else { return std::future::pending().await };
    let answer = under_way.await;
    *look = None;
    answer.unwrap_or(Err(SessionEnd::TopicsChanged))
}
