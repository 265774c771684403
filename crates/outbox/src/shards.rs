//! How many shards there are: said once, the same for all processes, changed only when nothing depends on it.

use sqlx::{PgPool, Row as _};

use crate::error::OutboxError;

/// Makes the rows of the shards, if they are not there as configured.
pub(crate) async fn ensure_shards(pool: &PgPool, configured: u16) -> Result<(), OutboxError> {
    let count = i16::try_from(configured).unwrap_or(i16::MAX);
    let query = "SELECT count(*) FROM brainops.outbox_shard WHERE shards = $1";
    let known: i64 = sqlx::query_scalar(query).bind(count).fetch_one(pool).await?;
    if known == i64::from(count) {
        return Ok(());
    }
    let mut transaction = pool.begin().await?;
    // whoever queues rows reads this table in the same transaction, and relays write to it
    sqlx::query("LOCK TABLE brainops.outbox_shard IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *transaction)
        .await?;
    let found = sqlx::query(include_str!("sql/shards_found.sql")).fetch_one(&mut *transaction).await?;
    let (shards, pending): (i16, i64) = (found.try_get("shards")?, found.try_get("pending")?);
    let leased: bool = found.try_get("leased")?;
    if shards != count && shards != 0 && (pending > 0 || leased) {
        return Err(OutboxError::Shards { configured, found: shards.unsigned_abs(), pending });
    }
    if shards != count {
        sqlx::query(include_str!("sql/make_shards.sql"))
            .bind(count)
            .bind(found.try_get::<i64, _>("epoch")?)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("UPDATE brainops.outbox_partition SET shard = partition % $1")
            .bind(i32::from(count))
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await?;
    Ok(())
}
