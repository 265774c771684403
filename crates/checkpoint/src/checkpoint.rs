//! Checkpoints in Postgres: how a partition is taken over, moved on, and read again when an answer was lost.
//!
//! Guarantee: rows and checkpoint of a partition are written by one owner at a time, each record once.
//!
//! 1. **Taking over** raises the epoch in a transaction of its own and says where to go on. Whoever held the
//!    partition before has an older epoch from that moment.
//! 2. **Moving on** is the first statement of a batch's transaction. It compares epoch, offset and topic id, and
//!    keeps the row locked until the rows are committed with it. So a former owner that wakes up in mid-batch either
//!    commits before the takeover gets the lock (which then reads what it wrote) or moves nothing.
//! 3. **After an unknown COMMIT** the row is read behind its lock: by then the transaction has ended one way or the
//!    other, and the offset says which.
//! 4. **After a lost answer to a statement that commits itself** nothing is locked yet where the statement is still on its way:
//!    whoever sent it raises the epoch ([`fence_own`]), and then the offset says which.
//!
//! The one danger left is a former owner whose backend hangs with the lock: see `takeover.rs`.

use std::collections::{BTreeMap, BTreeSet};

use brainops_event::{Offset, Partition, Timestamp, TopicId, TopicName};
use brainops_fault::{Bug, planted};
use brainops_log::RecordDigest;
use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, PgPool, Postgres, Row as _, Transaction};

use crate::advance::{Claim, Found};
use crate::keeper::Keeper;

/// One partition of one topic.
pub type Place = (TopicName, Partition);

/// How long the locks of a transaction that has just ended, or should have, are waited for.
const READ_LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '5s'";

/// A partition to be taken over.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Which.
    pub place: Place,
    /// The topic's id as the cluster says it now.
    pub topic_id: TopicId,
    /// Where its log begins: the start of a partition that was never followed.
    pub log_start: Offset,
}

/// A checkpoint as it stands after a takeover.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// The topic's id when the partition was first followed.
    pub topic_id: String,
    /// The next offset.
    pub next: Offset,
    /// The owner's epoch.
    pub epoch: i64,
    /// Digest of the last record before it, if it is known.
    pub last_digest: Option<RecordDigest>,
}

/// What a batch wants to move.
#[derive(Debug, Clone)]
pub struct Move {
    /// The topic's id.
    pub topic_id: TopicId,
    /// From where to where, in which epoch.
    pub claim: Claim,
    /// Digest of the last record before the end.
    pub last_digest: Option<RecordDigest>,
    /// When that record was recorded.
    pub last_recorded_at: Option<Timestamp>,
}

/// Begins a transaction that may move checkpoints; Postgres shows it under the keeper's name, so that whoever
/// takes over knows it for one of ours.
///
/// # Errors
/// Postgres does not answer.
pub async fn begin(pool: &PgPool, keeper: &Keeper) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    begin_with(pool, keeper, "").await
}

/// The same for a transaction of which nothing is missed when a crash takes it back, since all of it is read again: one that moves
/// checkpoints and does nothing else, or writes what nobody acts upon. Its commit does not wait for the disk.
///
/// # Errors
/// Postgres does not answer.
pub async fn begin_unhurried(
    pool: &PgPool,
    keeper: &Keeper,
) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    begin_with(pool, keeper, "; SET LOCAL synchronous_commit = off").await
}

async fn begin_with(
    pool: &PgPool,
    keeper: &Keeper,
    more: &'static str,
) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    let name = keeper.name();
    pool.begin_with(AssertSqlSafe(format!("BEGIN; SET LOCAL application_name = '{name}'{more}"))).await
}

/// Raises the epochs of these partitions: from here on, nobody else's is good. Waits for locks as long as the
/// transaction's `lock_timeout` says.
///
/// # Errors
/// Postgres does not answer.
pub async fn raise_epochs(
    connection: &mut PgConnection,
    keeper: &Keeper,
    asked: &[Asked],
) -> Result<BTreeMap<Place, Checkpoint>, sqlx::Error> {
    let rows = sqlx::query(AssertSqlSafe(keeper.fill(include_str!("sql/take_over.sql"))))
        .bind(asked.iter().map(|asked| asked.place.0.as_str()).collect::<Vec<_>>())
        .bind(asked.iter().map(|asked| asked.place.1.get()).collect::<Vec<_>>())
        .bind(asked.iter().map(|asked| asked.topic_id.as_str()).collect::<Vec<_>>())
        .bind(asked.iter().map(|asked| asked.log_start.get()).collect::<Vec<_>>())
        .fetch_all(connection)
        .await?;
    rows.iter().map(|row| Ok((place(row)?, checkpoint(row)?))).collect()
}

/// Locks the checkpoint of a partition, if it still is where its owner left it.
///
/// # Errors
/// Postgres does not answer.
pub async fn lock_own(
    connection: &mut PgConnection,
    keeper: &Keeper,
    place: &Place,
    found: Found,
) -> Result<bool, sqlx::Error> {
    let sql = "SELECT 1 FROM {table} AS held \
                WHERE topic = $1 AND partition = $2 AND epoch = $3 AND next_offset = $4 {is_owned} FOR UPDATE";
    let query = sqlx::query(AssertSqlSafe(keeper.fill(sql))).bind(place.0.as_str()).bind(place.1.get());
    Ok(query.bind(found.epoch).bind(found.next.get()).fetch_optional(connection).await?.is_some())
}

fn checkpoint(row: &PgRow) -> Result<Checkpoint, sqlx::Error> {
    let digest: Option<Vec<u8>> = row.try_get("last_digest")?;
    let digest: Option<[u8; 16]> =
        digest.map(|bytes| bytes.try_into().map_err(|_| corrupt("last_digest"))).transpose()?;
    Ok(Checkpoint {
        topic_id: row.try_get("topic_id")?,
        next: offset(row, "next_offset")?,
        epoch: row.try_get("epoch")?,
        last_digest: digest.map(RecordDigest::from),
    })
}

/// Moves checkpoints, each if it is where its claim says; answers with those that moved.
///
/// # Errors
/// Postgres does not answer.
pub async fn move_on(
    connection: &mut PgConnection,
    keeper: &Keeper,
    moves: &BTreeMap<Place, Move>,
) -> Result<BTreeSet<Place>, sqlx::Error> {
    let sql = format!("WITH {} SELECT topic, partition FROM moved", moved_sql(keeper, 1));
    let query = bind_moves(sqlx::query(AssertSqlSafe(sql)), moves);
    query.fetch_all(connection).await?.iter().map(place).collect()
}

/// What moves checkpoints, to stand behind `WITH` at the beginning of a longer statement: it ends in `moved (topic,
/// partition)`, the partitions that moved. Its eight parameters are `$first` and those after it; [`bind_moves`] binds them.
///
/// Tables that the rest of the statement reads are seen as they were before it waited for the checkpoint's lock.
#[must_use]
pub fn moved_sql(keeper: &Keeper, first: usize) -> String {
    let types = ["text", "integer", "text", "bigint", "bigint", "bigint", "bytea", "timestamptz"];
    let arrays: Vec<String> = (first..).zip(types).map(|(number, of)| format!("${number}::{of}[]")).collect();
    let mut sql = include_str!("sql/advance.sql").to_owned();
    if planted(Bug::FenceRemoved) {
        sql = sql
            .replace("AND held.epoch = span.epoch", "")
            .replace("AND held.next_offset = span.from_offset", "");
    }
    keeper.fill(&sql).replace("{spans}", &format!("UNNEST({})", arrays.join(", ")))
}

/// Binds the next eight parameters to what is to be moved.
pub fn bind_moves<'q>(
    query: Query<'q, Postgres, PgArguments>,
    moves: &'q BTreeMap<Place, Move>,
) -> Query<'q, Postgres, PgArguments> {
    let digest = |one: &Move| one.last_digest.map(|digest| digest.as_bytes().to_vec());
    query
        .bind(moves.keys().map(|(topic, _)| topic.as_str()).collect::<Vec<_>>())
        .bind(moves.keys().map(|(_, partition)| partition.get()).collect::<Vec<_>>())
        .bind(moves.values().map(|one| one.topic_id.as_str()).collect::<Vec<_>>())
        .bind(moves.values().map(|one| one.claim.epoch).collect::<Vec<_>>())
        .bind(moves.values().map(|one| one.claim.from.get()).collect::<Vec<_>>())
        .bind(moves.values().map(|one| one.claim.through.get()).collect::<Vec<_>>())
        .bind(moves.values().map(digest).collect::<Vec<_>>())
        .bind(moves.values().map(|one| one.last_recorded_at).collect::<Vec<_>>())
}

/// The checkpoints of these partitions behind their locks, once every transaction that moves them has ended.
///
/// # Errors
/// Postgres does not answer.
pub async fn read_locked(
    pool: &PgPool,
    keeper: &Keeper,
    places: &BTreeSet<Place>,
) -> Result<BTreeMap<Place, Found>, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    sqlx::query(READ_LOCK_TIMEOUT).execute(&mut *transaction).await?;
    let rows = sqlx::query(AssertSqlSafe(keeper.fill(include_str!("sql/locked_checkpoints.sql"))))
        .bind(places.iter().map(|(topic, _)| topic.as_str()).collect::<Vec<_>>())
        .bind(places.iter().map(|(_, partition)| partition.get()).collect::<Vec<_>>())
        .fetch_all(&mut *transaction)
        .await?;
    transaction.rollback().await?;
    rows.iter().map(|row| Ok((place(row)?, found(row)?))).collect()
}

/// Raises the epoch of a partition that is still ours and says where it stands: from here on a statement of ours that is still
/// on its way moves nothing. None where the partition is another's, or the answer to this very question was lost before.
///
/// # Errors
/// Postgres does not answer, or somebody holds the row.
pub async fn fence_own(
    pool: &PgPool,
    keeper: &Keeper,
    place: &Place,
    epoch: i64,
) -> Result<Option<Found>, sqlx::Error> {
    let sql = "UPDATE {table} AS held SET epoch = held.epoch + 1, updated_at = now() \
                WHERE held.topic = $1 AND held.partition = $2 AND held.epoch = $3 {is_owned} \
            RETURNING held.epoch, held.next_offset";
    let mut transaction = pool.begin().await?;
    sqlx::query(READ_LOCK_TIMEOUT).execute(&mut *transaction).await?;
    let row = sqlx::query(AssertSqlSafe(keeper.fill(sql)))
        .bind(place.0.as_str())
        .bind(place.1.get())
        .bind(epoch)
        .fetch_optional(&mut *transaction)
        .await?;
    transaction.commit().await?;
    row.as_ref().map(found).transpose()
}

fn found(row: &PgRow) -> Result<Found, sqlx::Error> {
    Ok(Found { epoch: row.try_get("epoch")?, next: offset(row, "next_offset")? })
}

/// The partition that a row names.
///
/// # Errors
/// It names none.
pub fn place(row: &PgRow) -> Result<Place, sqlx::Error> {
    let topic = TopicName::new(row.try_get("topic")?).map_err(|_| corrupt("topic"))?;
    let partition = Partition::new(row.try_get("partition")?).map_err(|_| corrupt("partition"))?;
    Ok((topic, partition))
}

fn offset(row: &PgRow, column: &'static str) -> Result<Offset, sqlx::Error> {
    Offset::new(row.try_get(column)?).map_err(|_| corrupt(column))
}

/// A checkpoint that none of our statements can have written.
fn corrupt(column: &'static str) -> sqlx::Error {
    let source = format!("a checkpoint has an impossible {column}").into();
    sqlx::Error::ColumnDecode { index: column.to_owned(), source }
}
