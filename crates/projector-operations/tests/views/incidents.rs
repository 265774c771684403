//! Incidents that somebody commands, with their timeline.

use brainops_event::types::monitor::{
    IncidentAcknowledged, IncidentEscalated, IncidentJoined, IncidentOpened, IncidentResolved,
};
use serde_json::Value;

use super::*;

const CASES: &str = include_str!("../../../../projections/operations/queries/incident_cases.sql");
const TIMELINE: &str = include_str!("../../../../projections/operations/queries/incident_timeline.sql");

fn alert(incident: &str, name: &str, severity: &str, starts: i64) -> Value {
    json!({
        "incident_id": incident, "alert": format!("prometheus/{name}"), "alert_name": name, "severity": severity,
        "alert_starts_at": hour(starts).timestamp_millis(),
    })
}

fn opened(incident: &str, service: Option<&str>, severity: &str, at: i64) -> Outgoing {
    let mut data = alert(incident, "errors", severity, at);
    (data["answer_to"], data["service"]) = (json!("commander/x"), json!(service));
    said::<IncidentOpened>(&format!("{incident} opened"), incident, hour(at), data)
}

fn about(incident: &str, mut data: Value) -> Value {
    data["incident_id"] = json!(incident);
    data
}

/// One whole life, one that is open, one of which only the end is known; and the alert of the first.
fn commanded() -> Vec<Outgoing> {
    let ended = json!({
        "fingerprint": "latency", "alert_name": "latency", "severity": "critical",
        "starts_at": hour(1).timestamp_millis(), "ends_at": hour(6).timestamp_millis(),
    });
    let whole = "i-1";
    let resolved = json!({"ended_at": hour(6).timestamp_millis(), "alerts": 2});
    let lost = json!({"ended_at": hour(2).timestamp_millis(), "alerts": 1, "resolved_by": "person-1"});
    vec![
        opened(whole, Some("shop"), "warning", 2),
        said::<IncidentJoined>("joined", whole, hour(3), alert(whole, "latency", "critical", 1)),
        said::<AlertResolved>("ended", "prometheus/latency", hour(6), ended),
        said::<IncidentEscalated>(
            "escalated",
            whole,
            hour(4),
            about(whole, json!({"level": 1, "unattended_seconds": 7_200})),
        ),
        said::<IncidentAcknowledged>(
            "acknowledged",
            whole,
            hour(5),
            about(whole, json!({"acknowledged_by": "person-1"})),
        ),
        said::<IncidentResolved>("resolved", whole, hour(7), about(whole, resolved)),
        opened("i-2", None, "page", 8),
        said::<IncidentResolved>("lost", "i-3", hour(3), about("i-3", lost)),
    ]
}

async fn cases(pool: &PgPool, status: Option<&str>, after: Option<(i64, &str)>) -> Vec<PgRow> {
    let (at, id) = after.map(|(hours, id)| (hour(hours), id)).unzip();
    let query = sqlx::query(CASES).bind(None::<&str>).bind(status).bind(at).bind(id).bind(100_i64);
    query.fetch_all(pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn incidents_are_seen_with_who_took_charge_and_their_timeline() {
    let namespace = Namespace::new("commanded").await;
    for appended in namespace.appender().append_all(commanded()).await {
        appended.unwrap();
    }
    let generation = project(&namespace, Operations).await;
    let pool = namespace.pool();
    assert_eq!(undocumented(pool, &generation).await.unwrap(), Vec::<String>::new());

    let all = cases(pool, None, None).await;
    let found: Vec<(String, String, i64)> =
        all.iter().map(|row| (row.get("incident_id"), row.get("status"), row.get("alerts"))).collect();
    let expected = [("i-2", "open", 1), ("i-1", "resolved", 2)];
    assert_eq!(found, expected.map(|(id, status, alerts)| (id.to_owned(), status.to_owned(), alerts)));
    let whole = &all[1];
    assert_eq!(whole.get::<Option<f64>, _>("seconds_to_acknowledge"), Some(3.0 * 3_600.0));
    assert_eq!(whole.get::<Option<f64>, _>("seconds_to_resolve"), Some(5.0 * 3_600.0));
    // only of this alert do we know the rank: the other one was never told by its monitor
    assert_eq!(whole.get::<Option<String>, _>("worst_severity").as_deref(), Some("critical"));
    assert_eq!(whole.get::<DateTime<Utc>, _>("started_at"), hour(1));
    assert_eq!(cases(pool, Some("open"), None).await.len(), 1);
    assert_eq!(cases(pool, None, Some((8, "i-2"))).await.len(), 1);

    let timeline = sqlx::query(TIMELINE).bind("i-1").fetch_all(pool).await.unwrap();
    let found: Vec<(i32, String, DateTime<Utc>)> =
        timeline.iter().map(|row| (row.get("position"), row.get("kind"), row.get("happened_at"))).collect();
    let expected = [
        (1, "opened", 2),
        (2, "joined", 3),
        (3, "escalated", 4),
        (4, "acknowledged", 5),
        (5, "alert_ended", 6),
        (6, "resolved", 7),
    ];
    assert_eq!(found, expected.map(|(position, kind, at)| (position, kind.to_owned(), hour(at))));
    namespace.close().await;
}
