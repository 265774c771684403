//! The one transaction of a session: holds the lease, stores what was acknowledged, numbers what comes next.
//!
//! Marks ride along with numbering, so a row costs two commits from its entry until it is sent, and its mark none of
//! its own. One that its own transaction has numbered ([`crate::handover`]) costs one.

use brainops_event::{Offset, Partition, TopicName};
use brainops_fault::{self as fault, Bug};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Connection as _, Row as _};

use super::end::SessionEnd;
use super::lease::{Holding, Lease};
use crate::recovery::{Confirmed, Place};
use crate::reserve::impossible;

/// What one turn is to do.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    pub(crate) marks: Vec<Confirmed>,
    pub(crate) progress: Vec<Progress>,
    pub(crate) number: Option<Room>,
    /// From now on the shard is open.
    pub(crate) open: bool,
}

/// How far a partition is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) place: Place,
    pub(crate) confirmed: i64,
    pub(crate) read_through: Offset,
}

/// How much may be numbered.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) rows: usize,
    pub(crate) bytes: usize,
    /// Partitions that take nothing.
    pub(crate) closed: Vec<Place>,
    /// Rows on their way; only a planted mistake needs to know.
    pub(crate) in_flight: Vec<i64>,
}

/// What one turn has done.
#[derive(Debug)]
pub(crate) struct Done {
    /// How the lease was held.
    pub(crate) holding: Holding,
    pub(crate) numbered: Vec<Numbered>,
}

/// A row that is numbered, complete as it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Numbered {
    pub(crate) outbox_id: i64,
    pub(crate) place: Place,
    pub(crate) send_no: i64,
    pub(crate) key: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) value: Vec<u8>,
    /// The row that has to stand in the log before, unless it is known to.
    pub(crate) gate: Option<i64>,
}

impl Numbered {
    pub(crate) fn bytes(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.key.len() + headers + self.value.len()
    }
}

pub(crate) async fn take_turn(
    connection: &mut PgConnection,
    lease: &Lease,
    turn: &Turn,
) -> Result<Done, SessionEnd> {
    let mut transaction = connection.begin().await?;
    let holding = lease.hold(&mut transaction, turn.open).await?;
    mark(&mut transaction, &turn.marks).await?;
    store_progress(&mut transaction, &turn.progress).await?;
    let numbered = match &turn.number {
        Some(room) => number(&mut transaction, lease, room).await?,
        None => Vec::new(),
    };
    transaction.commit().await?;
    Ok(Done { holding, numbered })
}

pub(crate) async fn mark(connection: &mut PgConnection, marks: &[Confirmed]) -> Result<(), sqlx::Error> {
    if marks.is_empty() {
        return Ok(());
    }
    sqlx::query(include_str!("../sql/mark.sql"))
        .bind(marks.iter().map(|mark| mark.outbox_id).collect::<Vec<_>>())
        .bind(marks.iter().map(|mark| mark.send_no).collect::<Vec<_>>())
        .bind(marks.iter().map(|mark| mark.offset.get()).collect::<Vec<_>>())
        .bind(marks.iter().map(|mark| mark.recorded_at).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

async fn store_progress(connection: &mut PgConnection, progress: &[Progress]) -> Result<(), sqlx::Error> {
    if progress.is_empty() {
        return Ok(());
    }
    sqlx::query(include_str!("../sql/progress.sql"))
        .bind(progress.iter().map(|one| one.place.0.as_str()).collect::<Vec<_>>())
        .bind(progress.iter().map(|one| one.place.1.get()).collect::<Vec<_>>())
        .bind(progress.iter().map(|one| one.confirmed).collect::<Vec<_>>())
        .bind(progress.iter().map(|one| one.read_through.get()).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

async fn number(
    connection: &mut PgConnection,
    lease: &Lease,
    room: &Room,
) -> Result<Vec<Numbered>, SessionEnd> {
    let rows = i64::try_from(room.rows).unwrap_or(i64::MAX);
    let query = if fault::planted(Bug::NumberedAfterSending) {
        sqlx::query(include_str!("../sql/take_unnumbered.sql"))
            .bind(i32::from(lease.shard))
            .bind(&room.in_flight)
            .bind(rows)
    } else {
        sqlx::query(include_str!("../sql/number.sql"))
            .bind(i32::from(lease.shard))
            .bind(rows)
            .bind(i64::try_from(room.bytes).unwrap_or(i64::MAX))
            .bind(room.closed.iter().map(|place| place.0.as_str()).collect::<Vec<_>>())
            .bind(room.closed.iter().map(|place| place.1.get()).collect::<Vec<_>>())
            .bind(lease.epoch)
    };
    query.fetch_all(connection).await?.iter().map(numbered).collect()
}

/// Rows with their records, in this order.
pub(crate) async fn records(
    connection: &mut PgConnection,
    outbox_ids: &[i64],
) -> Result<Vec<Numbered>, SessionEnd> {
    let query = sqlx::query(include_str!("../sql/records.sql")).bind(outbox_ids);
    query.fetch_all(connection).await?.iter().map(numbered).collect()
}

pub(crate) fn place(row: &PgRow) -> Result<Place, sqlx::Error> {
    let topic = TopicName::new(row.try_get("topic")?).map_err(|_| impossible("topic"))?;
    let partition = Partition::new(row.try_get("partition")?).map_err(|_| impossible("partition"))?;
    Ok((topic, partition))
}

fn numbered(row: &PgRow) -> Result<Numbered, SessionEnd> {
    let place = place(row)?;
    let Some(send_no) = row.try_get("send_no")? else {
        return Err(SessionEnd::NewPlace { topic: place.0.to_string(), partition: place.1.get() });
    };
    let headers: Vec<(String, String)> =
        serde_json::from_str(row.try_get("headers")?).map_err(|_| impossible("headers"))?;
    let (outbox_id, key, value) = (row.try_get("outbox_id")?, row.try_get("key")?, row.try_get("value")?);
    Ok(Numbered { outbox_id, place, send_no, key, headers, value, gate: row.try_get("gate")? })
}

/// A row as tests need one.
#[cfg(test)]
pub(crate) fn numbered_row(outbox_id: i64) -> Numbered {
    Numbered {
        outbox_id,
        place: (TopicName::new("brainops.agent").unwrap(), Partition::new(0).unwrap()),
        send_no: outbox_id,
        key: "key".to_owned(),
        headers: Vec::new(),
        value: vec![0; 1_000],
        gate: None,
    }
}
