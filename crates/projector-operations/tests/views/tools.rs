//! Calls of tools, and what was done about deployments, from the log to the query.

use brainops_event::types::agent::{HealingCompleted, HealingEscalated};
use brainops_event::types::tool::{CallAuthorized, CallCompleted, CallFailed, CallRequested};

use super::*;

const CALLS: &str = include_str!("../../../../projections/operations/queries/tool_calls.sql");

const COSTS: &str = include_str!("../../../../projections/operations/queries/tool_costs.sql");

/// The source of what the gate says.
const GATE: &str = "brainops/tool";

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

/// A call by its number: of which tool, by whom, and how it ends.
fn call(number: i64, tool: &str, agent: &str, end: Option<(bool, Option<i64>)>) -> Vec<Outgoing> {
    let (id, subject) = (format!("c-{number}"), format!("desk/{number}"));
    let asked = json!({"tool": tool, "arguments": "{}"});
    let mut events = vec![said::<CallRequested>(&id, &subject, hour(number), asked)];
    let Some((is_well, cost_micros)) = end else { return events };
    let about = json!({
        "call_source": events[0].envelope.source().as_str(), "call_id": id, "call_subject": subject, "tool": tool, "attempt": 1,
        "principal": format!("Agent::{agent:?}"), "arguments_digest": "a", "policy_digest": "p", "policies": [],
        "result_bytes": 2, "reason_code": "broken", "is_without_effect": true, "duration_ms": 7, "cost_micros": cost_micros,
    });
    events.push(said_by::<CallAuthorized>(
        GATE,
        &format!("a-{number}"),
        &subject,
        hour(number),
        about.clone(),
    ));
    events.push(match is_well {
        true => said_by::<CallCompleted>(GATE, &format!("e-{number}"), &subject, hour(number), about),
        false => said_by::<CallFailed>(GATE, &format!("e-{number}"), &subject, hour(number), about),
    });
    events
}

#[tokio::test(flavor = "multi_thread")]
async fn what_calls_cost_is_summed_by_who_asked_and_which_tool() {
    let namespace = Namespace::new("toolcosts").await;
    let events = [
        call(1, "process.run", "ops", Some((true, Some(1_000)))),
        call(2, "process.run", "ops", Some((false, Some(500)))),
        call(3, "files.read", "ops", Some((true, None))),
        call(4, "process.run", "ops", None),
        call(5, "process.run", "ops", Some((true, Some(70)))),
    ];
    for appended in namespace.appender().append_all(events.concat()).await {
        appended.unwrap();
    }
    project(&namespace, Operations).await;
    let costs = async |before: Option<DateTime<Utc>>| -> Vec<(String, i64, i64, i64, Option<i64>)> {
        let query = sqlx::query(COSTS).bind(None::<DateTime<Utc>>).bind(before);
        let rows = query.fetch_all(namespace.pool()).await.unwrap();
        let told = |row: &PgRow| {
            (
                row.get("tool"),
                row.get("calls"),
                row.get("failed"),
                row.get("duration_ms"),
                row.get("cost_micros"),
            )
        };
        rows.iter().map(told).collect()
    };
    let run = |calls, failed, took, cost| ("process.run".to_owned(), calls, failed, took, cost);
    let read = ("files.read".to_owned(), 1, 0, 7, None);
    assert_eq!(costs(None).await, [run(3, 1, 21, Some(1_570)), read.clone(), run(1, 0, 0, None)]);
    assert_eq!(costs(Some(hour(4))).await, [run(2, 1, 14, Some(1_500)), read]);
    namespace.close().await;
}
