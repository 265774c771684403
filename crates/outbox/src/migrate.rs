//! The outbox's own tables.

use sqlx::PgPool;
use sqlx::migrate::Migrator;

use crate::error::OutboxError;

/// Brings the tables of the outbox to their newest form. Several processes may call it at once: one migrates, the
/// others wait.
///
/// # Errors
/// A migration fails, or the database knows migrations that this program does not.
pub async fn migrate(pool: &PgPool) -> Result<(), OutboxError> {
    let mut migrator: Migrator = sqlx::migrate!();
    migrator.create_schema("brainops");
    migrator.dangerous_set_table_name("brainops.outbox_migration");
    migrator.run(pool).await.map_err(OutboxError::Migrate)
}
