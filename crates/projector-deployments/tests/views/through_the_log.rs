//! From the log to the views: appended to Kafka, folded by the runtime, asked as an analyst.

use brainops_event::types::deployment::{DeploymentFailed, DeploymentSucceeded};
use brainops_event::types::git::{CommitCreated, TagCreated};
use brainops_projection::{grant_analyst, undocumented};
use brainops_projector_deployments::Deployments;
use brainops_testkit::{Namespace, project, said};
use serde_json::json;
use sqlx::Row as _;

use crate::history::moment;

#[tokio::test(flavor = "multi_thread")]
async fn commits_and_deployments_become_figures_that_an_analyst_can_read() {
    let namespace = Namespace::new("deployments").await;
    let commit = |sha: &str, parents: &[&str], hours: i64| {
        let at = moment(hours).timestamp_millis();
        let data = json!({
            "repository": "shop-1", "sha": sha, "parents": parents, "committed_at": at, "authored_at": at, "author_id": "a"
        });
        said::<CommitCreated>(sha, &format!("shop-1/commits/{sha}"), moment(hours), data)
    };
    let data = |id: &str, sha: &str| json!({"service": "shop", "environment": "production", "deployment_id": id, "sha": sha});
    let place = "shop/production";
    let events = vec![
        said::<DeploymentSucceeded>("e1", place, moment(5), data("d1", "s1")),
        said::<DeploymentFailed>("e2", place, moment(10), data("d2", "s2")),
        said::<DeploymentSucceeded>("e3", place, moment(12), data("d3", "s3")),
        commit("s1", &[], 1),
        commit("s2", &["s1"], 6),
        commit("s3", &["s2"], 8),
        said::<TagCreated>(
            "v1",
            "shop-1/tags/v1",
            moment(9),
            json!({"repository": "shop-1", "tag": "v1", "sha": "s3"}),
        ),
    ];
    for appended in namespace.appender().append_all(events).await {
        appended.unwrap();
    }
    let generation = project(&namespace, Deployments).await;
    let pool = namespace.pool();
    assert_eq!(undocumented(pool, &generation).await.unwrap(), Vec::<String>::new());

    let role = namespace.postgres().database.replace('-', "_");
    let make_role = format!("CREATE ROLE {role}; GRANT {role} TO CURRENT_USER");
    sqlx::raw_sql(sqlx::AssertSqlSafe(make_role)).execute(pool).await.unwrap();
    grant_analyst(pool, &role).await.unwrap();
    let mut transaction = pool.begin().await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("SET LOCAL ROLE {role}")))
        .execute(&mut *transaction)
        .await
        .unwrap();
    let dora = include_str!("../../../../projections/deployments/queries/dora.sql");
    let row = sqlx::query(dora).bind("shop").bind(None::<&str>).fetch_one(&mut *transaction).await.unwrap();
    assert_eq!(row.get::<i64, _>("weeks"), 1);
    assert_eq!(row.get::<Option<f64>, _>("deployments_per_week"), Some(2.0));
    assert_eq!(
        row.get::<Option<f64>, _>("lead_time_median_seconds"),
        Some(5.0 * 3600.0),
        "s2 waited 6 hours, s3 4"
    );
    assert_eq!(row.get::<Option<f64>, _>("failure_rate"), Some(1.0 / 3.0));
    assert_eq!(row.get::<Option<f64>, _>("restore_median_seconds"), Some(2.0 * 3600.0));
    transaction.rollback().await.unwrap();

    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("DROP OWNED BY {role}; DROP ROLE {role}")))
        .execute(pool)
        .await
        .unwrap();
    namespace.close().await;
}
