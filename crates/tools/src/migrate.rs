//! The tables of the gate.

use sqlx::PgPool;
use sqlx::migrate::{MigrateError, Migrator};

/// Brings the tables of the gate to their newest form. Several processes may call it at once: one migrates, the others wait.
///
/// # Errors
/// A migration fails, or the database knows migrations that this program does not.
pub async fn migrate(pool: &PgPool) -> Result<(), MigrateError> {
    let mut migrator: Migrator = sqlx::migrate!();
    migrator.create_schema("brainops");
    migrator.dangerous_set_table_name("brainops.tool_migration");
    migrator.run(pool).await
}
