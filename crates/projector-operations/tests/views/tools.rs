//! Calls of tools, and what was done about deployments, from the log to the query.

use brainops_event::types::agent::{HealingCompleted, HealingEscalated};
use brainops_event::types::tool::CallRequested;

use super::*;

const CALLS: &str = include_str!("../../../../projections/operations/queries/tool_calls.sql");

const HEALINGS: &str = include_str!("../../../../projections/operations/queries/healings.sql");

#[tokio::test(flavor = "multi_thread")]
async fn healings_are_listed_the_latest_first() {
    let namespace = Namespace::new("healings").await;
    let about =
        |environment: &str| json!({"service": "shop", "environment": environment, "deployment_id": "d-1"});
    let mut escalated = about("eu");
    (escalated["reason_code"], escalated["answer_to"]) = (json!("denied"), json!("devops/shop/eu"));
    let mut completed = about("us");
    (completed["verified_by"], completed["trouble_ms"]) = (json!("health"), json!(5));
    let events = vec![
        said::<HealingEscalated>("a", "shop/eu", hour(1), escalated),
        said::<HealingCompleted>("b", "shop/us", hour(2), completed),
    ];
    for appended in namespace.appender().append_all(events).await {
        appended.unwrap();
    }
    project(&namespace, Operations).await;
    let listed = async |environment: Option<&str>| -> Vec<(String, String)> {
        let query = sqlx::query(HEALINGS).bind("shop").bind(environment).bind(10_i64);
        let rows = query.fetch_all(namespace.pool()).await.unwrap();
        rows.iter().map(|row| (row.get("environment"), row.get("state"))).collect()
    };
    let (eu, us) = (("eu".to_owned(), "escalated".to_owned()), ("us".to_owned(), "healed".to_owned()));
    assert_eq!(listed(None).await, [us, eu.clone()]);
    assert_eq!(listed(Some("eu")).await, [eu]);
    namespace.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_listed_the_latest_first_in_pages() {
    let namespace = Namespace::new("toolcalls").await;
    let asked = |number: i64| {
        let tool = if number % 2 == 0 { "files.read" } else { "files.write" };
        said::<CallRequested>(
            &format!("c-{number}"),
            "desk/a",
            hour(number),
            json!({"tool": tool, "arguments": "{}"}),
        )
    };
    for appended in namespace.appender().append_all((1..=6).map(asked).collect()).await {
        appended.unwrap();
    }
    let generation = project(&namespace, Operations).await;
    let pool = namespace.pool();
    assert_eq!(undocumented(pool, &generation).await.unwrap(), Vec::<String>::new());
    let page =
        async |tool: Option<&str>, after: Option<(DateTime<Utc>, &str)>| -> Vec<(String, DateTime<Utc>)> {
            let query = sqlx::query(CALLS).bind(tool).bind("requested").bind(after.map(|after| after.0));
            let rows = query.bind(after.map(|after| after.1)).bind(2_i64).fetch_all(pool).await.unwrap();
            rows.iter().map(|row| (row.get("call_id"), row.get("requested_at"))).collect()
        };
    let ids = |page: &[(String, DateTime<Utc>)]| page.iter().map(|one| one.0.clone()).collect::<Vec<_>>();
    let first = page(None, None).await;
    assert_eq!(ids(&first), ["c-6", "c-5"]);
    assert_eq!(ids(&page(None, Some((first[1].1, "c-5"))).await), ["c-4", "c-3"]);
    assert_eq!(ids(&page(Some("files.write"), None).await), ["c-5", "c-3"]);
    namespace.close().await;
}
