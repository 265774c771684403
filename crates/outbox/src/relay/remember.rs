//! What a database that was restored from a backup has forgotten, the log tells: every name that is seen there is
//! reserved, and a row that was sent, as far as the database knows not even numbered, is marked.

use std::collections::HashSet;
use std::sync::Arc;

use brainops_event::{Offset, Position, Timestamp};
use brainops_fault::{self as fault, Bug};
use brainops_log::{RegistryError, Said, TailRecord};
use metrics::counter;
use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Row as _};

use super::end::SessionEnd;
use super::session::Session;
use super::turn::{mark, place};
use crate::digest::EventDigest;
use crate::metrics::RESERVED_FROM_LOG;
use crate::recovery::Confirmed;
use crate::waiters::Acknowledged;

impl Session {
    /// Reserves what these records name and is not reserved, and marks their rows that have no number.
    pub(super) async fn remember(&mut self, records: Vec<TailRecord>) -> Result<(), SessionEnd> {
        let firsts = firsts(records);
        let (marks, missing) = look_up(&mut self.connection, &firsts).await?;
        if marks.is_empty() && missing.is_empty() {
            return Ok(());
        }
        let digests = self.digests(&firsts, &missing).await?;
        let mut transaction = self.connection.begin().await?;
        let holding = self.lease.hold(&mut transaction, false).await?;
        reserve(&mut transaction, &firsts, &missing, &digests).await?;
        mark(&mut transaction, &marks).await?;
        transaction.commit().await?;
        self.lease.held(holding);
        counter!(RESERVED_FROM_LOG, "shard" => self.lease.shard.to_string()).increment(missing.len() as u64);
        let answers: Vec<Acknowledged> = marks.iter().map(Acknowledged::from).collect();
        self.shared.waiters.answer(&answers);
        Ok(())
    }

    /// The digests that these events would have been reserved with.
    async fn digests(
        &self,
        records: &[TailRecord],
        missing: &[usize],
    ) -> Result<Vec<EventDigest>, SessionEnd> {
        let mut digests = Vec::with_capacity(missing.len());
        for index in missing {
            digests.push(match &records[*index].said {
                Said::Other(value) => EventDigest::of_foreign(value),
                Said::Avro { event_type, subject, schema, datum } => {
                    match self.shared.registry.schema(*schema).await {
                        Ok(schema) => EventDigest::of(event_type, subject, schema.name.as_str(), datum),
                        Err(error) if error.is_transient() => return Err(registry(error)),
                        Err(_) => EventDigest::of_foreign(datum), // no door would have written it
                    }
                }
            });
        }
        Ok(digests)
    }
}

fn registry(error: RegistryError) -> SessionEnd {
    SessionEnd::Registry(Arc::new(error))
}

/// The first record of each name.
fn firsts(records: Vec<TailRecord>) -> Vec<TailRecord> {
    let mut names = HashSet::with_capacity(records.len());
    let is_first = |record: &TailRecord| names.insert((record.source.clone(), record.id.clone()));
    records.into_iter().filter(is_first).collect()
}

/// Rows to be marked, and which records have no reservation.
async fn look_up(
    connection: &mut PgConnection,
    records: &[TailRecord],
) -> Result<(Vec<Confirmed>, Vec<usize>), SessionEnd> {
    let rows = sqlx::query(include_str!("../sql/seen.sql"))
        .bind(records.iter().map(|record| record.source.as_str()).collect::<Vec<_>>())
        .bind(records.iter().map(|record| record.id.as_str()).collect::<Vec<_>>())
        .fetch_all(connection)
        .await?;
    let mut known = vec![false; records.len()];
    let mut marks = Vec::new();
    for row in rows {
        let nth: i64 = row.try_get("nth")?;
        let Some(index) = usize::try_from(nth - 1).ok().filter(|index| *index < records.len()) else {
            continue;
        };
        known[index] = true;
        let Some(outbox_id) = row.try_get("outbox_id")? else { continue };
        let record = &records[index];
        // a name may stand in another topic too: that says nothing about the row
        let is_there = place(&row)? == (record.topic.clone(), record.partition);
        if is_there && !fault::planted(Bug::NumberedAfterSending) {
            marks.push(confirmed(outbox_id, record));
        }
    }
    let missing = known.iter().enumerate().filter(|(_, known)| !**known).map(|(index, _)| index);
    Ok((marks, missing.collect()))
}

fn confirmed(outbox_id: i64, record: &TailRecord) -> Confirmed {
    let place = (record.topic.clone(), record.partition);
    let TailRecord { offset, recorded_at, .. } = *record;
    Confirmed { outbox_id, place, send_no: 0, offset, recorded_at }
}

async fn reserve(
    connection: &mut PgConnection,
    records: &[TailRecord],
    missing: &[usize],
    digests: &[EventDigest],
) -> Result<(), SessionEnd> {
    if missing.is_empty() {
        return Ok(());
    }
    let missing: Vec<&TailRecord> = missing.iter().map(|index| &records[*index]).collect();
    let done = sqlx::query(include_str!("../sql/reserve_seen.sql"))
        .bind(missing.iter().map(|record| record.source.as_str()).collect::<Vec<_>>())
        .bind(missing.iter().map(|record| record.id.as_str()).collect::<Vec<_>>())
        .bind(digests.iter().map(|digest| digest.as_bytes().as_slice()).collect::<Vec<_>>())
        .bind(missing.iter().map(|record| record.topic.as_str()).collect::<Vec<_>>())
        .bind(missing.iter().map(|record| record.partition.get()).collect::<Vec<_>>())
        .bind(missing.iter().map(|record| record.offset.get()).collect::<Vec<_>>())
        .bind(missing.iter().map(|record| record.recorded_at).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    match (missing.len() as u64).saturating_sub(done.rows_affected()) {
        0 => Ok(()),
        raced => Err(SessionEnd::Raced(raced)),
    }
}

impl From<&Confirmed> for Acknowledged {
    fn from(confirmed: &Confirmed) -> Acknowledged {
        let Confirmed { outbox_id, place: (topic, partition), offset, recorded_at, .. } = confirmed;
        let (offset, recorded_at): (Offset, Timestamp) = (*offset, *recorded_at);
        let position = Position { topic: topic.clone(), partition: *partition, offset };
        Acknowledged { outbox_id: *outbox_id, position, recorded_at }
    }
}
