//! Rows of two generations side by side.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what must hold")]

mod common;

use std::collections::BTreeMap;

use brainops_event::{Partition, TopicName};
use brainops_projection::{
    CompareError, CompareLimits, Comparison, FrontierDifference, Generation, RowChange, Side,
    TableComparison, WhichSide, compare, digest, install,
};
use brainops_testkit::Namespace;
use common::hand::{MONTHS_SQL, checkpoint, execute, park, ready, rows_sql};
use common::{Metrics, TABLES_SQL, VIEWS_SQL};
use futures::TryStreamExt as _;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use sha2::{Digest as _, Sha256};
use sqlx::PgPool;
use sqlx::postgres::PgPoolCopyExt as _;

/// A namespace with two generations of the same tables, without rows.
async fn two_generations(name: &str) -> (Namespace, Generation, Generation) {
    let namespace = Namespace::new(name).await;
    let pool = namespace.pool();
    let left = install(pool, &Metrics::default()).await.unwrap();
    let right = ready(pool, 2, 1, TABLES_SQL, VIEWS_SQL).await;
    for side in [&left, &right] {
        execute(pool, side, MONTHS_SQL).await;
    }
    (namespace, left, right)
}

async fn compared(
    pool: &PgPool,
    left: &Generation,
    right: &Generation,
    rows: usize,
) -> Result<Comparison, CompareError> {
    let (mut left, mut right) = (Side::open(pool, left).await?, Side::open(pool, right).await?);
    let compared = compare(&mut left, &mut right, CompareLimits { rows }).await?;
    assert_eq!(
        digest(&mut left).await?.len(),
        left_tables(&compared).len(),
        "the connection can be used again"
    );
    left.close().await?;
    right.close().await?;
    Ok(compared)
}

fn left_tables(compared: &Comparison) -> Vec<&str> {
    let common = compared.tables.iter().map(|table| table.table.as_str());
    common.chain(compared.only_left.iter().map(|table| table.table.as_str())).collect()
}

fn table<'a>(compared: &'a Comparison, name: &str) -> &'a TableComparison {
    compared.tables.iter().find(|table| table.table == name).unwrap()
}

fn counts(table: &TableComparison) -> (u64, u64, u64) {
    (table.added, table.removed, table.changed)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_by_hand_is_what_is_reported() {
    let (namespace, left, right) = two_generations("compare").await;
    let pool = namespace.pool();
    let nothing = compared(pool, &left, &right, 5).await.unwrap();
    assert!(nothing.is_equal() && table(&nothing, "metric").left.rows == 0, "{nothing:?}");
    assert_eq!(table(&nothing, "metric").left.sha256, table(&nothing, "metric").right.sha256);

    for side in [&left, &right] {
        execute(pool, side, &rows_sql(1, 200)).await;
    }
    let equal = compared(pool, &left, &right, 5).await.unwrap();
    assert!(equal.is_equal(), "{equal:?}");
    assert_eq!((table(&equal, "sample").left.rows, table(&equal, "sample").right.rows), (200, 200));

    let edits = "DELETE FROM {generation}.metric WHERE subject IN ('metrics/7', 'metrics/20'); \
                 UPDATE {generation}.metric SET units = ARRAY['EUR', NULL, 'x'], changed_by_id = 'later' WHERE subject = 'metrics/9'; \
                 UPDATE {generation}.metric SET dimensions = '{\"n\": 11.0, \"text\": \"é{}\"}' WHERE subject = 'metrics/11'; \
                 UPDATE {generation}.metric SET last_happened_at = NULL WHERE subject = 'metrics/12'; \
                 DELETE FROM {generation}.sample WHERE log_offset = 50";
    execute(pool, &right, edits).await;
    execute(pool, &right, &rows_sql(201, 203)).await;
    let found = compared(pool, &left, &right, 4).await.unwrap();
    let metric = table(&found, "metric");
    assert_eq!(counts(metric), (3, 2, 3), "{metric:?}");
    assert_eq!((metric.left.rows, metric.right.rows), (200, 201));
    assert_ne!(metric.left.sha256, metric.right.sha256);
    let columns = [("changed_by_id", 1), ("dimensions", 1), ("last_happened_at", 1), ("units", 1)];
    assert_eq!(metric.changed_columns, columns.map(|(name, rows)| (name.to_owned(), rows)).into());
    let shown: Vec<(&str, RowChange)> =
        metric.rows.iter().map(|row| (row.key[0].value.as_str(), row.kind)).collect();
    let expected = [
        ("metrics/11", RowChange::Changed),
        ("metrics/12", RowChange::Changed),
        ("metrics/20", RowChange::Removed),
        ("metrics/201", RowChange::Added),
    ];
    assert_eq!(shown, expected, "the first ones, in the order of bytes");
    let dimensions = &metric.rows[0].columns[0];
    assert_eq!(dimensions.left.as_deref(), Some("{\"n\": 11, \"text\": \"é{}\"}"));
    assert_eq!(dimensions.right.as_deref(), Some("{\"n\": 11.0, \"text\": \"é{}\"}"), "byte for byte");
    let happened = &metric.rows[1].columns;
    assert_eq!(
        (happened[0].left.as_deref(), happened[0].right.as_deref()),
        (Some("2026-11-02 00:00:00+00"), None)
    );
    let removed = &metric.rows[2];
    assert_eq!((removed.left_event.as_ref().unwrap().id.as_str(), &removed.right_event), ("event-20", &None));
    assert_eq!(removed.left_event.as_ref().unwrap().position, "t.business/0@20");
    assert_eq!(counts(table(&found, "sample")), (3, 1, 0));
    assert_eq!(found.differing_rows(), 12);
    serde_json::to_string(&found).unwrap();

    anybody_can_make_the_digest(pool, metric).await;
    namespace.close().await;
}

/// As `psql -c "$statement" | sha256sum` does.
async fn anybody_can_make_the_digest(pool: &PgPool, table: &TableComparison) {
    for side in [&table.left, &table.right] {
        let copied = pool.copy_out_raw(&side.statement).await.unwrap();
        let copied: Vec<_> = copied.try_collect().await.unwrap();
        let copied: Vec<u8> = copied.iter().flat_map(|chunk| chunk.to_vec()).collect();
        let digest: String = Sha256::digest(&copied).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digest, side.sha256, "{}", side.statement);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sides_of_other_moments_are_refused_and_what_one_has_parked_is_listed_apart() {
    let (namespace, left, right) = two_generations("compare-frontier").await;
    let pool = namespace.pool();
    for (side, business, decisions) in [(&left, 10, 3), (&right, 12, 3)] {
        checkpoint(pool, side, "t.business", 0, business).await;
        checkpoint(pool, side, "t.projection", 1, decisions).await;
    }
    checkpoint(pool, &right, "t.business", 2, 0).await; // not begun is nothing
    let refused = compared(pool, &left, &right, 1).await.unwrap_err();
    assert!(refused.to_string().contains("t.business/0 is at 10 and 12"), "{refused}");
    let CompareError::Frontiers { differences, .. } = refused else { panic!("{refused}") };
    assert!(matches!(&differences[..], [FrontierDifference::Offset { .. }]), "{differences:?}");

    checkpoint(pool, &left, "t.business", 0, 12).await;
    execute(
        pool,
        &right,
        "UPDATE {generation}.checkpoint SET topic_id = 'other' WHERE topic = 't.projection'",
    )
    .await;
    let refused = compared(pool, &left, &right, 1).await.unwrap_err();
    assert!(refused.to_string().contains("topic t.projection has the ids an-id and other"), "{refused}");

    execute(pool, &right, "UPDATE {generation}.checkpoint SET topic_id = 'an-id'").await;
    for side in [&left, &right] {
        park(pool, side, Some("both"), 1).await;
    }
    park(pool, &left, Some("left"), 4).await;
    park(pool, &right, None, 2).await;
    park(pool, &right, Some("right"), 5).await;
    let compared = compared(pool, &left, &right, 1).await.unwrap();
    assert!(compared.is_equal(), "it is no drift");
    let topic = TopicName::new("t.business").unwrap();
    assert_eq!(compared.frontier.get(&topic, Partition::new(0).unwrap()).unwrap().get(), 12);
    assert_eq!(compared.frontier.topic_id(&topic).unwrap().as_str(), "an-id");
    let parked: Vec<_> = compared
        .parked
        .iter()
        .map(|one| (one.side, one.subject.as_deref(), one.first_offset.get()))
        .collect();
    let expected = [
        (WhichSide::Right, None, 2),
        (WhichSide::Left, Some("left"), 4),
        (WhichSide::Right, Some("right"), 5),
    ];
    assert_eq!(parked, expected);
    namespace.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_columns_and_keys_that_only_one_side_has_are_reported() {
    let (namespace, left, right) = two_generations("compare-tables").await;
    let pool = namespace.pool();
    for side in [&left, &right] {
        execute(pool, side, &rows_sql(1, 20)).await;
    }
    let left_only = "CREATE TABLE {generation}.old (a text PRIMARY KEY); INSERT INTO {generation}.old VALUES ('x'); \
                     ALTER TABLE {generation}.metric ADD gone text; \
                     CREATE TABLE {generation}.keyed (a text, b integer, PRIMARY KEY (a)); INSERT INTO {generation}.keyed VALUES ('x', 1)";
    let right_only = "ALTER TABLE {generation}.metric ADD extra jsonb; \
                      ALTER TABLE {generation}.metric ALTER last_partition TYPE bigint; \
                      UPDATE {generation}.metric SET times = 0 WHERE subject = 'metrics/3'; \
                      CREATE TABLE {generation}.keyed (a text, b integer, PRIMARY KEY (b, a))";
    execute(pool, &left, left_only).await;
    execute(pool, &right, right_only).await;
    let compared_sides = compared(pool, &left, &right, 9).await.unwrap();
    assert!(!compared_sides.is_equal());
    assert_eq!((compared_sides.only_left[0].table.as_str(), compared_sides.only_left[0].rows), ("old", 1));
    assert!(compared_sides.only_right.is_empty());
    let metric = table(&compared_sides, "metric");
    assert_eq!(
        (&metric.columns_only_left, &metric.columns_only_right),
        (&vec!["gone".into()], &vec!["extra".into()])
    );
    assert_eq!(metric.columns_of_other_type[0].column, "last_partition");
    assert_eq!(counts(metric), (0, 0, 1), "common columns are compared");
    assert_eq!(metric.changed_columns, BTreeMap::from([("times".to_owned(), 1)]));
    let keyed = table(&compared_sides, "keyed");
    assert_eq!(keyed.other_key.as_ref().unwrap().right, ["b integer", "a text"]);
    assert_eq!((keyed.left.rows, keyed.right.rows, counts(keyed)), (1, 0, (0, 0, 0)));

    execute(pool, &right, "CREATE TABLE {generation}.free (a text)").await;
    let refused = compared(pool, &left, &right, 1).await.unwrap_err();
    assert!(matches!(&refused, CompareError::NoKey { table, .. } if table == "free"), "{refused}");
    execute(
        pool,
        &right,
        "DROP TABLE {generation}.free; CREATE TABLE {generation}.free (a numeric PRIMARY KEY)",
    )
    .await;
    let refused = compared(pool, &left, &right, 1).await.unwrap_err();
    assert!(refused.to_string().contains("free.a is numeric, accepted are text"), "{refused}");
    namespace.close().await;
}

const ODD_SQL: &str = "CREATE TABLE {generation}.odd (name text, small smallint, day date, flag boolean, id uuid, list text[], doc jsonb, \
                       PRIMARY KEY (flag, name, small, day, id))";

/// A key: flag, name, small, day, id.
type Key = (bool, String, i16, i32, u128);
type Values = (Vec<Option<String>>, i32);
type OddRows = BTreeMap<Key, Values>;

fn letters() -> impl Strategy<Value = String> {
    // Letters whose order differs between collations and bytes, and some beyond the first plane.
    prop::collection::vec(
        prop::sample::select(vec!['a', 'B', 'b', 'é', 'Z', 'ß', 'Ω', '-', ' ', '中', '😀', '\u{e000}']),
        0..4,
    )
    .prop_map(String::from_iter)
}

fn odd_rows() -> impl Strategy<Value = OddRows> {
    let key = (any::<bool>(), letters(), -2_i16..3, -3_i32..3, 0_u128..3);
    let values = (prop::collection::vec(prop::option::of(letters()), 0..3), 0..3);
    prop::collection::btree_map(key, values, 0..25)
}

/// What becomes of a row on the other side: nothing, removed, or other values.
fn edits() -> impl Strategy<Value = (OddRows, Vec<Option<Option<Values>>>, OddRows)> {
    let values = (prop::collection::vec(prop::option::of(letters()), 0..3), 0..3);
    let edit = prop::option::weighted(0.4, prop::option::of(values));
    (odd_rows(), prop::collection::vec(edit, 25), odd_rows())
}

async fn write_odd(pool: &PgPool, generation: &Generation, rows: &OddRows) {
    execute(pool, generation, "TRUNCATE {generation}.odd").await;
    for ((flag, name, small, day, id), (list, doc)) in rows {
        let sql = format!(
            "INSERT INTO {}.odd VALUES ($1, $2, DATE '2000-01-01' + $3, $4, $5, $6, jsonb_build_object('n', $7::integer))",
            generation.schema()
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(name).bind(small).bind(day).bind(flag);
        let query = query.bind(uuid::Uuid::from_u128(*id)).bind(list).bind(doc);
        query.execute(pool).await.unwrap();
    }
}

fn expected(left: &OddRows, right: &OddRows) -> Vec<(Key, RowChange, Vec<&'static str>)> {
    let keys: std::collections::BTreeSet<&Key> = left.keys().chain(right.keys()).collect();
    let difference = |key: &Key| match (left.get(key), right.get(key)) {
        (Some(_), None) => Some((key.clone(), RowChange::Removed, vec!["list", "doc"])),
        (None, Some(_)) => Some((key.clone(), RowChange::Added, vec!["list", "doc"])),
        (Some(one), Some(other)) if one != other => {
            let mut columns = Vec::new();
            columns.extend((one.0 != other.0).then_some("list"));
            columns.extend((one.1 != other.1).then_some("doc"));
            Some((key.clone(), RowChange::Changed, columns))
        }
        _ => None,
    };
    keys.into_iter().filter_map(difference).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn random_edits_are_exactly_what_is_reported() {
    let (namespace, left, right) = two_generations("compare-random").await;
    let pool = namespace.pool();
    for side in [&left, &right] {
        execute(pool, side, ODD_SQL).await;
    }
    let mut runner = TestRunner::deterministic();
    for _ in 0..40 {
        let (left_rows, edits, mut right_rows) = edits().new_tree(&mut runner).unwrap().current();
        for ((key, values), edit) in left_rows.iter().zip(edits) {
            match edit {
                None => right_rows.insert(key.clone(), values.clone()),
                Some(None) => right_rows.remove(key),
                Some(Some(other)) => right_rows.insert(key.clone(), other),
            };
        }
        write_odd(pool, &left, &left_rows).await;
        write_odd(pool, &right, &right_rows).await;
        let compared = compared(pool, &left, &right, 1_000).await.unwrap();
        let odd = table(&compared, "odd");
        let expected = expected(&left_rows, &right_rows);
        let day = |day: i32| {
            (chrono::NaiveDate::from_ymd_opt(2000, 1, 1).unwrap() + chrono::TimeDelta::days(day.into()))
                .to_string()
        };
        let expected: Vec<_> = expected
            .into_iter()
            .map(|((flag, name, small, on, id), kind, columns)| {
                let id = uuid::Uuid::from_u128(id).to_string();
                (vec![flag.to_string(), name, small.to_string(), day(on), id], kind, columns)
            })
            .collect();
        let found: Vec<_> = odd
            .rows
            .iter()
            .map(|row| {
                let key: Vec<String> = row.key.iter().map(|part| part.value.clone()).collect();
                (key, row.kind, row.columns.iter().map(|column| column.column.as_str()).collect::<Vec<_>>())
            })
            .collect();
        assert_eq!(found, expected, "left {left_rows:?}\nright {right_rows:?}");
        assert_eq!(odd.differing_rows(), u64::try_from(expected.len()).unwrap());
        assert_eq!(odd.left.sha256 == odd.right.sha256, left_rows == right_rows);
    }
    namespace.close().await;
}
