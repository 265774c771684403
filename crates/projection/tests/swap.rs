//! Views pointed at another generation: what keeps it from being done, and what readers get.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what must hold")]

mod common;

use std::time::Duration;

use brainops_projection::{
    DerivedViews, Generation, GenerationState, SwapError, SwapOptions, find_generation, grant_analyst,
    install, newly_parked, rollback, rollback_target, serving, swap,
};
use brainops_testkit::{Namespace, eventually};
use common::hand::{MONTHS_SQL, checkpoint, execute, park, ready, rows_sql};
use common::{Bench, LIMIT, Metrics, TABLES_SQL, VIEWS_SQL, figures, small_batches};
use sqlx::{AssertSqlSafe, Connection as _, PgPool};

/// Options of a swap that gives up soon.
fn impatient() -> SwapOptions {
    SwapOptions { tries: 2, patience: Duration::from_millis(300), ..SwapOptions::default() }
}

async fn texts(pool: &PgPool, sql: &str) -> Vec<String> {
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_all(pool).await.unwrap()
}

async fn number(pool: &PgPool, sql: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(pool).await.unwrap()
}

async fn columns(pool: &PgPool, view: &str) -> String {
    let sql = format!(
        "SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'metrics.{view}'::regclass AND attnum > 0"
    );
    texts(pool, &sql).await.remove(0)
}

async fn two_generations(name: &str) -> (Namespace, Generation, Generation) {
    let namespace = Namespace::new(name).await;
    let pool = namespace.pool();
    let first = install(pool, &Metrics::default()).await.unwrap();
    let second = ready(pool, 2, 1, TABLES_SQL, VIEWS_SQL).await;
    for generation in [&first, &second] {
        execute(pool, generation, MONTHS_SQL).await;
        execute(pool, generation, &rows_sql(1, 9)).await;
        checkpoint(pool, generation, "t.business", 0, 10).await;
    }
    (namespace, first, second)
}

#[tokio::test(flavor = "multi_thread")]
async fn views_go_there_and_back_and_what_cannot_serve_is_refused() {
    let (namespace, first, second) = two_generations("swap").await;
    let pool = namespace.pool();
    let refused = swap(pool, &first, impatient()).await.unwrap_err();
    assert!(refused.to_string().contains("it serves already"), "{refused}");
    let refused = rollback_target(pool, "metrics", None).await.unwrap_err();
    assert!(refused.to_string().contains("none has served before"), "{refused}");

    execute(pool, &second, "UPDATE {generation}.metric SET total = 100").await;
    let swapped = swap(pool, &second, SwapOptions::default()).await.unwrap();
    assert_eq!(
        (swapped.from, swapped.to, swapped.tries, swapped.derived_views),
        (1, 2, 1, DerivedViews::Same)
    );
    assert_eq!(number(pool, "SELECT count(*) FROM metrics.metric WHERE total = 100").await, 9);
    assert_eq!(number(pool, "SELECT generation::bigint FROM metrics.freshness").await, 2);
    assert_eq!(serving(pool, "metrics").await.unwrap(), second);
    let states = async |number| find_generation(pool, "metrics", number).await.unwrap();
    let (one, two) = (states(1).await, states(2).await);
    assert_eq!((one.state, two.state), (GenerationState::Ready, GenerationState::Serving));
    assert!(one.replaced_at.is_some() && two.served_at.is_some());
    install(pool, &Metrics::default()).await.unwrap();
    assert_eq!(serving(pool, "metrics").await.unwrap(), second, "an installation leaves it as it is");

    execute(
        pool,
        &first,
        "UPDATE brainops.generation SET paused_at = now(), paused_reason = 'much' WHERE generation = 1",
    )
    .await;
    let refused = rollback(pool, "metrics", None, impatient()).await.unwrap_err();
    assert!(refused.to_string().contains("it is paused: much"), "{refused}");
    execute(pool, &first, "UPDATE brainops.generation SET paused_at = NULL WHERE generation = 1").await;
    let back = rollback(pool, "metrics", None, SwapOptions::default()).await.unwrap();
    assert_eq!((back.from, back.to), (2, 1));
    assert_eq!(number(pool, "SELECT count(*) FROM metrics.metric WHERE total = 100").await, 0);
    assert!(matches!(rollback(pool, "metrics", Some(7), impatient()).await, Err(SwapError::Find(_))));
    namespace.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_goes_back_in_time_and_what_is_newly_parked_needs_consent() {
    let (namespace, first, second) = two_generations("swap-behind").await;
    let pool = namespace.pool();
    checkpoint(pool, &first, "t.business", 0, 15).await;
    let refused = swap(pool, &second, impatient()).await.unwrap_err();
    assert!(
        refused.to_string().contains("t.business/0 is at 10 and should be at 15 (nobody follows it)"),
        "{refused}"
    );
    execute(pool, &second, "UPDATE {generation}.checkpoint SET topic_id = 'another'").await;
    let refused = swap(pool, &second, impatient()).await.unwrap_err();
    assert!(matches!(refused, SwapError::OtherTopics { .. }), "{refused}");
    execute(pool, &second, "UPDATE {generation}.checkpoint SET topic_id = 'an-id'").await;
    checkpoint(pool, &second, "t.business", 0, 16).await;

    park(pool, &first, Some("metrics/1"), 3).await;
    park(pool, &second, Some("metrics/1"), 4).await; // the same subject stands for readers in both
    park(pool, &second, Some("metrics/2"), 5).await;
    park(pool, &second, None, 6).await;
    let refused = swap(pool, &second, impatient()).await.unwrap_err();
    assert!(
        refused.to_string().contains("metrics/2 from t.business/0@5 on, t.business/0@6 alone"),
        "{refused}"
    );
    let SwapError::Parked { parked, .. } = refused else { panic!("{refused}") };
    assert_eq!(parked, newly_parked(pool, &second, &first).await.unwrap());
    assert_eq!(serving(pool, "metrics").await.unwrap(), first);
    let consent = SwapOptions { consent_to_parked: true, ..impatient() };
    assert_eq!(swap(pool, &second, consent).await.unwrap().parked, parked);
    namespace.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_in_the_way_is_named_and_others_read_on() {
    let (namespace, first, _) = two_generations("swap-locked").await;
    let pool = namespace.pool();
    let mut old = sqlx::PgConnection::connect_with(&pool.connect_options()).await.unwrap();
    let begin =
        "BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL application_name = 'a long report'; SELECT 1";
    sqlx::raw_sql(begin).execute(&mut old).await.unwrap();
    let third = ready(pool, 3, 1, TABLES_SQL, VIEWS_SQL).await;
    checkpoint(pool, &third, "t.business", 0, 10).await;
    let refused = swap(pool, &third, impatient()).await.unwrap_err();
    assert!(matches!(refused, SwapError::OldSnapshots { .. }), "{refused}");
    assert!(refused.to_string().contains("application \"a long report\""), "{refused}");
    sqlx::raw_sql("ROLLBACK").execute(&mut old).await.unwrap();

    let hold = "BEGIN; SET LOCAL application_name = 'a long report'; SELECT * FROM metrics.sample";
    sqlx::raw_sql(hold).execute(&mut old).await.unwrap();
    let (refused, longest) = tokio::join!(swap(pool, &third, impatient()), longest_read(pool));
    let refused = refused.unwrap_err();
    assert!(refused.to_string().contains("application \"a long report\""), "{refused}");
    assert!(matches!(&refused, SwapError::Locked { tries: 2, .. }), "{refused}");
    assert!(longest < Duration::from_millis(600), "a reader waited for {longest:?}");
    assert_eq!(serving(pool, "metrics").await.unwrap(), first);
    assert_eq!(number(pool, "SELECT DISTINCT generation::bigint FROM metrics.freshness").await, 1);

    sqlx::raw_sql("ROLLBACK").execute(&mut old).await.unwrap();
    swap(pool, &third, SwapOptions::default()).await.unwrap();
    namespace.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_transaction_of_another_role_is_waited_for_too() {
    let (namespace, _, _) = two_generations("swap-roles").await;
    let pool = namespace.pool();
    let role = format!("reporter-{}", namespace.prefix());
    let create = format!("CREATE ROLE \"{role}\" LOGIN PASSWORD 'of-this-test'");
    sqlx::raw_sql(AssertSqlSafe(create)).execute(pool).await.unwrap();
    let options = (*pool.connect_options()).clone().username(&role).password("of-this-test");
    let mut other_role = sqlx::PgConnection::connect_with(&options).await.unwrap();
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1";
    sqlx::raw_sql(begin).execute(&mut other_role).await.unwrap();
    let third = ready(pool, 3, 1, TABLES_SQL, VIEWS_SQL).await;
    checkpoint(pool, &third, "t.business", 0, 10).await;
    let refused = swap(pool, &third, impatient()).await.unwrap_err();
    assert!(matches!(refused, SwapError::OldSnapshots { .. }), "{refused}");
    assert!(refused.to_string().contains(&role), "{refused}");
    sqlx::raw_sql("ROLLBACK").execute(&mut other_role).await.unwrap();
    swap(pool, &third, SwapOptions::default()).await.unwrap();
    other_role.close().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(format!("DROP ROLE \"{role}\""))).execute(pool).await.unwrap();
    namespace.close().await;
}

/// How long the slowest of many reads takes while a swap is being tried.
async fn longest_read(pool: &PgPool) -> Duration {
    let mut longest = Duration::ZERO;
    for _ in 0..40 {
        let begin = std::time::Instant::now();
        number(pool, "SELECT count(*) FROM metrics.metric JOIN metrics.sample USING (subject)").await;
        longest = longest.max(begin.elapsed());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    longest
}

/// Tables of a later version of the fold: one column more, one less, one table more and one less.
fn later_tables() -> String {
    let tables = TABLES_SQL
        .replace("    is_negative         boolean          NOT NULL,\n", "    mood                text,\n")
        .replace(
            "COMMENT ON COLUMN {generation}.metric.is_negative IS 'Whether the last one is below zero.';",
            "COMMENT ON COLUMN {generation}.metric.mood IS 'How it feels.';",
        );
    let sample = tables.find("CREATE TABLE {generation}.sample").unwrap();
    let comments = tables.find("COMMENT ON TABLE {generation}.metric").unwrap();
    let comments_of_sample = tables.find("COMMENT ON TABLE {generation}.sample").unwrap();
    format!(
        "{}CREATE TABLE {{generation}}.topic (name text PRIMARY KEY, size bigint);\n\
         COMMENT ON TABLE {{generation}}.topic IS 'New.'; COMMENT ON COLUMN {{generation}}.topic.name IS 'Name.';\n{}",
        &tables[..sample],
        &tables[comments..comments_of_sample]
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn any_version_can_point_the_views_at_any_generation() {
    let (namespace, first, _) = two_generations("swap-columns").await;
    let pool = namespace.pool();
    let role = format!("analyst-{}", namespace.prefix());
    let create = format!(
        "CREATE ROLE \"{role}\"; CREATE ROLE \"{role}-half\"; \
         GRANT \"{role}\", \"{role}-half\" TO CURRENT_USER WITH SET TRUE, INHERIT TRUE; GRANT SELECT ON metrics.metric TO \"{role}-half\""
    );
    sqlx::raw_sql(AssertSqlSafe(create)).execute(pool).await.unwrap();
    grant_analyst(pool, &role).await.unwrap();

    let derived = VIEWS_SQL.replace(
        "SELECT m.subject, {schema}.times_of(m.subject) AS times FROM",
        "SELECT m.subject, {schema}.times_of(m.subject) AS times, m.mood FROM",
    );
    let derived = format!(
        "{derived}\nCREATE OR REPLACE VIEW {{schema}}.moods AS SELECT m.mood FROM {{schema}}.metric AS m;"
    );
    let third = ready(pool, 3, 2, &later_tables(), &derived).await;
    let insert = "INSERT INTO {generation}.metric VALUES ('a', 2, 1, '{}', '{}', 'glad', 0, now(), NULL, 's', 'i', 'p'); \
                  INSERT INTO {generation}.topic VALUES ('t', 1)";
    execute(pool, &third, insert).await;
    checkpoint(pool, &third, "t.business", 0, 10).await;
    let before = columns(pool, "metric").await;
    let swapped = swap(pool, &third, SwapOptions::default()).await.unwrap();
    assert_eq!(swapped.derived_views, DerivedViews::Made);
    assert_eq!(columns(pool, "metric").await, format!("{before} mood"), "columns are appended");
    assert_eq!(
        number(pool, "SELECT count(*) FROM metrics.metric WHERE mood = 'glad' AND is_negative IS NULL").await,
        1
    );
    assert_eq!(
        number(pool, "SELECT count(*) FROM metrics.sample").await,
        0,
        "its table is gone, the view stays"
    );
    assert_eq!(
        texts(pool, "SELECT mood FROM metrics.busy UNION ALL SELECT mood FROM metrics.moods").await,
        ["glad", "glad"]
    );
    let comment = "SELECT col_description('metrics.metric'::regclass, attnum) FROM pg_attribute \
                    WHERE attrelid = 'metrics.metric'::regclass AND attname = 'mood'";
    assert_eq!(texts(pool, comment).await, ["How it feels."]);
    for view in ["metric", "topic", "moods"] {
        let may = format!("SELECT has_table_privilege('{role}', 'metrics.{view}', 'SELECT')::text");
        assert_eq!(texts(pool, &may).await, ["true"], "{view}");
        let may = format!("SELECT has_table_privilege('{role}-half', 'metrics.{view}', 'SELECT')::text");
        assert_eq!(texts(pool, &may).await, [(view == "metric").to_string()], "{view}");
    }

    let back = rollback(pool, "metrics", None, SwapOptions::default()).await.unwrap();
    assert_eq!((back.to, back.derived_views), (1, DerivedViews::Kept), "a view cannot lose columns");
    assert_eq!(
        number(pool, "SELECT count(*) FROM metrics.metric WHERE mood IS NULL AND is_negative IS NOT NULL")
            .await,
        9
    );
    assert_eq!(number(pool, "SELECT count(*) FROM metrics.sample").await, 9);
    assert_eq!(number(pool, "SELECT count(*) FROM metrics.topic").await, 0);
    assert_eq!(number(pool, "SELECT count(*) FROM metrics.busy WHERE mood IS NULL").await, 8);
    assert_eq!(
        install(pool, &Metrics::default()).await.unwrap(),
        first,
        "its own version finds all as it should be"
    );
    let more = VIEWS_SQL.replace("{schema}.busy", "{schema}.busier");
    let more = format!(
        "{more}\nCREATE OR REPLACE VIEW {{schema}}.few AS SELECT m.subject FROM {{schema}}.metric AS m;"
    );
    let more: &'static str = Box::leak(more.into_boxed_str());
    install(pool, &Metrics { views_sql: more, ..Metrics::default() }).await.unwrap();
    assert_eq!(
        number(pool, "SELECT count(*) FROM metrics.few").await,
        9,
        "a program of this version can change its views"
    );
    swap(pool, &third, SwapOptions::default()).await.unwrap();

    let other = TABLES_SQL.replace("times               bigint", "times               integer");
    let fourth = ready(pool, 4, 3, &other, VIEWS_SQL).await;
    checkpoint(pool, &fourth, "t.business", 0, 10).await;
    let refused = swap(pool, &fourth, impatient()).await.unwrap_err();
    assert!(
        matches!(&refused, SwapError::ColumnType { source, .. } if source.to_string().contains("metrics_g4.metric.times is integer, and bigint")),
        "{refused}"
    );
    assert_eq!(serving(pool, "metrics").await.unwrap(), third);
    let drop = format!("DROP OWNED BY \"{role}\", \"{role}-half\"; DROP ROLE \"{role}\", \"{role}-half\"");
    sqlx::raw_sql(AssertSqlSafe(drop)).execute(pool).await.unwrap();
    namespace.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_generations_follow_the_log_and_serve_by_turns() {
    let bench = Bench::new("swap-live").await;
    let pool = bench.namespace.pool();
    bench.append(figures(300, 20, 1)).await;
    let running = bench.start(small_batches("live", 20));
    bench.caught_up().await;
    let second = ready(pool, 2, 1, TABLES_SQL, VIEWS_SQL).await;
    bench.append(figures(200, 20, 2)).await;
    let swapped = swap(pool, &second, SwapOptions::default()).await.unwrap();
    let end = bench.caught_up().await;
    assert!(end.has_reached(&swapped.frontier));
    assert_eq!(bench.number("SELECT sum(times)::bigint FROM metrics.metric").await, 500);
    let (mut bench, first) = (bench, Generation::of_lineage(second.read_model.clone(), 1, 1));
    bench.generation = second.clone();
    bench.check_rows(&end).await;

    bench.append(figures(100, 20, 3)).await;
    rollback(bench.namespace.pool(), "metrics", None, SwapOptions::default()).await.unwrap();
    let end = bench.caught_up().await;
    bench.generation = first;
    bench.check_rows(&end).await;
    assert_eq!(bench.number("SELECT sum(times)::bigint FROM metrics.metric").await, 600);

    // Who follows it notices that it goes, and the other one goes on.
    let known = find_generation(bench.namespace.pool(), "metrics", 2).await.unwrap();
    brainops_projection::drop_generation(bench.namespace.pool(), &known).await.unwrap();
    bench.append(figures(50, 20, 4)).await;
    let all = || async { bench.number("SELECT sum(times)::bigint FROM metrics.metric").await == 650 };
    eventually(LIMIT, all).await.unwrap();
    running.stop().await;
    bench.namespace.close().await;
}
