//! The lease of a shard: one holder at a time by the clock of Postgres, an epoch that rises with every taking.
//!
//! What a holder writes to Postgres it writes in transactions that first lock the shard's row where the epoch is still its
//! own, and from time to time renew the lease: a former holder writes nothing. What it does outside (sending, answering callers) it does only while the
//! lease is good by its own monotonic clock, counted from before the renewal was asked for.

use std::time::{Duration, Instant};

use sqlx::Row as _;
use sqlx::postgres::PgConnection;

use super::end::SessionEnd;

/// A lease that was taken.
#[derive(Debug, Clone)]
pub(crate) struct Lease {
    pub(crate) shard: u16,
    pub(crate) epoch: i64,
    length: Duration,
    good_until: Instant,
    renewed: Instant,
}

/// A transaction holds the lease; when it was asked to be renewed, if it was.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Holding(Option<Instant>);

/// What came of trying to take a lease.
pub(crate) enum Taking {
    Taken(Lease),
    /// Somebody else has it, for so long at least.
    Held(Duration),
}

impl Lease {
    /// Takes the shard, if nobody else has it. Who had it before as the same holder need not wait.
    pub(crate) async fn take(
        connection: &mut PgConnection,
        shard: u16,
        holder: &str,
        length: Duration,
    ) -> Result<Taking, sqlx::Error> {
        let asked = Instant::now();
        let taken = sqlx::query(include_str!("../sql/take_lease.sql"))
            .bind(i32::from(shard))
            .bind(holder)
            .bind(length.as_secs_f64())
            .fetch_optional(&mut *connection)
            .await?;
        if let Some(row) = taken {
            let epoch = row.try_get("epoch")?;
            let mut lease = Lease { shard, epoch, length, good_until: asked, renewed: asked };
            lease.renew(asked);
            return Ok(Taking::Taken(lease));
        }
        let left: Option<f64> = sqlx::query_scalar(include_str!("../sql/lease_left.sql"))
            .bind(i32::from(shard))
            .fetch_optional(connection)
            .await?;
        Ok(Taking::Held(Duration::try_from_secs_f64(left.unwrap_or(1.0)).unwrap_or_default()))
    }

    /// First statement of every transaction of a session: fails unless the epoch is still this one, and keeps the
    /// shard's row locked until the transaction ends. Once it is committed, [`Lease::held`] is to be told the answer.
    ///
    /// Unless it is time to renew the lease, the commit need not reach the disk: whatever a crash of Postgres takes back
    /// of it, the next session reads in the log. What must not be taken back makes the commit synchronous again.
    pub(crate) async fn hold(
        &self,
        connection: &mut PgConnection,
        open: bool,
    ) -> Result<Holding, SessionEnd> {
        let asked = Instant::now();
        if asked < self.renew_at() && !open {
            let held = sqlx::query(include_str!("../sql/hold_shard.sql"))
                .bind(i32::from(self.shard))
                .bind(self.epoch)
                .fetch_optional(connection)
                .await?;
            return if held.is_some() { Ok(Holding(None)) } else { Err(SessionEnd::LeaseLost) };
        }
        let held = sqlx::query(include_str!("../sql/hold_lease.sql"))
            .bind(i32::from(self.shard))
            .bind(self.epoch)
            .bind(self.length.as_secs_f64())
            .bind(open)
            .execute(connection)
            .await?;
        if held.rows_affected() == 1 { Ok(Holding(Some(asked))) } else { Err(SessionEnd::LeaseLost) }
    }

    /// A transaction that held the lease is committed.
    pub(crate) fn held(&mut self, holding: Holding) {
        if let Some(asked) = holding.0 {
            self.renew(asked);
        }
    }

    fn renew(&mut self, asked: Instant) {
        self.renewed = asked;
        // clocks may run at different speeds
        self.good_until = asked + self.length - self.length / 10;
    }

    /// Fails when somebody else may have the shard by now.
    pub(crate) fn check(&self) -> Result<(), SessionEnd> {
        if Instant::now() < self.good_until { Ok(()) } else { Err(SessionEnd::LeaseLost) }
    }

    /// When it should be renewed.
    pub(crate) fn renew_at(&self) -> Instant {
        self.renewed + self.length / 3
    }

    /// Gives the shard up, so that nobody has to wait.
    pub(crate) async fn release(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        sqlx::query(include_str!("../sql/release_lease.sql"))
            .bind(i32::from(self.shard))
            .bind(self.epoch)
            .execute(connection)
            .await?;
        Ok(())
    }
}
