//! How far a table is filled, seen from outside: events of every partition at equal distances, each of which has
//! changed its row for good by the time when it and all before it are written.

use brainops_event::PartitionCount;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use crate::event::{Generator, Kind};

/// How many there are of each partition.
const PER_PARTITION: u64 = 64;

/// Makes the table of markers: for each, how many events of its partition are written once it is.
pub(crate) async fn make(
    connection: &mut PgConnection,
    kind: Kind,
    events: u64,
    partitions: u16,
) -> anyhow::Result<()> {
    let count = PartitionCount::new(i32::from(partitions))?;
    let generator = Generator::new(kind, events);
    let mut totals = vec![0_u64; usize::from(partitions)];
    let places: Vec<usize> = (0..events)
        .map(|number| {
            let subject = generator.subject(generator.key(number));
            let place = usize::try_from(Generator::partition(&subject, count).get()).unwrap_or_default();
            totals[place] += 1;
            place
        })
        .collect();
    let mut seen = vec![0_u64; usize::from(partitions)];
    let mut columns = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (number, place) in (0..events).zip(places) {
        seen[place] += 1;
        let step = (totals[place] / PER_PARTITION).max(1);
        if !seen[place].is_multiple_of(step) && seen[place] != totals[place] {
            continue;
        }
        let line = generator.line(number);
        columns.0.push(i32::try_from(place)?);
        columns.1.push(i64::try_from(seen[place])?);
        columns.2.push(line.subject);
        columns.3.push(line.line);
        columns.4.push(line.seq);
    }
    sqlx::raw_sql(
        "CREATE TEMP TABLE marker (partition integer, done bigint, subject text, line integer, seq bigint)",
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query("INSERT INTO marker SELECT * FROM UNNEST($1::integer[], $2::bigint[], $3::text[], $4::integer[], $5::bigint[])")
        .bind(columns.0)
        .bind(columns.1)
        .bind(columns.2)
        .bind(columns.3)
        .bind(columns.4)
        .execute(&mut *connection)
        .await?;
    sqlx::raw_sql("ANALYZE marker").execute(connection).await?;
    Ok(())
}

/// How many events are written at least.
pub(crate) async fn done(connection: &mut PgConnection, table: &str) -> anyhow::Result<u64> {
    // Each marker is looked up by the key; a plan that reads the whole table would be measured with the rest.
    let sql = format!(
        "SELECT coalesce(sum(reached.done), 0)::bigint
           FROM (SELECT marker.partition, max(marker.done) AS done
                   FROM marker
                  CROSS JOIN LATERAL (SELECT seq FROM {table} AS held
                                       WHERE held.subject = marker.subject AND held.line = marker.line
                                       LIMIT 1) AS held
                  WHERE held.seq >= marker.seq
                  GROUP BY marker.partition) AS reached"
    );
    let row = sqlx::query(AssertSqlSafe(sql)).fetch_one(connection).await?;
    Ok(u64::try_from(row.try_get::<i64, _>(0)?)?)
}
