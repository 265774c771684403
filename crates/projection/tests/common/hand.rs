//! Generations made by hand, as a rebuild leaves them: for what is about generations and not about folding.

use brainops_projection::{Generation, GenerationKind, ModelName, find_generation};
use sqlx::{AssertSqlSafe, PgPool};

/// The tables that every generation has.
const RUNTIME_SQL: &str = include_str!("../../src/sql/generation.sql");

/// The id of every topic in checkpoints made by hand.
pub const TOPIC_ID: &str = "an-id";

/// Executes statements with a generation's schema in them.
pub async fn execute(pool: &PgPool, generation: &Generation, sql: &str) {
    let sql = sql
        .replace("{generation}", &generation.schema())
        .replace("{schema}", generation.read_model.as_str())
        .replace("{number}", &generation.number.to_string());
    let done = sqlx::raw_sql(AssertSqlSafe(sql.clone())).execute(pool).await;
    done.unwrap_or_else(|error| panic!("{error}: {sql}"));
}

/// A generation of `metrics` with these tables, whole and ready to serve.
pub async fn ready(pool: &PgPool, number: i32, fold_version: i32, tables: &str, derived: &str) -> Generation {
    let generation = Generation::of_lineage(ModelName::new("metrics").unwrap(), number, fold_version);
    execute(pool, &generation, "CREATE SCHEMA {generation}").await;
    execute(pool, &generation, RUNTIME_SQL).await;
    execute(pool, &generation, tables).await;
    let insert = "INSERT INTO brainops.generation (read_model, generation, fold_version, state, kind, derived_views, \
                                                   views_digest, local_version, ready_at, ready_xid) \
                  VALUES ('metrics', $1, $2, 'ready', 'lineage', $3, '', 2, now(), pg_current_xact_id())";
    let insert = sqlx::query(insert).bind(number).bind(fold_version).bind(derived);
    insert.execute(pool).await.unwrap();
    assert_eq!(find_generation(pool, "metrics", number).await.unwrap().generation, generation);
    assert_eq!(generation.kind, GenerationKind::Lineage);
    generation
}

/// Puts one partition of a topic at this offset.
pub async fn checkpoint(pool: &PgPool, generation: &Generation, topic: &str, partition: i32, next: i64) {
    let sql = format!(
        "INSERT INTO {{generation}}.checkpoint (topic, partition, topic_id, next_offset, epoch) \
         VALUES ('{topic}', {partition}, '{TOPIC_ID}', {next}, 1) \
         ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset"
    );
    execute(pool, generation, &sql).await;
}

/// Parks a subject, or a record alone.
pub async fn park(pool: &PgPool, generation: &Generation, subject: Option<&str>, offset: i64) {
    let subject = subject.map_or("NULL".to_owned(), |subject| format!("'{subject}'"));
    let sql = format!(
        "INSERT INTO {{generation}}.parked (topic, partition, record_offset, reason_code, reason, recorded_at, subject) \
         VALUES ('t.business', 0, {offset}, 'ApplyEvent', 'by hand', now(), {subject})"
    );
    execute(pool, generation, &sql).await;
}

/// Months for the rows that tests write.
pub const MONTHS_SQL: &str = "\
    CREATE TABLE {generation}.sample_2026_10 PARTITION OF {generation}.sample FOR VALUES FROM ('2026-10-01Z') TO ('2026-11-01Z'); \
    CREATE TABLE {generation}.sample_2026_11 PARTITION OF {generation}.sample FOR VALUES FROM ('2026-11-01Z') TO ('2026-12-01Z')";

/// Rows of `metric` and `sample`, `$from` to `$to`, the same in every generation.
pub fn rows_sql(from: u32, to: u32) -> String {
    format!(
        "INSERT INTO {{generation}}.metric \
         SELECT 'metrics/' || n, n, n / 4.0, ARRAY['EUR', 'a\"b', NULL], jsonb_build_object('n', n, 'text', 'é{{}}'), n % 2 = 0, \
                n % 4, '2026-11-01Z'::timestamptz + n * interval '1 s', CASE WHEN n % 3 = 0 THEN '2026-11-02Z'::timestamptz END, \
                'tests', 'event-' || n, 't.business/0@' || n \
           FROM generate_series({from}, {to}) AS n; \
         INSERT INTO {{generation}}.sample \
         SELECT n % 4, n, CASE WHEN n % 2 = 0 THEN '2026-10-05Z'::timestamptz ELSE '2026-11-05Z' END, 'metrics/' || n, \
                NULLIF('unit-' || n % 3, 'unit-0'), ARRAY['x', 'y,z'], '{{\"k\": [1, null]}}', 'tests', 'event-' || n, \
                't.business/0@' || n \
           FROM generate_series({from}, {to}) AS n"
    )
}
