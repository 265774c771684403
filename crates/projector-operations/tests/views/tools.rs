//! Calls of tools, from the log to the query.

use brainops_event::types::tool::CallRequested;

use super::*;

const CALLS: &str = include_str!("../../../../projections/operations/queries/tool_calls.sql");

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
