//! Agents and sagas, and what they wait for.

use brainops_event::types::saga::{AgentsStarted, AgentsStopped, SagaParked, SagaReacted, SagaStarted};
use serde_json::Value;

use super::*;

const AGENTS: &str = include_str!("../../../../projections/operations/queries/agents.sql");
const WAITS: &str = include_str!("../../../../projections/operations/queries/saga_waits.sql");

/// An hour before now, and so on: what is overdue is told as of now.
fn ago(hours: i64) -> DateTime<Utc> {
    Utc::now() - TimeDelta::hours(hours)
}

fn about(agent: &str, correlation: &str, more: Value) -> (String, Value) {
    let mut data = json!({"agent": agent, "correlation": correlation, "run": 1, "version": 1});
    for (field, value) in more.as_object().unwrap() {
        data[field] = value.clone();
    }
    (format!("{agent}/{correlation}"), data)
}

fn reacted(agent: &str, correlation: &str, status: &str, waits: Value, at: DateTime<Utc>) -> Outgoing {
    let (subject, data) = about(
        agent,
        correlation,
        json!({
            "revision": 1, "consumed": ["brainops.lead/0@1"], "status": status, "state_digest": "d", "decisions": [],
            "waits": waits,
        }),
    );
    said::<SagaReacted>(&format!("reacted {subject}"), &subject, at, data)
}

fn reply(since: DateTime<Utc>) -> Value {
    json!({
        "kind": "event", "reason": "a reply", "events": ["outreach.replied", "lead.*"],
        "since_at": since.timestamp_millis(),
    })
}

fn timer(due: DateTime<Utc>) -> Value {
    json!({"kind": "timer", "reason": "patience", "events": [], "due_at": due.timestamp_millis()})
}

fn switched(agent: &str, number: i64) -> Value {
    json!({"agent": agent, "number": number, "decided_by": format!("person-{number}"), "reason": "a look"})
}

/// One agent with sagas of every kind, one that is stopped by name and has none, one that went on; all were stopped, and
/// go on.
fn history() -> Vec<Outgoing> {
    let (subject, begun) = about("desk", "a", json!({"correlation_id": "flow"}));
    let (parked_subject, parked) = about(
        "desk",
        "d",
        json!({
            "input": "brainops.lead/0@1", "event_source": "s", "event_id": "e", "reason_class": "refused",
            "code": "no_amount",
        }),
    );
    let (parked_begun_subject, parked_begun) = about("desk", "d", json!({"correlation_id": "flow"}));
    vec![
        said::<SagaStarted>("started a", &subject, ago(3), begun),
        reacted("desk", "a", "running", json!([reply(ago(3)), timer(ago(-3))]), ago(3)),
        reacted("desk", "b", "running", json!([reply(ago(169)), timer(ago(1))]), ago(169)),
        reacted("desk", "c", "ended", json!([]), ago(2)),
        said::<SagaStarted>("started d", &parked_begun_subject, ago(5), parked_begun),
        said::<SagaParked>("parked d", &parked_subject, ago(4), parked),
        reacted("desk", "d", "parked", json!([reply(ago(500))]), ago(4)),
        reacted("desk", "e", "early", json!([]), ago(6)),
        reacted("clerk", "a", "compensating", json!([]), ago(1)),
        said::<AgentsStopped>("s1", "*", ago(9), switched("*", 1)),
        said::<AgentsStarted>("s2", "*", ago(8), switched("*", 2)),
        said::<AgentsStopped>("s3", "clerk", ago(7), switched("clerk", 1)),
        said::<AgentsStarted>("s4", "clerk", ago(6), switched("clerk", 2)),
        said::<AgentsStopped>("s5", "nobody", ago(5), switched("nobody", 3)),
    ]
}

type Wait = (String, i32, String, String, bool);

async fn waits(pool: &PgPool, kind: Option<&str>, overdue: Option<bool>, after: Option<&Wait>) -> Vec<Wait> {
    let query = sqlx::query(WAITS)
        .bind("desk")
        .bind(kind)
        .bind(overdue)
        .bind(after.map(|_| "desk"))
        .bind(after.map(|after| after.0.clone()))
        .bind(after.map(|after| after.1))
        .bind(100_i64);
    let wait = |row: &PgRow| {
        (row.get("correlation"), row.get("number"), row.get("kind"), row.get("reason"), row.get("is_overdue"))
    };
    query.fetch_all(pool).await.unwrap().iter().map(wait).collect()
}

async fn check_waits(pool: &PgPool) {
    let all = waits(pool, None, None, None).await;
    let expected = [
        ("a", 1, "event", "a reply", false),
        ("a", 2, "timer", "patience", false),
        ("b", 1, "event", "a reply", true),
        ("b", 2, "timer", "patience", true),
        ("d", 1, "person", "refused (no_amount)", false),
        ("e", 1, "beginning", "its beginning", false),
    ]
    .map(|(about, number, kind, reason, overdue)| {
        (about.to_owned(), number, kind.to_owned(), reason.to_owned(), overdue)
    });
    assert_eq!(all, expected);
    assert_eq!(waits(pool, Some("timer"), None, None).await.len(), 2);
    assert_eq!(waits(pool, None, Some(true), None).await, expected[2..4]);
    assert_eq!(waits(pool, None, None, Some(&all[1])).await, expected[2..]);
    let first = sqlx::query(
        "SELECT events, waits_seconds FROM operations.saga_wait ORDER BY agent = 'clerk', correlation, number LIMIT 1",
    );
    let first = first.fetch_one(pool).await.unwrap();
    assert_eq!(first.get::<Vec<String>, _>("events"), ["outreach.replied", "lead.*"]);
    let seconds = first.get::<f64, _>("waits_seconds");
    assert!((3.0 * 3_600.0..3.1 * 3_600.0).contains(&seconds), "{seconds}");
}

async fn check_agents(pool: &PgPool) {
    let rows = sqlx::query(AGENTS).bind(None::<&str>).fetch_all(pool).await.unwrap();
    let counts = ["early", "running", "compensating", "paused", "parked", "ended", "waiting", "overdue"];
    let found: Vec<(String, Vec<i64>, bool, Option<String>)> = rows
        .iter()
        .map(|row| {
            let counts = counts.iter().map(|count| row.get(*count)).collect();
            (row.get("agent"), counts, row.get("is_stopped"), row.get("stopped_by"))
        })
        .collect();
    let expected = [
        ("clerk".to_owned(), vec![0, 0, 1, 0, 0, 0, 0, 0], false, None),
        ("desk".to_owned(), vec![1, 2, 0, 0, 1, 1, 4, 1], false, None),
        ("nobody".to_owned(), vec![0; 8], true, Some("person-3".to_owned())),
    ];
    assert_eq!(found, expected);
    let oldest: Option<DateTime<Utc>> = rows[1].get("oldest_wait_at");
    assert!(oldest.is_some_and(|oldest| oldest < ago(168)), "{oldest:?}");
    assert_eq!(sqlx::query(AGENTS).bind("clerk").fetch_all(pool).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_are_seen_with_their_sagas_and_what_these_wait_for() {
    let namespace = Namespace::new("agents").await;
    for appended in namespace.appender().append_all(history()).await {
        appended.unwrap();
    }
    let generation = project(&namespace, Operations).await;
    let pool = namespace.pool();
    assert_eq!(undocumented(pool, &generation).await.unwrap(), Vec::<String>::new());
    check_waits(pool).await;
    check_agents(pool).await;

    // all are stopped: each is, the one that was stopped by name by that one
    let all = said::<AgentsStopped>("s6", "*", ago(1), switched("*", 9));
    namespace.appender().append_all(vec![all]).await.remove(0).unwrap();
    project(&namespace, Operations).await;
    let rows = sqlx::query(AGENTS).bind(None::<&str>).fetch_all(pool).await.unwrap();
    let by: Vec<Option<String>> = rows.iter().map(|row| row.get("stopped_by")).collect();
    assert_eq!(by, ["person-9", "person-9", "person-3"].map(|by| Some(by.to_owned())));
    namespace.close().await;
}
