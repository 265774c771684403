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

use brainops_event::{Offset, Partition, Position, Timestamp, TopicName};
use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};

use crate::prepared::Prepared;
use crate::receipt::Enqueued;

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
    reserve(connection, &prepared.iter().collect::<Vec<_>>(), gates).await
}

pub(crate) async fn reserve(
    connection: &mut PgConnection,
    prepared: &[&Prepared],
    gates: &[Option<usize>],
) -> Result<Vec<Enqueued>, sqlx::Error> {
    let said = Said::of(prepared);
    let firsts: Vec<&Prepared> = said.firsts.iter().map(|index| prepared[*index]).collect();
    let gates = said.gates(gates);
    let new = insert(connection, &firsts, &gates).await?;
    let mut standing: Vec<Option<Standing>> = new
        .iter()
        .zip(&firsts)
        .map(|(new, event)| new.map(|outbox_id| Standing::new(event, outbox_id)))
        .collect();
    let missing: Vec<usize> = (0..firsts.len()).filter(|index| standing[*index].is_none()).collect();
    if !missing.is_empty() {
        let known: Vec<&Prepared> = missing.iter().map(|index| firsts[*index]).collect();
        for (index, found) in missing.into_iter().zip(look_up(connection, &known).await?) {
            standing[index] = Some(found);
        }
    }
    let standing: Vec<Standing> = standing.into_iter().flatten().collect();
    put_behind(connection, &new, &gates, &standing).await?;
    Ok(said.answers(prepared, &new, &standing))
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
    fn answers(&self, prepared: &[&Prepared], new: &[Option<i64>], standing: &[Standing]) -> Vec<Enqueued> {
        let answer = |(index, first): (usize, &usize)| match new[*first] {
            Some(outbox_id) if self.firsts[*first] == index => Enqueued::New { outbox_id },
            _ => standing[*first].judge(prepared[index]),
        };
        self.first_of.iter().enumerate().map(answer).collect()
    }
}

/// Answers for each event with the number of its row, if its name was new.
async fn insert(
    connection: &mut PgConnection,
    events: &[&Prepared],
    gates: &[Option<usize>],
) -> Result<Vec<Option<i64>>, sqlx::Error> {
    let nth_of = |gate: &Option<usize>| gate.and_then(|index| i64::try_from(index + 1).ok());
    let rows = sqlx::query(include_str!("sql/reserve.sql"))
        .bind(events.iter().map(|event| event.source.as_str()).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.id.as_str()).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.digest.as_bytes().as_slice()).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.topic.as_str()).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.partition.get()).collect::<Vec<_>>())
        .bind(events.iter().map(|event| i32::try_from(event.bytes).unwrap_or(i32::MAX)).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.key.as_str()).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.headers.as_str()).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.value.as_slice()).collect::<Vec<_>>())
        .bind(gates.iter().map(nth_of).collect::<Vec<_>>())
        .fetch_all(connection)
        .await?;
    let mut new = vec![None; events.len()];
    for row in rows {
        *nth(&row, &mut new)? = Some(row.try_get("outbox_id")?);
    }
    Ok(new)
}

/// Puts new rows behind gates that were queued before and may not stand in the log yet.
async fn put_behind(
    connection: &mut PgConnection,
    new: &[Option<i64>],
    gates: &[Option<usize>],
    standing: &[Standing],
) -> Result<(), sqlx::Error> {
    let behind = new.iter().zip(gates).filter_map(|(row, gate)| {
        let (row, gate) = ((*row)?, (*gate)?);
        let standing = standing.get(gate).filter(|one| new[gate].is_none() && one.first.is_none())?;
        Some((row, standing.outbox_id?))
    });
    let (rows, gates): (Vec<i64>, Vec<i64>) = behind.unzip();
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
