//! Generations, views, comments and rights, on a real Postgres.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what must hold")]

mod common;

use brainops_projection::{
    InstallError, ReasonClass, RunState, grant_analyst, install, list, parked, serving, undocumented,
};
use brainops_testkit::Namespace;
use common::{Metrics, TABLES_SQL};
use sqlx::{AssertSqlSafe, PgPool};

#[tokio::test(flavor = "multi_thread")]
async fn a_read_model_is_installed_once_checked_and_readable_by_analysts_only_through_views() {
    let namespace = Namespace::new("install").await;
    let pool = namespace.pool();
    installing_again_and_at_once_changes_nothing(pool).await;
    everything_has_a_comment(pool).await;
    an_older_generation_is_brought_up_to_date(pool).await;
    what_differs_is_refused(pool).await;
    analysts_read_views_and_nothing_else(&namespace).await;
    let all = list(pool).await.unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!((all[0].read_model.as_str(), all[0].state), ("metrics", RunState::NotFollowed));
    assert_eq!(
        all[0].tables.iter().map(|table| table.table.as_str()).collect::<Vec<_>>(),
        ["metric", "sample"]
    );
    namespace.close().await;
}

async fn installing_again_and_at_once_changes_nothing(pool: &PgPool) {
    let model = Metrics::default();
    let (one, two, three) = tokio::join!(install(pool, &model), install(pool, &model), install(pool, &model));
    let generations = [one.unwrap(), two.unwrap(), three.unwrap()];
    assert!(generations.iter().all(|generation| generation.schema() == "metrics_g1"), "{generations:?}");
    assert_eq!(serving(pool, "metrics").await.unwrap(), generations[0]);
    assert!(serving(pool, "others").await.is_err());
    let views = "SELECT count(*) FROM pg_views WHERE schemaname = 'metrics'";
    assert_eq!(sqlx::query_scalar::<_, i64>(views).fetch_one(pool).await.unwrap(), 4);
}

async fn everything_has_a_comment(pool: &PgPool) {
    let generation = serving(pool, "metrics").await.unwrap();
    assert_eq!(undocumented(pool, &generation).await.unwrap(), Vec::<String>::new());
    let comment = "SELECT obj_description('metrics.metric'::regclass, 'pg_class')";
    let comment: String = sqlx::query_scalar(comment).fetch_one(pool).await.unwrap();
    assert_eq!(comment, "Figures of a subject, counted and summed; it's one row each.");
    sqlx::raw_sql("CREATE VIEW metrics.bare AS SELECT 1 AS one").execute(pool).await.unwrap();
    assert_eq!(undocumented(pool, &generation).await.unwrap(), ["metrics.bare", "metrics.bare.one"]);
    sqlx::raw_sql("DROP VIEW metrics.bare").execute(pool).await.unwrap();
}

/// As the version before had made it, with something parked.
async fn an_older_generation_is_brought_up_to_date(pool: &PgPool) {
    let older = "DROP TABLE metrics_g1.decision; DROP INDEX metrics_g1.parked_subject; \
                 ALTER TABLE metrics_g1.parked DROP COLUMN subject, DROP COLUMN last_offset, DROP COLUMN held; \
                 INSERT INTO metrics_g1.parked (topic, partition, record_offset, reason_code, reason, recorded_at) \
                 VALUES ('brainops.business', 0, 7, 'misplaced', 'no key', now()); \
                 UPDATE brainops.generation SET local_version = 1";
    sqlx::raw_sql(older).execute(pool).await.unwrap();
    let generation = install(pool, &Metrics::default()).await.unwrap();
    assert_eq!(undocumented(pool, &generation).await.unwrap(), Vec::<String>::new());
    let parked = parked(pool, Some("metrics")).await.unwrap().remove(0);
    assert_eq!((parked.subject, parked.held, parked.last_offset), (None, 1, parked.first.offset));
    assert_eq!(parked.reason_class, ReasonClass::Misplaced);
    sqlx::raw_sql("DELETE FROM metrics_g1.parked").execute(pool).await.unwrap();
}

async fn what_differs_is_refused(pool: &PgPool) {
    let newer = Metrics { fold_version: 2, ..Metrics::default() };
    let served = install(pool, &newer).await.unwrap();
    assert_eq!(
        (served.number, served.fold_version),
        (1, 1),
        "a rebuild makes the next generation, not an installation"
    );

    let past = "CREATE OR REPLACE VIEW metrics.past AS SELECT subject FROM metrics_g1.metric;";
    let refused = install(pool, &Metrics { views_sql: past, ..Metrics::default() }).await.unwrap_err();
    assert!(refused.to_string().contains("past reads metrics_g1.metric"), "{refused}");
    let left = "SELECT count(*) FROM pg_views WHERE viewname = 'past'";
    assert_eq!(sqlx::query_scalar::<_, i64>(left).fetch_one(pool).await.unwrap(), 0, "it is rolled back");

    let changes = [
        (
            "ALTER TABLE metrics_g1.metric ALTER units DROP NOT NULL",
            "metric.units is defined as _text not null, commented",
        ),
        ("COMMENT ON COLUMN metrics_g1.metric.units IS NULL", "found as _text null, without a comment"),
        ("ALTER TABLE metrics_g1.sample ADD extra text", "sample is defined as partition, log_offset"),
        ("CREATE TABLE metrics_g1.more (a text)", "more is defined as nothing"),
    ];
    for (change, expected) in changes {
        sqlx::raw_sql(AssertSqlSafe(change)).execute(pool).await.unwrap();
        let refused = install(pool, &Metrics::default()).await.unwrap_err();
        assert!(matches!(refused, InstallError::Tables { .. }), "{refused}");
        assert!(refused.to_string().contains(expected), "{expected}: {refused}");
    }
    let back = "ALTER TABLE metrics_g1.metric ALTER units SET NOT NULL; \
                COMMENT ON COLUMN metrics_g1.metric.units IS 'Back.'; \
                ALTER TABLE metrics_g1.sample DROP extra; \
                DROP TABLE metrics_g1.more";
    sqlx::raw_sql(back).execute(pool).await.unwrap();
    install(pool, &Metrics::default()).await.unwrap();
    assert!(TABLES_SQL.contains("{generation}"));
}

async fn analysts_read_views_and_nothing_else(namespace: &Namespace) {
    let pool = namespace.pool();
    let role = format!("analyst-{}", namespace.prefix());
    let quoted = format!("\"{role}\"");
    let create = format!("CREATE ROLE {quoted}; GRANT {quoted} TO CURRENT_USER WITH SET TRUE, INHERIT TRUE");
    sqlx::raw_sql(AssertSqlSafe(create)).execute(pool).await.unwrap();
    assert!(grant_analyst(pool, "nobody there").await.is_err());
    grant_analyst(pool, &role).await.unwrap();
    grant_analyst(pool, &role).await.unwrap();

    let cases = [
        ("SELECT * FROM metrics.metric", true),
        ("SELECT * FROM metrics.sample", true),
        ("SELECT * FROM metrics.busy", true),
        ("SELECT metrics.times_of('a')", true),
        ("SELECT * FROM metrics.freshness", true),
        ("SELECT * FROM metrics_g1.metric", false),
        ("SELECT * FROM metrics_g1.checkpoint", false),
        ("SELECT * FROM brainops.progress", false),
        ("DELETE FROM metrics.metric", false),
        ("CREATE TABLE metrics.mine (a text)", false),
        ("CREATE TABLE public.mine (a text)", false),
    ];
    let mut connection = pool.acquire().await.unwrap();
    for (statement, allowed) in cases {
        let sql = format!("BEGIN; SET LOCAL ROLE {quoted}; {statement}; ROLLBACK");
        let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await;
        sqlx::raw_sql("ROLLBACK").execute(&mut *connection).await.unwrap();
        assert_eq!(done.is_ok(), allowed, "{statement}: {done:?}");
        if let Err(error) = done {
            assert_eq!(error.as_database_error().unwrap().code().as_deref(), Some("42501"), "{statement}");
        }
    }
    drop(connection);
    let drop = format!("DROP OWNED BY {quoted}; DROP ROLE {quoted}");
    sqlx::raw_sql(AssertSqlSafe(drop)).execute(pool).await.unwrap();
}
