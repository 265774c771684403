//! Puts a made-up history into the tables, as the fold would have left it.

use sqlx::{PgConnection, PgPool};

use super::{Commit, Deployment, History};

const REPOSITORY: &str = "shop-0123456789ab";

/// Writes all rows of the history.
pub async fn store(pool: &PgPool, history: &History) {
    let mut transaction = pool.begin().await.unwrap();
    store_commits(&mut transaction, &history.commits).await;
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

async fn store_commits(connection: &mut PgConnection, commits: &[Commit]) {
    let shas: Vec<&str> = commits.iter().map(|commit| commit.sha.as_str()).collect();
    let times: Vec<_> = commits.iter().map(|commit| commit.committed_at).collect();
    // A parameter cannot be a list of lists, so each list of parents travels as the text of one.
    let parents: Vec<String> =
        commits.iter().map(|commit| format!("{{{}}}", commit.parents.join(","))).collect();
    sqlx::query(
        "INSERT INTO deployments_g1.commit \
         SELECT $1, c.sha, c.parents::text[], c.at, c.at, 'a', NULL, NULL, NULL, 1, 1, 0, '{}', true, 's', 'i', 'p' \
           FROM UNNEST($2::text[], $3::text[], $4::timestamptz[]) AS c (sha, parents, at)",
    )
    .bind(REPOSITORY)
    .bind(shas)
    .bind(parents)
    .bind(times)
    .execute(connection)
    .await
    .unwrap();
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
