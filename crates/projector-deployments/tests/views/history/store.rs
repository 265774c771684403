//! Puts a made-up history into the tables, as the fold would have left it.

use sqlx::PgPool;

use super::{Commit, Deployment, History};

pub const REPOSITORY: &str = "shop-0123456789ab";

/// Writes all rows of the history.
pub async fn store(pool: &PgPool, history: &History) {
    let mut transaction = pool.begin().await.unwrap();
    for Commit { sha, parents, committed_at } in &history.commits {
        sqlx::query(
            "INSERT INTO deployments_g1.commit VALUES \
             ($1, $2, $3, $4, $4, 'a', NULL, NULL, NULL, 1, 1, 0, '{}', true, 's', 'i', 'p')",
        )
        .bind(REPOSITORY)
        .bind(sha)
        .bind(parents)
        .bind(committed_at)
        .execute(&mut *transaction)
        .await
        .unwrap();
    }
    for deployment in &history.deployments {
        insert(deployment).execute(&mut *transaction).await.unwrap();
    }
    sqlx::query(
        "INSERT INTO deployments_g1.environment \
         SELECT DISTINCT ON (service, environment) service, environment, NULL, NULL, NULL::timestamptz, \
                NULL, NULL, NULL::timestamptz, deployment_id, status, happened_at, 's', 'i', 'p' \
           FROM deployments_g1.deployment",
    )
    .execute(&mut *transaction)
    .await
    .unwrap();
    transaction.commit().await.unwrap();
}

fn insert(deployment: &Deployment) -> sqlx::query::Query<'_, sqlx::Postgres, sqlx::postgres::PgArguments> {
    sqlx::query(
        "INSERT INTO deployments_g1.deployment VALUES \
         ($1, $2, $3, NULL, $4, NULL, NULL, $5, NULL, NULL, $6, $7, greatest($6, $7), $8, \
          coalesce($8, $7, $6, '2020-01-01T00:00:00Z'), NULL, 's', 'i', 'p')",
    )
    .bind(&deployment.service)
    .bind(&deployment.environment)
    .bind(&deployment.id)
    .bind(&deployment.sha)
    .bind(deployment.status)
    .bind(deployment.succeeded_at)
    .bind(deployment.failed_at)
    .bind(deployment.rolled_back_at)
}
