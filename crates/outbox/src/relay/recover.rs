//! The beginning of a session: what stands in the log is found, reserved and marked; what is missing is sent again.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Instant;

use brainops_event::Offset;
use brainops_fault as fault;
use brainops_log::{Identity, Tail, TailRange, TailRecord, read_tail};
use metrics::counter;
use sqlx::Row as _;

use super::end::SessionEnd;
use super::session::Session;
use super::turn::{Progress, Turn, place, records};
use crate::metrics::{RECOVERED, SENT_AGAIN};
use crate::recovery::{Confirmed, Place, Plan, Row, Seen, plan};
use crate::waiters::Acknowledged;

/// How many rows are loaded at once to be sent again.
const LOAD_ROWS: usize = 500;

impl Session {
    /// Reads the ends, opens the shard, and sends again what is missing.
    pub(super) async fn recover(&mut self) -> Result<(), SessionEnd> {
        let numbered = self.unconfirmed().await?;
        let seen = self.read_ends(&numbered).await?;
        fault::point("relay.tail_read");
        let Plan { confirmed, resend } = plan(&numbered, &seen);
        if !numbered.is_empty() {
            let (shard, epoch) = (self.lease.shard, self.lease.epoch);
            let (found, missing) = (confirmed.len(), resend.len());
            tracing::info!(shard, epoch, found, missing, "rows of earlier epochs were looked up in the log");
        }
        counter!(RECOVERED, "shard" => self.lease.shard.to_string()).increment(confirmed.len() as u64);
        let progress = self.sending.lanes.list.iter_mut().filter(|lane| !lane.stopped).map(|lane| {
            // what is missing will stand behind the end that was read
            (lane.read_through, lane.next) = (lane.end, lane.end);
            Progress { place: lane.place.clone(), confirmed: 0, read_through: lane.end }
        });
        let progress = progress.collect();
        self.settle(confirmed, progress, true).await?;
        if resend.is_empty() { Ok(()) } else { self.send_again(&numbered, resend).await }
    }

    /// Rows that are numbered and not confirmed, without those of partitions that stand.
    async fn unconfirmed(&mut self) -> Result<Vec<Row>, SessionEnd> {
        let query = sqlx::query(include_str!("../sql/unconfirmed.sql")).bind(i32::from(self.lease.shard));
        let mut rows = Vec::new();
        for row in query.fetch_all(&mut self.connection).await? {
            let place = place(&row)?;
            let (source, id): (&str, &str) = (row.try_get("source")?, row.try_get("id")?);
            let identity = Identity::of(source.as_bytes(), id.as_bytes());
            let (outbox_id, send_no) = (row.try_get("outbox_id")?, row.try_get("send_no")?);
            let row = Row { outbox_id, place, send_no, identity };
            let lane = self.sending.lanes.find(&row.place).map(|lane| &self.sending.lanes.list[lane]);
            if lane.is_some_and(|lane| !lane.stopped) {
                rows.push(row);
            }
        }
        Ok(rows)
    }

    /// Reads every partition to its end, reserves what is not, and answers with the records of these rows.
    async fn read_ends(&mut self, numbered: &[Row]) -> Result<Vec<Seen>, SessionEnd> {
        let ranges = self.sending.lanes.list.iter().filter(|lane| !lane.stopped).map(|lane| TailRange {
            topic: lane.place.0.clone(),
            partition: lane.place.1,
            from: lane.read_through,
            to: lane.end,
        });
        let mut tail = read_tail(&self.shared.cluster, ranges.collect())?;
        let mut seen = Vec::new();
        while let Some(records) = self.next_records(&mut tail).await? {
            collect(numbered, &records, &mut seen);
            self.remember(records).await?;
        }
        Ok(seen)
    }

    /// The next records; keeps the lease while it waits.
    async fn next_records(&mut self, tail: &mut Tail) -> Result<Option<Vec<TailRecord>>, SessionEnd> {
        loop {
            let renew_at = self.lease.renew_at();
            tokio::select! {
                records = tail.next() => return Ok(records.transpose()?),
                () = tokio::time::sleep_until(renew_at.into()) => {}
            }
            self.turn(Turn::default()).await?;
        }
    }

    /// Sends rows of earlier epochs, and finds out where the first record of each stands: somebody else's may have
    /// come first. Rows whose gate does not open in time stay, and their partitions stand still until it has.
    async fn send_again(&mut self, numbered: &[Row], resend: Vec<i64>) -> Result<(), SessionEnd> {
        self.sending.reached = Some(BTreeMap::new());
        for chunk in resend.chunks(LOAD_ROWS) {
            let rows = records(&mut self.connection, chunk).await?;
            counter!(SENT_AGAIN, "shard" => self.lease.shard.to_string()).increment(rows.len() as u64);
            self.sending.send(&self.lease, rows).await?;
        }
        self.wait_for_answers(None, Instant::now() + self.shared.config.lease()).await?;
        let (stay, still) = self.leave_behind_gates();
        let reached = self.sending.reached.take().unwrap_or_default();
        let rows: HashMap<i64, &Row> = numbered.iter().map(|row| (row.outbox_id, row)).collect();
        let sent = resend.iter().filter(|row| !stay.contains(row));
        let again: Vec<Row> = sent.filter_map(|row| rows.get(row).copied().cloned()).collect();
        let seen = self.read_again(&again, &reached).await?;
        let Plan { confirmed, resend } = plan(&again, &seen);
        if let Some(lost) = resend.first().and_then(|lost| rows.get(lost)) {
            return Err(SessionEnd::NotThere { outbox_id: lost.outbox_id, place: lost.place.clone() });
        }
        // Where rows stay, a record of theirs that a sleeper sends may stand before the last of ours.
        let progress = reached.iter().filter(|(lane, _)| !still.contains(lane)).map(|(lane, offset)| {
            let place = self.sending.lanes.list[*lane].place.clone();
            let confirmed = confirmed.iter().filter(|one| one.place == place).map(|one| one.send_no).max();
            Progress { place, confirmed: confirmed.unwrap_or(0), read_through: offset.next() }
        });
        let progress = progress.collect();
        self.settle(confirmed, progress, false).await
    }

    /// Gives up rows whose gate has not opened, and answers with them and their lanes, to which this session sends nothing.
    fn leave_behind_gates(&mut self) -> (HashSet<i64>, HashSet<usize>) {
        self.gates_of_earlier = self.sending.held.gates();
        let (mut stay, mut still) = (HashSet::new(), HashSet::new());
        for (lane, rows) in self.sending.held.take_all() {
            let one = &mut self.sending.lanes.list[lane];
            one.stopped = true;
            let (topic, partition) = &one.place;
            let gate = rows.front().and_then(|row| row.gate);
            tracing::warn!(%topic, %partition, rows = rows.len(), gate, "a partition waits for a row that is not in the log yet");
            stay.extend(rows.into_iter().map(|row| row.outbox_id));
            still.insert(lane);
        }
        (stay, still)
    }

    async fn read_again(
        &mut self,
        rows: &[Row],
        reached: &BTreeMap<usize, Offset>,
    ) -> Result<Vec<Seen>, SessionEnd> {
        let ranges = reached.iter().map(|(lane, offset)| {
            let lane = &self.sending.lanes.list[*lane];
            let (topic, partition) = lane.place.clone();
            TailRange { topic, partition, from: lane.end, to: offset.next() }
        });
        let mut tail = read_tail(&self.shared.cluster, ranges.collect())?;
        let mut seen = Vec::new();
        while let Some(records) = self.next_records(&mut tail).await? {
            collect(rows, &records, &mut seen);
        }
        Ok(seen)
    }

    /// Stores what is confirmed and answers those who wait for it.
    async fn settle(
        &mut self,
        marks: Vec<Confirmed>,
        progress: Vec<Progress>,
        open: bool,
    ) -> Result<(), SessionEnd> {
        let answers: Vec<Acknowledged> = marks.iter().map(Acknowledged::from).collect();
        self.turn(Turn { marks, progress, number: None, open }).await?;
        self.shared.waiters.answer(&answers);
        Ok(())
    }
}

/// Keeps the records of these rows.
fn collect(rows: &[Row], records: &[TailRecord], seen: &mut Vec<Seen>) {
    if rows.is_empty() {
        return;
    }
    let wanted: HashMap<(&Place, Identity), ()> =
        rows.iter().map(|row| ((&row.place, row.identity), ())).collect();
    for record in records {
        let identity = Identity::of(record.source.as_str().as_bytes(), record.id.as_str().as_bytes());
        let place = (record.topic.clone(), record.partition);
        if wanted.contains_key(&(&place, identity)) {
            let TailRecord { offset, recorded_at, .. } = *record;
            seen.push(Seen { place, offset, recorded_at, identity });
        }
    }
}
