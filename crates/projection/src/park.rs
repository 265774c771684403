//! Sets records aside, in the transaction that moves past them: the first of a subject is named, those behind it are
//! counted.

use std::collections::BTreeMap;

use brainops_event::TopicName;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, PgPool, Row as _};

use crate::checkpoint::Place;
use crate::generation::Generation;
use crate::reason::ReasonClass;
use crate::sort::{More, Parked, ParkedSets, Subjects};

/// The most subjects that a generation parks before it pauses, whatever the rate: an instance keeps the names of
/// those of its partitions in memory, 10,000 of 512 bytes at most.
pub(crate) const MOST_PARKED: i64 = 10_000;

/// What parking has come to.
pub(crate) enum Parking {
    /// All is written.
    Written,
    /// It is too much; nothing of it may be committed.
    TooMany(String),
    /// What is parked in memory is not what the table says: the memory must be read anew.
    Unlike,
}

/// Writes what a batch parks and holds, unless that is too much. Misplaced records do not count as too many: no fold
/// can be blamed for them; nor do those of the topic of decisions, which must go on for a pause to end.
pub(crate) async fn park(
    connection: &mut PgConnection,
    generation: &Generation,
    decisions: &TopicName,
    limit_per_minute: u32,
    (parked, held): (&[Parked], &BTreeMap<(Place, String), More>),
) -> Result<Parking, sqlx::Error> {
    if !held.is_empty() && hold(connection, generation, held).await? != held.len() as u64 {
        return Ok(Parking::Unlike);
    }
    if parked.is_empty() {
        return Ok(Parking::Written);
    }
    let counts = |one: &&Parked| one.class != ReasonClass::Misplaced && one.place.0 != *decisions;
    let fresh = parked.iter().filter(counts).count();
    if let Some(first) = parked.iter().find(counts) {
        let sql = generation.fill(include_str!("sql/parked_count.sql"));
        let query = sqlx::query(AssertSqlSafe(sql)).bind(generation.read_model.as_str());
        let row = query.bind(generation.number).bind(decisions.as_str()).fetch_one(&mut *connection).await?;
        let (recent, all, resumed): (i64, i64, bool) =
            (row.try_get("recent")?, row.try_get("parked")?, row.try_get("resumed")?);
        if let Some(reason) = too_many(fresh as i64, (recent, all, resumed), limit_per_minute) {
            return Ok(Parking::TooMany(format!("{reason}, first {}: {}", first.position(), first.reason)));
        }
    }
    let written = insert(connection, generation, parked).await?;
    Ok(if written == parked.len() as u64 { Parking::Written } else { Parking::Unlike })
}

/// Why this is too much. A person who has just resumed has seen how much it is: for a minute only the whole counts.
fn too_many(fresh: i64, (recent, all, resumed): (i64, i64, bool), limit_per_minute: u32) -> Option<String> {
    if fresh + all > MOST_PARKED {
        return Some(format!(
            "{fresh} more subjects would be parked beside {all}, the most are {MOST_PARKED}"
        ));
    }
    (!resumed && fresh + recent > i64::from(limit_per_minute)).then(|| {
        format!("{fresh} more subjects would be parked after {recent} within a minute, the most are {limit_per_minute}")
    })
}

pub(crate) async fn insert(
    connection: &mut PgConnection,
    generation: &Generation,
    parked: &[Parked],
) -> Result<u64, sqlx::Error> {
    let inserted = sqlx::query(AssertSqlSafe(generation.fill(include_str!("sql/park.sql"))))
        .bind(parked.iter().map(|one| one.place.0.as_str()).collect::<Vec<_>>())
        .bind(parked.iter().map(|one| one.place.1.get()).collect::<Vec<_>>())
        .bind(parked.iter().map(|one| one.offset.get()).collect::<Vec<_>>())
        .bind(parked.iter().map(|one| one.class.as_str()).collect::<Vec<_>>())
        .bind(parked.iter().map(|one| one.reason.as_str()).collect::<Vec<_>>())
        .bind(parked.iter().map(|one| one.event.as_ref().map(|event| event.0.as_str())).collect::<Vec<_>>())
        .bind(parked.iter().map(|one| one.event.as_ref().map(|event| event.1.as_str())).collect::<Vec<_>>())
        .bind(parked.iter().map(|one| one.recorded_at).collect::<Vec<_>>())
        .bind(parked.iter().map(|one| one.subject.as_deref()).collect::<Vec<_>>())
        .bind(parked.iter().map(|one| one.last.get()).collect::<Vec<_>>())
        .bind(parked.iter().map(|one| count(one.held)).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(inserted.rows_affected())
}

/// Counts what comes behind subjects that are parked already; answers how many of them there are.
async fn hold(
    connection: &mut PgConnection,
    generation: &Generation,
    held: &BTreeMap<(Place, String), More>,
) -> Result<u64, sqlx::Error> {
    let counted = sqlx::query(AssertSqlSafe(generation.fill(include_str!("sql/hold.sql"))))
        .bind(held.keys().map(|((topic, _), _)| topic.as_str()).collect::<Vec<_>>())
        .bind(held.keys().map(|((_, partition), _)| partition.get()).collect::<Vec<_>>())
        .bind(held.keys().map(|(_, subject)| subject.as_str()).collect::<Vec<_>>())
        .bind(held.values().map(|more| count(more.held)).collect::<Vec<_>>())
        .bind(held.values().map(|more| more.last.get()).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(counted.rows_affected())
}

pub(crate) fn count(held: u64) -> i64 {
    i64::try_from(held).unwrap_or(i64::MAX)
}

/// The parked subjects of these partitions. The caller owns them: nobody else parks anything there.
pub(crate) async fn parked_sets<'a>(
    pool: &PgPool,
    generation: &Generation,
    places: impl Iterator<Item = &'a Place> + Clone,
) -> Result<ParkedSets, sqlx::Error> {
    let sql = "SELECT parked.topic, parked.partition, parked.subject FROM {generation}.parked AS parked \
                 JOIN UNNEST($1::text[], $2::integer[]) AS asked (topic, partition) USING (topic, partition) \
                WHERE parked.subject IS NOT NULL";
    let rows = sqlx::query(AssertSqlSafe(generation.fill(sql)))
        .bind(places.clone().map(|(topic, _)| topic.as_str()).collect::<Vec<_>>())
        .bind(places.clone().map(|(_, partition)| partition.get()).collect::<Vec<_>>())
        .fetch_all(pool)
        .await?;
    let mut sets: ParkedSets = places.map(|place| (place.clone(), Subjects::new())).collect();
    for row in rows {
        let place = crate::checkpoint::place(&row)?;
        sets.entry(place).or_default().insert(row.try_get("subject")?);
    }
    Ok(sets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_within_a_minute_or_at_all() {
        let cases = [
            (100, (0, 0, false), None),
            (101, (0, 0, false), Some("within a minute")),
            (1, (100, 100, false), Some("within a minute")),
            (5_000, (100, 100, true), None), // somebody has just said to go on
            (5_000, (0, 5_001, true), Some("the most are 10000")),
        ];
        for (fresh, known, expected) in cases {
            let reason = too_many(fresh, known, 100);
            assert_eq!(reason.is_some(), expected.is_some(), "{fresh} {known:?}");
            assert!(reason.unwrap_or_default().contains(expected.unwrap_or_default()), "{fresh} {known:?}");
        }
    }
}
