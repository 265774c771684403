//! What a partition came to, written: rows, what is parked, and that it is done, together or not at all.

use std::ops::Range;

use brainops_event::{Offset, Timestamp};
use brainops_fault::{Bug, planted, point};
use brainops_log::{MisplacedRecord, RecordDigest, Spilled};
use sqlx::PgConnection;

use super::bucket::FoldedBucket;
use super::error::RebuildError;
use super::job::{bind_unit, hold};
use super::unit::{Shared, Work, blocking, halted};
use super::whole::FoldedWhole;
use crate::backoff::Backoff;
use crate::checkpoint::{Place, begin};
use crate::halt::pause_after;
use crate::model::ReadModel;
use crate::park::{MOST_PARKED, insert};
use crate::reason::ReasonClass;
use crate::sort::Parked;
use crate::statement;
use crate::writer::WrittenRows;

/// How writing a bucket ended.
pub(super) enum Written {
    Done,
    /// Somebody else works on the partition now.
    Lost,
    TooMany(Vec<Parked>),
}

pub(super) fn too_many(parked: &[Parked]) -> RebuildError {
    let (position, reason) = parked
        .last()
        .map_or_else(Default::default, |last| (last.position().to_string(), last.reason.clone()));
    RebuildError::TooManyParked { limit: MOST_PARKED, position, reason }
}

impl<M: ReadModel> Work<M> {
    /// One transaction: the bucket is done, its rows are there, what it parks is parked.
    pub(super) async fn write(&self, number: u32, folded: FoldedBucket) -> Result<Written, sqlx::Error> {
        let Shared { shop, generation, .. } = &*self.shared;
        let FoldedBucket { written, parked, events } = folded;
        self.make_months(&written).await?;
        let mut transaction = begin(&shop.pool, generation).await?;
        if !hold(&mut transaction, generation, &self.unit).await? {
            return Ok(Written::Lost);
        }
        let rows: usize = written.iter().map(|rows| rows.rows).sum();
        // First, so that an attempt whose COMMIT gave no answer is waited for, and found done if it is.
        if !self.say_done(&mut transaction, number..number + 1, events, rows).await? {
            return Ok(Written::Done);
        }
        if planted(Bug::BucketDoneBeforeRows) {
            transaction.commit().await?;
            transaction = begin(&shop.pool, generation).await?;
        }
        if self.write_rows(&mut transaction, written, &parked).await? > MOST_PARKED {
            return Ok(Written::TooMany(parked));
        }
        point("rebuild.bucket_written");
        transaction.commit().await?;
        point("rebuild.bucket_committed");
        Ok(Written::Done)
    }

    /// One transaction: all buckets are done and the partition with them, for its rows are there.
    pub(super) async fn write_whole(&self, whole: FoldedWhole) -> Result<Written, sqlx::Error> {
        let Shared { shop, generation, .. } = &*self.shared;
        let FoldedWhole { folded: FoldedBucket { written, parked, events }, misplaced, last } = whole;
        self.make_months(&written).await?;
        let mut transaction = begin(&shop.pool, generation).await?;
        if !hold(&mut transaction, generation, &self.unit).await? {
            return Ok(Written::Lost);
        }
        let rows: usize = written.iter().map(|rows| rows.rows).sum();
        if !self.say_done(&mut transaction, 0..self.unit.buckets, events, rows).await? {
            return Ok(Written::Done);
        }
        if self.write_rows(&mut transaction, written, &parked).await? > MOST_PARKED {
            return Ok(Written::TooMany(parked));
        }
        if !self.say_ended(&mut transaction, last, &misplaced).await? {
            return Ok(Written::Lost);
        }
        point("rebuild.bucket_written");
        transaction.commit().await?;
        point("rebuild.bucket_committed");
        point("rebuild.unit_done");
        Ok(Written::Done)
    }

    /// Months are made outside of the transaction, for others make them too.
    async fn make_months(&self, written: &[WrittenRows]) -> Result<(), sqlx::Error> {
        let Shared { shop, generation, months, .. } = &*self.shared;
        for rows in written {
            let mut months = months.lock().await;
            let missing = months.missing(rows.table, &rows.months);
            if !missing.is_empty() {
                months.create(&shop.pool, generation, rows.table, missing).await?;
            }
        }
        Ok(())
    }

    /// Writes rows and what is parked; answers with how much is parked in all, if anything was.
    async fn write_rows(
        &self,
        connection: &mut PgConnection,
        written: Vec<WrittenRows>,
        parked: &[Parked],
    ) -> Result<i64, sqlx::Error> {
        let generation = &self.shared.generation;
        let schema = generation.schema();
        for rows in written {
            statement::write(&mut *connection, &schema, rows, 0).await?;
        }
        if parked.is_empty() {
            return Ok(0);
        }
        insert(&mut *connection, generation, parked).await?;
        self.parked(connection).await
    }

    /// Says that buckets are done; events and rows are noted with the first. False when one of them is done already.
    async fn say_done(
        &self,
        connection: &mut PgConnection,
        buckets: Range<u32>,
        events: u64,
        rows: usize,
    ) -> Result<bool, sqlx::Error> {
        let query = "INSERT INTO brainops.rebuild_bucket (read_model, generation, topic, partition, bucket, events, rows) \
                     SELECT $1, $2, $3, $4, bucket, CASE bucket WHEN $5 THEN $7 ELSE 0 END, CASE bucket WHEN $5 THEN $8 ELSE 0 END \
                       FROM generate_series($5, $6 - 1) AS bucket \
                         ON CONFLICT DO NOTHING";
        let (generation, (topic, partition)) = (&self.shared.generation, &self.unit.place);
        let query = sqlx::query(query).bind(generation.read_model.as_str()).bind(generation.number);
        let query = query.bind(topic.as_str()).bind(partition.get());
        let number = |bucket| i32::try_from(bucket).unwrap_or(i32::MAX);
        let query = query.bind(number(buckets.start)).bind(number(buckets.end));
        let query = query
            .bind(i64::try_from(events).unwrap_or(i64::MAX))
            .bind(i64::try_from(rows).unwrap_or(i64::MAX));
        let done = query.execute(connection).await?.rows_affected();
        Ok(done == u64::from(buckets.end - buckets.start))
    }

    async fn parked(&self, connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
        let sql = self.shared.generation.fill("SELECT count(*) FROM {generation}.parked");
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(connection).await
    }

    /// Parks what is misplaced, and says that the partition is done.
    pub(super) async fn end(&self, spilled: &Spilled) -> Result<(), RebuildError> {
        let generation = &self.shared.generation;
        let misplaced = self.misplaced(spilled).await?;
        let mut backoff = Backoff::for_database();
        loop {
            match self.try_end(spilled, &misplaced).await {
                Ok(true) => return Ok(()),
                Ok(false) => return Err(RebuildError::ShutDown),
                Err(error) => {
                    let waited = pause_after(&generation.read_model, error, &mut backoff, &self.stop).await;
                    waited.map_err(halted)?;
                }
            }
        }
    }

    async fn misplaced(&self, spilled: &Spilled) -> Result<Vec<Parked>, RebuildError> {
        let spilled = spilled.clone();
        let all = blocking(move || Ok(spilled.misplaced().collect::<Result<Vec<_>, _>>()?)).await?;
        let place = &self.unit.place;
        let is_wanted = |one: &MisplacedRecord| self.keeps_misplaced(one.recorded_at, one.position.offset);
        let misplaced = all.into_iter().filter(is_wanted);
        Ok(misplaced
            .map(|one| {
                let event = one.source.zip(one.id);
                misplaced_at(place, one.position.offset, one.recorded_at, one.reason.to_string(), event)
            })
            .collect())
    }

    /// Whether a misplaced record is to be parked.
    pub(super) fn keeps_misplaced(&self, recorded_at: Timestamp, offset: Offset) -> bool {
        let Shared { happened_to, decided, .. } = &*self.shared;
        happened_to.is_none_or(|to| recorded_at <= to) && !decided.is_dismissed(&self.unit.place, offset)
    }

    async fn try_end(&self, spilled: &Spilled, misplaced: &[Parked]) -> Result<bool, sqlx::Error> {
        let Shared { shop, generation, .. } = &*self.shared;
        let mut transaction = begin(&shop.pool, generation).await?;
        if !self.say_ended(&mut transaction, spilled.last_record(), misplaced).await? {
            return Ok(false);
        }
        transaction.commit().await?;
        point("rebuild.unit_done");
        Ok(true)
    }

    /// Says that the partition is done and parks what is misplaced. False when it is somebody else's now.
    async fn say_ended(
        &self,
        connection: &mut PgConnection,
        last: Option<(RecordDigest, Timestamp)>,
        misplaced: &[Parked],
    ) -> Result<bool, sqlx::Error> {
        let generation = &self.shared.generation;
        let query = "UPDATE brainops.rebuild_unit \
                        SET state = 'done', lease_until = NULL, read_to = to_offset, last_digest = $6, last_recorded_at = $7, \
                            events = (SELECT coalesce(sum(bucket.events), 0) FROM brainops.rebuild_bucket AS bucket \
                                       WHERE bucket.read_model = $1 AND bucket.generation = $2 \
                                         AND bucket.topic = $3 AND bucket.partition = $4) \
                      WHERE read_model = $1 AND generation = $2 AND topic = $3 AND partition = $4 AND epoch = $5";
        let query = bind_unit(sqlx::query(query), generation, &self.unit);
        let query =
            query.bind(last.map(|(digest, _)| digest.as_bytes().to_vec())).bind(last.map(|(_, at)| at));
        if query.execute(&mut *connection).await?.rows_affected() == 0 {
            return Ok(false);
        }
        if !misplaced.is_empty() {
            insert(connection, generation, misplaced).await?;
        }
        Ok(true)
    }
}

/// A misplaced record, as it is parked: alone.
pub(super) fn misplaced_at(
    place: &Place,
    offset: Offset,
    recorded_at: Timestamp,
    reason: String,
    event: Option<(String, String)>,
) -> Parked {
    Parked {
        place: place.clone(),
        offset,
        subject: None,
        class: ReasonClass::Misplaced,
        reason,
        event,
        recorded_at,
        last: offset,
        held: 1,
    }
}
