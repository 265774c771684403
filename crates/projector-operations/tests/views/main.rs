//! From the log to the views, on the test stack.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod incidents;
mod sagas;
mod tools;

use brainops_event::Outgoing;
use brainops_event::types::monitor::{AlertFired, AlertResolved};
use brainops_projection::undocumented;
use brainops_projector_operations::Operations;
use brainops_testkit::{Namespace, project, said, said_by};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row as _};

fn hour(hours: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 0).unwrap() + TimeDelta::hours(hours)
}

/// Name, service, severity, start, end.
type Alert = (&'static str, Option<&'static str>, &'static str, i64, Option<i64>);

const ALERTS: [Alert; 10] = [
    // a chain in which no alert overlaps all others, with one inside another
    ("Errors", Some("shop"), "warning", 0, Some(5)),
    ("Latency", Some("shop"), "critical", 4, Some(9)),
    ("Queue", Some("shop"), "info", 6, Some(7)),
    // begins as the last one ends: they touch
    ("Disk", Some("shop"), "odd", 9, Some(10)),
    // apart from it, and still on
    ("Errors", Some("shop"), "error", 12, None),
    // another service at the same time
    ("Errors", Some("mail"), "warning", 4, Some(6)),
    // its end was lost: it must have ended when it fired again
    ("Restart", Some("mail"), "page", 20, None),
    ("Restart", Some("mail"), "page", 30, Some(31)),
    // about no service: gathered by name
    ("Certificate", None, "low", 40, Some(42)),
    ("Clock", None, "low", 41, Some(43)),
];

fn events() -> Vec<Outgoing> {
    ALERTS
        .iter()
        .map(|(name, service, severity, starts, ends)| {
            let fingerprint = format!("{name}-{}", service.unwrap_or("none"));
            let mut data = json!({
                "fingerprint": fingerprint, "alert_name": name, "service": service, "severity": severity,
                "environment": "production", "labels": {"team": "a"}, "starts_at": hour(*starts).timestamp_millis(),
            });
            let (id, subject) = (format!("{fingerprint} {starts}"), format!("prometheus/{fingerprint}"));
            match ends {
                None => said::<AlertFired>(&id, &subject, hour(*starts), data),
                Some(ends) => {
                    data["ends_at"] = json!(hour(*ends).timestamp_millis());
                    said::<AlertResolved>(&id, &subject, hour(*ends), data)
                }
            }
        })
        .collect()
}

const INCIDENTS: &str = include_str!("../../../../projections/operations/queries/incidents.sql");
const ALERT_LIST: &str = include_str!("../../../../projections/operations/queries/alerts.sql");

async fn incidents(pool: &PgPool, open: Option<bool>) -> Vec<PgRow> {
    let query =
        sqlx::query(INCIDENTS).bind(None::<&str>).bind(open).bind(None::<DateTime<Utc>>).bind(None::<&str>);
    query.bind(100_i64).fetch_all(pool).await.unwrap()
}

async fn check_incidents(pool: &PgPool) {
    type Incident = (Option<String>, DateTime<Utc>, Option<DateTime<Utc>>, i64, i64, Option<String>);
    let incident = |row: &PgRow| -> Incident {
        let (alerts, firing) = (row.get("alerts"), row.get("firing"));
        (
            row.get("service"),
            row.get("started_at"),
            row.get("resolved_at"),
            alerts,
            firing,
            row.get("worst_severity"),
        )
    };
    let expect = |service: Option<&str>,
                  starts,
                  ends: Option<i64>,
                  alerts,
                  firing,
                  severity: &str|
     -> Incident {
        (service.map(str::to_owned), hour(starts), ends.map(hour), alerts, firing, Some(severity.to_owned()))
    };
    let found: Vec<Incident> = incidents(pool, None).await.iter().map(incident).collect();
    let expected = [
        expect(None, 41, Some(43), 1, 0, "low"),
        expect(None, 40, Some(42), 1, 0, "low"),
        expect(Some("mail"), 20, Some(31), 2, 0, "page"),
        expect(Some("shop"), 12, None, 1, 1, "error"),
        expect(Some("mail"), 4, Some(6), 1, 0, "warning"),
        expect(Some("shop"), 0, Some(10), 4, 0, "critical"),
    ];
    assert_eq!(found, expected);
    let open: Vec<Incident> = incidents(pool, Some(true)).await.iter().map(incident).collect();
    assert_eq!(open, expected[3..4]);

    let longest = incidents(pool, None).await.pop().unwrap();
    assert_eq!(
        longest.get::<String, _>("incident_id"),
        format!("prometheus/Errors-shop@{}", hour(0).timestamp_millis())
    );
    assert_eq!(longest.get::<Option<f64>, _>("duration_seconds"), Some(10.0 * 3600.0));
    assert_eq!(longest.get::<Vec<String>, _>("alert_names"), ["Disk", "Errors", "Latency", "Queue"]);
    assert_eq!(longest.get::<Vec<String>, _>("environments"), ["production"]);
}

async fn check_alerts(pool: &PgPool) {
    let page = async |status: Option<&str>, after: Option<(DateTime<Utc>, String)>, limit: i64| {
        let (at, subject) = after.unzip();
        let query =
            sqlx::query(ALERT_LIST).bind(None::<&str>).bind(status).bind(at).bind(subject).bind(limit);
        let rows = query.fetch_all(pool).await.unwrap();
        rows.iter()
            .map(|row| (row.get("starts_at"), row.get("subject")))
            .collect::<Vec<(DateTime<Utc>, String)>>()
    };
    let all = page(None, None, 100).await;
    assert_eq!(all.len(), ALERTS.len());
    assert!(all.is_sorted_by(|one, other| one > other));
    let (first, rest) = (page(None, None, 4).await, page(None, Some(all[3].clone()), 100).await);
    assert_eq!([first, rest].concat(), all);
    assert_eq!(page(Some("firing"), None, 100).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_that_overlap_become_incidents() {
    let namespace = Namespace::new("operations").await;
    for appended in namespace.appender().append_all(events()).await {
        appended.unwrap();
    }
    let generation = project(&namespace, Operations).await;
    let pool = namespace.pool();
    assert_eq!(undocumented(pool, &generation).await.unwrap(), Vec::<String>::new());
    check_incidents(pool).await;
    check_alerts(pool).await;
    let assumed: Vec<bool> = sqlx::query_scalar(
        "SELECT is_end_assumed FROM operations.alert_span WHERE alert_name = 'Restart' ORDER BY starts_at",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    assert_eq!(assumed, [true, false]);
    let freshness = include_str!("../../../../projections/operations/queries/freshness.sql");
    assert!(!sqlx::query(freshness).fetch_all(pool).await.unwrap().is_empty());
    namespace.close().await;
}
