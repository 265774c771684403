//! Month partitions: made before the first row of a month comes, in a transaction of their own.

use std::collections::{BTreeSet, HashMap};

use sqlx::{AssertSqlSafe, PgPool};

use crate::generation::Generation;
use crate::table::Table;
use crate::writer::Month;

/// The months that are known to exist, per table.
#[derive(Debug, Default)]
pub(crate) struct KnownMonths {
    known: HashMap<&'static str, BTreeSet<Month>>,
}

impl KnownMonths {
    /// Those of these months that are not known to exist.
    pub(crate) fn missing(&self, table: &'static Table, months: &BTreeSet<Month>) -> BTreeSet<Month> {
        match self.known.get(table.name) {
            Some(known) => months.difference(known).copied().collect(),
            None => months.clone(),
        }
    }

    /// Makes the partitions for these months, whoever else does the same at the same time.
    ///
    /// The partition is made apart and then attached: that takes a lock which lets readers and writers of the other
    /// months go on.
    pub(crate) async fn create(
        &mut self,
        pool: &PgPool,
        generation: &Generation,
        table: &'static Table,
        months: BTreeSet<Month>,
    ) -> Result<(), sqlx::Error> {
        let Some(column) = table.month_partitioned_by else { return Ok(()) };
        let mut transaction = pool.begin().await?;
        let place = format!("{}.{}", generation.schema(), table.name);
        let lock = "SELECT pg_advisory_xact_lock(hashtextextended('brainops.month.' || $1, 0))";
        sqlx::query(lock).bind(&place).execute(&mut *transaction).await?;
        for month in &months {
            let exists: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
                .bind(format!("{place}_{}", month.suffix()))
                .fetch_one(&mut *transaction)
                .await?;
            if !exists {
                let sql = create_sql(&place, column, *month);
                sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *transaction).await?;
            }
        }
        transaction.commit().await?;
        self.known.entry(table.name).or_default().extend(months);
        Ok(())
    }
}

pub(crate) fn create_sql(place: &str, column: &str, month: Month) -> String {
    let (first, next, suffix) = (month.first_day(), month.next_first_day(), month.suffix());
    format!(
        "CREATE TABLE {place}_{suffix} (LIKE {place} INCLUDING ALL);\n\
         COMMENT ON TABLE {place}_{suffix} IS 'Rows of {place} with {column} in the month from {first} on, UTC.';\n\
         ALTER TABLE {place} ATTACH PARTITION {place}_{suffix} \
         FOR VALUES FROM ('{first} 00:00:00+00') TO ('{next} 00:00:00+00');"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{TimeZone, Utc};

    #[test]
    fn a_month_ends_where_the_next_begins() {
        let month = Month::of(Utc.with_ymd_and_hms(2026, 12, 31, 23, 59, 59).unwrap()).unwrap();
        let sql = create_sql("events_g1.event", "recorded_at", month);
        assert!(
            sql.contains("CREATE TABLE events_g1.event_2026_12 (LIKE events_g1.event INCLUDING ALL)"),
            "{sql}"
        );
        assert!(sql.contains("FROM ('2026-12-01 00:00:00+00') TO ('2027-01-01 00:00:00+00')"), "{sql}");
    }

    #[test]
    fn months_that_cannot_be_named_are_none() {
        assert_eq!(Month::of(chrono::DateTime::<Utc>::MAX_UTC), None);
        assert_eq!(Month::of(Utc.with_ymd_and_hms(0, 12, 31, 0, 0, 0).unwrap()), None);
        assert!(Month::of(Utc.with_ymd_and_hms(1, 1, 1, 0, 0, 0).unwrap()).is_some());
    }
}
