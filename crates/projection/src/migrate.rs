//! The platform's own tables, which unlike a generation's are migrated in place.

use sqlx::PgPool;
use sqlx::migrate::{MigrateError, Migrator};

/// Brings the platform tables that read models need to their newest form. Several processes may call it at once:
/// one migrates, the others wait.
///
/// # Errors
/// When a migration fails, or the database knows migrations that this program does not.
pub async fn migrate(pool: &PgPool) -> Result<(), MigrateError> {
    let mut migrator: Migrator = sqlx::migrate!();
    migrator.create_schema("brainops");
    migrator.dangerous_set_table_name("brainops.projection_migration");
    migrator.run(pool).await
}
