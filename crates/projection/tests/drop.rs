//! Generations that are removed for good.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what must hold")]

mod common;

use brainops_projection::{
    DropError, FindError, GenerationState, KnownGeneration, SwapOptions, drop_generation, drop_older,
    expired, find_generation, generations, install, list_generations, older, swap,
};
use brainops_testkit::Namespace;
use common::hand::{MONTHS_SQL, execute, ready, rows_sql};
use common::{Metrics, TABLES_SQL, VIEWS_SQL};
use sqlx::PgPool;

async fn known(pool: &PgPool, number: i32) -> KnownGeneration {
    find_generation(pool, "metrics", number).await.unwrap()
}

async fn schemas(pool: &PgPool) -> Vec<String> {
    let query = "SELECT nspname::text FROM pg_namespace WHERE nspname LIKE 'metrics%' ORDER BY 1";
    sqlx::query_scalar(query).fetch_all(pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_serves_stays_and_an_interrupted_removal_goes_on() {
    let namespace = Namespace::new("drop").await;
    let pool = namespace.pool();
    install(pool, &Metrics::default()).await.unwrap();
    let second = ready(pool, 2, 1, TABLES_SQL, VIEWS_SQL).await;
    execute(pool, &second, MONTHS_SQL).await;
    execute(pool, &second, &rows_sql(1, 9)).await;
    let refused = drop_generation(pool, &known(pool, 1).await).await.unwrap_err();
    assert!(matches!(refused, DropError::Serves { number: 1, .. }), "{refused}");

    // A view that is not ours must not vanish.
    execute(pool, &second, "CREATE VIEW public.mine AS SELECT subject FROM {generation}.sample").await;
    let refused = drop_generation(pool, &known(pool, 2).await).await.unwrap_err();
    assert!(
        matches!(&refused, DropError::InUse { relation, .. } if relation == "metrics_g2.sample"),
        "{refused}"
    );
    assert_eq!(known(pool, 2).await.state, GenerationState::Dropping);
    assert!(
        swap(pool, &second, SwapOptions::default()).await.unwrap_err().to_string().contains("it is dropping")
    );
    assert_eq!(expired(pool).await.unwrap(), [known(pool, 2).await], "it is to be ended");
    let listed = list_generations(pool, "metrics").await.unwrap();
    assert_eq!(listed.iter().map(|one| one.state).collect::<Vec<_>>(), ["serving", "dropping"]);
    assert!(listed[0].bytes > 0 && listed[0].parked == Some(0) && listed[1].followed.is_none(), "{listed:?}");

    execute(pool, &second, "DROP VIEW public.mine").await;
    let waiting = known(pool, 2).await;
    drop_generation(pool, &waiting).await.unwrap();
    assert_eq!(schemas(pool).await, ["metrics", "metrics_g1"]);
    assert!(matches!(find_generation(pool, "metrics", 2).await, Err(FindError::Unknown { .. })));
    assert!(matches!(drop_generation(pool, &waiting).await, Err(DropError::Gone { .. })));
    let kept = "SELECT count(*) FROM brainops.generation WHERE generation = 2 AND state = 'dropped'";
    let kept: i64 = sqlx::query_scalar(kept).fetch_one(pool).await.unwrap();
    assert_eq!(kept, 1, "the number is not used again");
    assert_eq!(expired(pool).await.unwrap(), []);
    namespace.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_replaced_ones_are_kept_and_moments_expire() {
    let namespace = Namespace::new("drop-older").await;
    let pool = namespace.pool();
    install(pool, &Metrics::default()).await.unwrap();
    for number in 2..=5 {
        let generation = ready(pool, number, 1, TABLES_SQL, VIEWS_SQL).await;
        if number < 5 {
            swap(pool, &generation, SwapOptions::default()).await.unwrap();
        }
    }
    let numbers =
        |known: &[KnownGeneration]| known.iter().map(|one| one.generation.number).collect::<Vec<_>>();
    assert_eq!(numbers(&older(pool, "metrics", 1).await.unwrap()), [2, 1], "5 has never served, 4 serves");
    let dropped = drop_older(pool, "metrics", 1).await.unwrap();
    assert_eq!(dropped.iter().map(|one| one.generation).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(numbers(&generations(pool, "metrics").await.unwrap()), [3, 4, 5]);

    let moments = "INSERT INTO brainops.generation (read_model, generation, fold_version, state, kind, views_digest, expires_at) VALUES \
                   ('metrics', 6, 1, 'ready', 'moment', '', now() - interval '1 s'), \
                   ('metrics', 7, 1, 'ready', 'moment', '', now() + interval '1 h'), \
                   ('metrics', 8, 1, 'ready', 'moment', '', NULL)";
    sqlx::raw_sql(moments).execute(pool).await.unwrap();
    let over = expired(pool).await.unwrap();
    assert_eq!(numbers(&over), [6]);
    drop_generation(pool, &over[0]).await.unwrap(); // of a schema that was never made
    assert_eq!(numbers(&generations(pool, "metrics").await.unwrap()), [3, 4, 5, 7, 8]);
    namespace.close().await;
}
