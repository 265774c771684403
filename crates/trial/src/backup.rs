//! A backup of the room's database, and its restore: all tables as one moment had them, those of the watch too.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::room::Room;

/// Tables that are backed up: all but those that say which migrations were made.
const TABLES: &str = "SELECT (relnamespace::regnamespace)::text || '.' || relname FROM pg_class \
    WHERE relnamespace::regnamespace::text IN ('brainops', 'watch') AND relkind IN ('r', 'p') \
      AND NOT relispartition AND relname NOT LIKE '%migration' ORDER BY 1";

/// The last number that was drawn for a row of the outbox.
const DRAWN: &str = "SELECT last_value FROM brainops.outbox_number";

/// A backup, kept in a schema of the database itself.
#[derive(Debug)]
pub struct Backup {
    tables: Vec<String>,
    drawn: i64,
}

impl Room {
    /// Backs the database up, whoever works with it meanwhile.
    ///
    /// # Errors
    /// When the database does not do what it should.
    pub async fn back_up(&self) -> anyhow::Result<Backup> {
        let mut connection = PgConnection::connect_with(&self.postgres().options()?).await?;
        let tables: Vec<String> = sqlx::query_scalar(TABLES).fetch_all(&mut connection).await?;
        let copies: String =
            tables.iter().map(|table| format!("CREATE TABLE backup.\"{table}\" AS TABLE {table};")).collect();
        // One snapshot for all of them.
        let sql = format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ; DROP SCHEMA IF EXISTS backup CASCADE; CREATE SCHEMA backup; {copies} COMMIT"
        );
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await?;
        // Later than the snapshot, as in a backup of the files: numbers may be missing, and none is there twice.
        let drawn = sqlx::query_scalar(DRAWN).fetch_one(&mut connection).await?;
        Ok(Backup { tables, drawn })
    }

    /// Sets the database back to a backup. Whoever works with it must have ended.
    ///
    /// # Errors
    /// When the database does not do what it should.
    pub async fn restore(&self, backup: &Backup) -> anyhow::Result<()> {
        let mut connection = PgConnection::connect_with(&self.postgres().options()?).await?;
        let Backup { tables, drawn } = backup;
        let all = tables.join(", ");
        let filled: String = tables
            .iter()
            .map(|table| format!("INSERT INTO {table} OVERRIDING SYSTEM VALUE TABLE backup.\"{table}\";"))
            .collect();
        let sql = format!(
            "BEGIN; ALTER TABLE brainops.saga_checkpoint DISABLE TRIGGER watch; TRUNCATE {all}; {filled} \
             ALTER TABLE brainops.saga_checkpoint ENABLE TRIGGER watch; \
             SELECT setval('brainops.outbox_number', {drawn}); COMMIT"
        );
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await?;
        Ok(())
    }
}
