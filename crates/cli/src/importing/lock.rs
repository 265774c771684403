//! One import per source at a time: an advisory lock of Postgres, held by a connection of its own. It goes with the
//! connection, so a killed import leaves nothing behind.

use std::time::Duration;

use anyhow::{Context as _, bail};
use brainops_event::Source;
use brainops_projection::PostgresConfig;
use chrono::{DateTime, Utc};
use sqlx::{Connection as _, PgConnection};

use crate::host::host_name;

const TAKE: &str = include_str!("../../queries/import_lock.sql");
const HOLDER: &str = include_str!("../../queries/import_lock_holder.sql");

/// A killed import's connection takes a moment to be noticed: so often and so far apart is the lock tried.
const TRIES: u32 = 10;
const BETWEEN_TRIES: Duration = Duration::from_millis(200);

/// The lock of one source.
pub(super) struct ImportLock(PgConnection);

impl ImportLock {
    /// Takes the lock, or says who holds it.
    pub(super) async fn take(postgres: &PostgresConfig, source: &Source) -> anyhow::Result<ImportLock> {
        let options = postgres.options()?.application_name(&own_name());
        let mut connection =
            PgConnection::connect_with(&options).await.context("postgres is not available")?;
        for _ in 0..TRIES {
            let taken: bool = sqlx::query_scalar(TAKE)
                .bind(source.as_str())
                .fetch_one(&mut connection)
                .await
                .context("the lock of the source cannot be asked for")?;
            if taken {
                return Ok(ImportLock(connection));
            }
            tokio::time::sleep(BETWEEN_TRIES).await;
        }
        let holder: Option<(String, DateTime<Utc>)> = sqlx::query_as(HOLDER)
            .bind(source.as_str())
            .fetch_optional(&mut connection)
            .await
            .context("the holder of the lock cannot be asked for")?;
        match holder {
            Some((name, since)) => {
                let since = since.format("%Y-%m-%d %H:%M:%S");
                bail!("{source} is being imported by \"{name}\" since {since} UTC; wait for its end")
            }
            None => bail!("{source} was being imported by another process until now; try again"),
        }
    }

    /// Fails when the connection, and the lock with it, has gone.
    pub(super) async fn is_held(&mut self) -> Result<(), sqlx::Error> {
        self.0.ping().await
    }
}

/// What others read when they find the lock taken; Postgres keeps 63 bytes of it.
fn own_name() -> String {
    let name = format!("brainops import, process {} on {}", std::process::id(), host_name());
    name.chars().filter(char::is_ascii).take(63).collect()
}
