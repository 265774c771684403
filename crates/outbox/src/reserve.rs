//! Reserves names and queues rows, set-wise, on a connection of the caller's.
//!
//! | the name | the content | answer |
//! |---|---|---|
//! | is new | | queued: row and record stand with the reservation, or none of them |
//! | was said | is the same | the first one's position, as soon as it has one |
//! | was said | is another | conflict |
//!
//! A name that another transaction is just reserving is waited for. The same name twice within a call is judged like
//! two calls.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use brainops_event::{Offset, Partition, Position, Timestamp, TopicName};
use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};

use crate::prepared::Prepared;
use crate::receipt::Enqueued;
use crate::relay::Numbered;

/// Reserves and queues events in a transaction of the caller's: they are sent once it is committed, and then a call
/// of [`crate::Outbox::wake`] spares them a wait. Answers in order. The commit is made synchronous if anything is queued.
///
/// # Errors
/// Postgres refuses, or the connection is lost: the transaction is over.
pub async fn enqueue(
    connection: &mut PgConnection,
    prepared: &[Prepared],
) -> Result<Vec<Enqueued>, sqlx::Error> {
    enqueue_behind(connection, prepared, &[]).await
}

/// As [`enqueue`], with gates: an event is sent only once Kafka has acknowledged the one of this call, before it, that
/// `gates` names by its index at its place. So whoever reads the log finds no event whose gate is not there, whatever
/// becomes of this database. In one partition the order of the call is enough, and costs nothing; a gate has none itself.
///
/// # Errors
/// Those of [`enqueue`].
pub async fn enqueue_behind(
    connection: &mut PgConnection,
    prepared: &[Prepared],
    gates: &[Option<usize>],
) -> Result<Vec<Enqueued>, sqlx::Error> {
    Ok(reserve(connection, &prepared.iter().collect::<Vec<_>>(), gates, &Shards::default()).await?.enqueued)
}

/// What became of the events of one call.
pub(crate) struct Reserved {
    /// For each event, in order.
    pub(crate) enqueued: Vec<Enqueued>,
    /// Rows that were given their place in the order of sending, in that order.
    pub(crate) numbered: Vec<Numbered>,
    /// Partitions of the other new rows.
    pub(crate) left: Vec<Partition>,
}

/// Shards whose rows may be numbered.
#[derive(Debug, Default)]
pub(crate) struct Shards {
    /// Each with the epoch in which it is held.
    pub(crate) epochs: Vec<(u16, i64)>,
    /// How long a transaction that has numbered rows may lie idle.
    pub(crate) idle: Duration,
}

/// A row that was queued.
#[derive(Debug, Clone, Copy)]
struct New {
    outbox_id: i64,
    send_no: Option<i64>,
}

/// Reserves and queues; numbers rows of these shards, as far as they are held in these epochs.
pub(crate) async fn reserve(
    connection: &mut PgConnection,
    prepared: &[&Prepared],
    gates: &[Option<usize>],
    held: &Shards,
) -> Result<Reserved, sqlx::Error> {
    let said = Said::of(prepared);
    let firsts: Vec<&Prepared> = said.firsts.iter().map(|index| prepared[*index]).collect();
    let gates = said.gates(gates);
    let new = insert(connection, &firsts, &gates, held).await?;
    let mut standing: Vec<Option<Standing>> = new
        .iter()
        .zip(&firsts)
        .map(|(new, event)| new.map(|new| Standing::new(event, new.outbox_id)))
        .collect();
    let missing: Vec<usize> = (0..firsts.len()).filter(|index| standing[*index].is_none()).collect();
    if !missing.is_empty() {
        let known: Vec<&Prepared> = missing.iter().map(|index| firsts[*index]).collect();
        for (index, found) in missing.into_iter().zip(look_up(connection, &known).await?) {
            standing[index] = Some(found);
        }
    }
    let standing: Vec<Standing> = standing.into_iter().flatten().collect();
    let behind: Vec<Option<i64>> = gates.iter().map(|gate| standing[(*gate)?].awaited()).collect();
    put_behind(connection, &new, &gates, &behind).await?;
    let (mut numbered, mut left) = (Vec::new(), Vec::new());
    for ((new, event), gate) in new.iter().zip(&firsts).zip(behind) {
        match new {
            Some(New { outbox_id, send_no: Some(send_no) }) => {
                numbered.push(event.numbered(*outbox_id, *send_no, gate));
            }
            Some(New { send_no: None, .. }) => left.push(event.partition),
            None => {}
        }
    }
    numbered.sort_by_key(|row| row.outbox_id);
    Ok(Reserved { enqueued: said.answers(prepared, &new, &standing), numbered, left })
}

/// Which events of a call are the first of their name, and which repeat one of them.
struct Said {
    /// Indexes of the firsts, in order.
    firsts: Vec<usize>,
    /// For each event the index of its first within `firsts`.
    first_of: Vec<usize>,
}

impl Said {
    fn of(prepared: &[&Prepared]) -> Said {
        let mut said = Said { firsts: Vec::new(), first_of: Vec::with_capacity(prepared.len()) };
        let mut names: HashMap<(&str, &str), usize> = HashMap::with_capacity(prepared.len());
        for (index, event) in prepared.iter().enumerate() {
            match names.entry((event.source.as_str(), event.id.as_str())) {
                Entry::Occupied(first) => said.first_of.push(*first.get()),
                Entry::Vacant(vacant) => {
                    said.first_of.push(*vacant.insert(said.firsts.len()));
                    said.firsts.push(index);
                }
            }
        }
        said
    }

    /// The gate of each first, as an index of another first; gates of repeats are not asked for.
    fn gates(&self, gates: &[Option<usize>]) -> Vec<Option<usize>> {
        let first_of = |gate: usize| self.first_of.get(gate).copied();
        self.firsts.iter().map(|index| gates.get(*index).copied().flatten().and_then(first_of)).collect()
    }

    /// The answer for each event: `new` and `standing` belong to the firsts.
    fn answers(&self, prepared: &[&Prepared], new: &[Option<New>], standing: &[Standing]) -> Vec<Enqueued> {
        let answer = |(index, first): (usize, &usize)| match new[*first] {
            Some(New { outbox_id, .. }) if self.firsts[*first] == index => Enqueued::New { outbox_id },
            _ => standing[*first].judge(prepared[index]),
        };
        self.first_of.iter().enumerate().map(answer).collect()
    }
}

/// Answers for each event with its row, if its name was new.
async fn insert(
    connection: &mut PgConnection,
    events: &[&Prepared],
    gates: &[Option<usize>],
    held: &Shards,
) -> Result<Vec<Option<New>>, sqlx::Error> {
    let nth_of = |gate: &Option<usize>| gate.and_then(|index| i64::try_from(index + 1).ok());
    let rows = sqlx::query(include_str!("sql/reserve.sql"))
        .bind(events.iter().map(|event| event.source.as_str()).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.id.as_str()).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.digest.as_bytes().as_slice()).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.topic.as_str()).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.partition.get()).collect::<Vec<_>>())
        .bind(events.iter().map(|event| i32::try_from(event.bytes).unwrap_or(i32::MAX)).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.key.as_str()).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.headers_json().to_string()).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.value.as_slice()).collect::<Vec<_>>())
        .bind(gates.iter().map(nth_of).collect::<Vec<_>>())
        .bind(held.epochs.iter().filter_map(|(shard, _)| i16::try_from(*shard).ok()).collect::<Vec<_>>())
        .bind(held.epochs.iter().map(|(_, epoch)| *epoch).collect::<Vec<_>>())
        .bind(format!("{}ms", held.idle.as_millis()))
        .fetch_all(connection)
        .await?;
    let mut new = vec![None; events.len()];
    for row in rows {
        let (outbox_id, send_no) = (row.try_get("outbox_id")?, row.try_get("send_no")?);
        *nth(&row, &mut new)? = Some(New { outbox_id, send_no });
    }
    Ok(new)
}

/// Puts new rows behind gates that were queued before and may not stand in the log yet.
async fn put_behind(
    connection: &mut PgConnection,
    new: &[Option<New>],
    gates: &[Option<usize>],
    behind: &[Option<i64>],
) -> Result<(), sqlx::Error> {
    let before = new.iter().zip(gates).zip(behind).filter_map(|((row, gate), behind)| {
        let gate = new[(*gate)?].is_none().then_some(*behind)??;
        Some(((*row)?.outbox_id, gate))
    });
    let (rows, gates): (Vec<i64>, Vec<i64>) = before.unzip();
    if !rows.is_empty() {
        sqlx::query(include_str!("sql/set_gates.sql")).bind(rows).bind(gates).execute(connection).await?;
    }
    Ok(())
}

/// The place of a row's `nth` input, counted from 1.
fn nth<'a, T>(row: &PgRow, places: &'a mut [T]) -> Result<&'a mut T, sqlx::Error> {
    let nth: i64 = row.try_get("nth")?;
    usize::try_from(nth - 1).ok().and_then(|index| places.get_mut(index)).ok_or_else(|| impossible("nth"))
}

/// What stands under a name already.
struct Standing {
    digest: Vec<u8>,
    outbox_id: Option<i64>,
    first: Option<(Position, Timestamp)>,
}

impl Standing {
    fn new(event: &Prepared, outbox_id: i64) -> Standing {
        Standing { digest: event.digest.as_bytes().to_vec(), outbox_id: Some(outbox_id), first: None }
    }

    /// Its row, unless it is known to stand in the log.
    fn awaited(&self) -> Option<i64> {
        self.outbox_id.filter(|_| self.first.is_none())
    }

    fn judge(&self, event: &Prepared) -> Enqueued {
        let first = self.first.clone();
        if self.digest == event.digest.as_bytes() {
            Enqueued::Repeated { outbox_id: self.outbox_id, first }
        } else {
            Enqueued::Conflict { first: first.map(|(position, _)| position) }
        }
    }
}

async fn look_up(connection: &mut PgConnection, events: &[&Prepared]) -> Result<Vec<Standing>, sqlx::Error> {
    let rows = sqlx::query(include_str!("sql/reserved.sql"))
        .bind(events.iter().map(|event| event.source.as_str()).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.id.as_str()).collect::<Vec<_>>())
        .fetch_all(connection)
        .await?;
    let mut found: Vec<Option<Standing>> = events.iter().map(|_| None).collect();
    for row in rows {
        *nth(&row, &mut found)? = Some(standing_in(&row)?);
    }
    found.into_iter().map(|found| found.ok_or_else(|| impossible("reservation"))).collect()
}

fn standing_in(row: &PgRow) -> Result<Standing, sqlx::Error> {
    let offset: Option<i64> = row.try_get("log_offset")?;
    let recorded_at: Option<Timestamp> = row.try_get("recorded_at")?;
    let first = match offset {
        None => None,
        Some(offset) => {
            let topic = TopicName::new(row.try_get("topic")?).map_err(|_| impossible("topic"))?;
            let partition = Partition::new(row.try_get("partition")?).map_err(|_| impossible("partition"))?;
            let offset = Offset::new(offset).map_err(|_| impossible("log_offset"))?;
            Some((Position { topic, partition, offset }, recorded_at.unwrap_or_default()))
        }
    };
    Ok(Standing { digest: row.try_get("digest")?, outbox_id: row.try_get("outbox_id")?, first })
}

/// A value that none of our statements can have written.
pub(crate) fn impossible(column: &'static str) -> sqlx::Error {
    let source = format!("the outbox has an impossible {column}").into();
    sqlx::Error::ColumnDecode { index: column.to_owned(), source }
}
