//! What the roles of one process share.

use brainops_log::{Cluster, Registry};
use brainops_outbox::Outbox;
use sqlx::PgPool;

use super::Stop;
use crate::context::Context;

/// The ways to Kafka, the registry, Postgres and the outbox, and the word to stop.
pub struct Ground {
    pub cluster: Cluster,
    pub registry: Registry,
    /// For folds, the outbox and the relay; the doors and replay have connections of their own.
    pub pool: PgPool,
    pub outbox: Outbox,
    pub stop: Stop,
}

impl Ground {
    /// Opens all of them.
    pub async fn new(context: &Context, stop: Stop) -> anyhow::Result<Ground> {
        let (cluster, registry, pool) = (context.cluster()?, context.registry()?, context.pool().await?);
        let outbox = context.outbox(&pool).await?;
        Ok(Ground { cluster, registry, pool, outbox, stop })
    }
}
