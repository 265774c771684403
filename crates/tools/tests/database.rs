//! `database.execute` on a real database. The gate lets nobody do it before people can approve calls: see `crates/cli/tests/tools.rs`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test says what must hold")]

use std::collections::BTreeMap;

use brainops_testkit::Namespace;
use brainops_tools::{Act, CallName, Databases, Effect, ExecuteStatement, Repeat, Tool, ToolError};
use serde_json::{Value, json};

async fn execute(databases: &Databases, arguments: Value) -> Result<Value, ToolError> {
    let act = Act::first(CallName { source: "test".to_owned(), id: "c-1".to_owned() });
    let tool = ExecuteStatement(databases.clone());
    let result = tool.act(serde_json::from_value(arguments).unwrap(), &act).await?;
    Ok(serde_json::to_value(result).unwrap())
}

fn refusal(answer: Result<Value, ToolError>) -> (&'static str, bool, String) {
    let error = answer.unwrap_err();
    (error.code, error.is_without_effect, error.detail.unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_statement_changes_a_database_that_is_named_and_no_more_rows_than_it_may() {
    assert_eq!((ExecuteStatement::EFFECT, ExecuteStatement::REPEAT), (Effect::Critical, Repeat::Once));
    let namespace = Namespace::new("execute").await;
    let pool = namespace.pool();
    sqlx::raw_sql("CREATE TABLE price (item text PRIMARY KEY, cents int CHECK (cents > 0)); INSERT INTO price SELECT 'item-' || n, n FROM generate_series(1, 20) AS n")
        .execute(pool)
        .await
        .unwrap();
    let databases = Databases::new(BTreeMap::from([("shop".to_owned(), pool.clone())]));
    let sum =
        async || -> i64 { sqlx::query_scalar("SELECT sum(cents) FROM price").fetch_one(pool).await.unwrap() };
    let shop = |sql: &str| json!({"database": "shop", "sql": sql});

    let done = execute(&databases, shop("UPDATE price SET cents = cents + 100 WHERE cents <= 10")).await;
    assert_eq!((done, sum().await), (Ok(json!({"rows": 10})), 1_210));
    assert_eq!(execute(&databases, shop("CREATE INDEX ON price (cents)")).await, Ok(json!({"rows": 0})));

    let few = json!({"database": "shop", "sql": "UPDATE price SET cents = 1", "max_rows": 19});
    let (code, is_without_effect, detail) = refusal(execute(&databases, few).await);
    assert_eq!((code, is_without_effect, sum().await), ("too_many_rows", true, 1_210));
    assert!(detail.contains("20 rows, accepted were 19"), "{detail}");

    // Whatever fails changes nothing, also what Postgres looks at last; and one statement is one.
    let bad = [
        "UPDATE price SET cents = 0 WHERE item = 'item-1'",
        "UPDATE price SET cents = 5; DELETE FROM price",
        "",
        "nonsense",
        "VACUUM",
    ];
    for sql in bad {
        let (code, is_without_effect, _) = refusal(execute(&databases, shop(sql)).await);
        assert_eq!((code, is_without_effect), ("bad_query", true), "{sql}");
    }
    let deferred = "ALTER TABLE price ADD CONSTRAINT one UNIQUE (cents) DEFERRABLE INITIALLY DEFERRED";
    sqlx::raw_sql(deferred).execute(pool).await.unwrap();
    let (code, is_without_effect, _) =
        refusal(execute(&databases, shop("UPDATE price SET cents = 3 WHERE cents < 15")).await);
    assert_eq!((code, is_without_effect, sum().await), ("bad_query", true, 1_210));

    let (code, _, detail) =
        refusal(execute(&databases, json!({"database": "bank", "sql": "SELECT 1"})).await);
    assert_eq!((code, detail.as_str()), ("unknown_database", "database: accepted are shop"));
    let (code, _, detail) = refusal(execute(&Databases::default(), shop("SELECT 1")).await);
    assert_eq!(code, "unknown_database");
    assert!(detail.contains("tools.databases"), "{detail}");
    namespace.close().await;
}
