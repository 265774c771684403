//! From the log to the views, on the test stack.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use brainops_event::Outgoing;
use brainops_event::types::lead::{DemoScheduled, LeadDiscovered, LeadLost, LeadQualified, LeadWon};
use brainops_event::types::outreach::{OutreachReady, OutreachReplied, OutreachSent};
use brainops_projection::undocumented;
use brainops_projector_leads::Leads;
use brainops_testkit::{Namespace, project, said};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row as _};

fn hour(hours: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 0).unwrap() + TimeDelta::hours(hours)
}

/// A word and an hour.
type Fact = (&'static str, i64);

fn fact(lead: &str, channel: &str, (word, hours): Fact) -> Outgoing {
    let data = json!({"lead_id": lead, "channel": channel, "outreach_id": "o1", "demo_at": 0});
    let (id, at) = (format!("{lead} {word} {hours}"), hour(hours));
    match word {
        "discovered" => said::<LeadDiscovered>(&id, lead, at, data),
        "qualified" => said::<LeadQualified>(&id, lead, at, data),
        "ready" => said::<OutreachReady>(&id, lead, at, data),
        "sent" => said::<OutreachSent>(&id, lead, at, data),
        "replied" => said::<OutreachReplied>(&id, lead, at, data),
        "demo" => said::<DemoScheduled>(&id, lead, at, data),
        "won" => said::<LeadWon>(&id, lead, at, data),
        _ => said::<LeadLost>(&id, lead, at, data),
    }
}

async fn rows(pool: &PgPool, sql: &'static str, arguments: &[Option<&str>]) -> Vec<PgRow> {
    let query =
        arguments.iter().fold(sqlx::query(sql), |query, argument| query.bind(argument.map(str::to_owned)));
    query.fetch_all(pool).await.unwrap()
}

/// reached, current, conversion and median hours of each stage.
type Line = (i64, i64, Option<f64>, Option<f64>);

fn line(row: &PgRow) -> Line {
    let hours = row.get::<Option<f64>, _>("median_seconds_in_stage").map(|seconds| seconds / 3600.0);
    (row.get("reached"), row.get("current"), row.get("conversion_from_previous"), hours)
}

const FUNNEL: &str = include_str!("../../../../projections/leads/queries/funnel.sql");
const BY_CHANNEL: &str = include_str!("../../../../projections/leads/queries/funnel_by_channel.sql");
const HISTORY: &str = include_str!("../../../../projections/leads/queries/stage_history.sql");
const LEADS: &str = include_str!("../../../../projections/leads/queries/leads.sql");

async fn check_funnel(pool: &PgPool) {
    let funnel: Vec<Line> = rows(pool, FUNNEL, &[]).await.iter().map(line).collect();
    let expected: [Line; 8] = [
        (5, 2, None, Some(3.0)), // discovered: a, b and d left it, after 1, 5 and 3 hours
        (3, 0, Some(3.0 / 5.0), Some(2.0)), // qualified: a, b, and d, who answered without
        (3, 0, Some(1.0), Some(4.0)), // contacted
        (3, 1, Some(1.0), Some(8.5)), // replied: d stands here
        (1, 0, Some(1.0 / 3.0), Some(10.0)), // demo
        (1, 1, Some(1.0), None), // won
        (1, 1, None, None),      // lost
        (0, 0, None, None),      // disqualified
    ];
    assert_eq!(funnel, expected);

    let fair: Vec<Line> = rows(pool, BY_CHANNEL, &[Some("fair")]).await.iter().map(line).collect();
    assert_eq!(fair[0], (2, 0, None, Some(3.0)), "a and b: 1 and 5 hours");
    assert_eq!(fair[5], (1, 1, Some(1.0), None));
    let channels = rows(pool, BY_CHANNEL, &[None]).await;
    let mut names: Vec<String> = channels.iter().map(|row| row.get("channel")).collect();
    names.dedup();
    assert_eq!(names, ["fair", "unknown", "website"]);
}

async fn check_history(pool: &PgPool) {
    let steps = |rows: Vec<PgRow>| -> Vec<(String, DateTime<Utc>, Option<f64>, bool)> {
        rows.iter()
            .map(|row| (row.get(0), row.get(1), row.get("seconds_in_stage"), row.get("is_current")))
            .collect()
    };
    let step = |stage: &str, at: i64, stayed: Option<i64>| {
        (stage.to_owned(), hour(at), stayed.map(|hours| hours as f64 * 3600.0), stayed.is_none())
    };
    let won = steps(rows(pool, HISTORY, &[Some("a")]).await);
    let expected = [
        step("discovered", 0, Some(1)),
        step("qualified", 1, Some(2)),
        step("contacted", 3, Some(4)),
        step("replied", 7, Some(7)),
        step("demo", 14, Some(10)),
        step("won", 24, None),
    ];
    assert_eq!(won, expected);
    let lost = steps(rows(pool, HISTORY, &[Some("b")]).await);
    let expected = [step("discovered", 0, Some(5)), step("replied", 5, Some(10)), step("lost", 15, None)];
    assert_eq!(lost, expected, "what comes after being further, or after an end, is no step");
}

async fn check_list(pool: &PgPool) {
    let page = async |stage: Option<&str>, after: Option<(DateTime<Utc>, String)>, limit: i64| {
        let (at, lead) = after.unzip();
        let query = sqlx::query(LEADS).bind(stage).bind(None::<&str>).bind(at).bind(lead).bind(limit);
        let rows = query.fetch_all(pool).await.unwrap();
        rows.iter()
            .map(|row| (row.get("last_happened_at"), row.get("lead_id")))
            .collect::<Vec<(DateTime<Utc>, String)>>()
    };
    let all = page(None, None, 100).await;
    assert_eq!(all.iter().map(|(_, lead)| lead.as_str()).collect::<Vec<_>>(), ["a", "b", "d", "e", "c"]);
    let (first, rest) = (page(None, None, 2).await, page(None, Some(all[1].clone()), 100).await);
    assert_eq!([first, rest].concat(), all);
    assert_eq!(page(Some("lost"), None, 100).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_become_a_funnel_and_a_history() {
    let namespace = Namespace::new("leads").await;
    let leads: [(&str, &str, &[Fact]); 5] = [
        (
            "a",
            "fair",
            &[("discovered", 0), ("qualified", 1), ("sent", 3), ("replied", 7), ("demo", 14), ("won", 24)],
        ),
        ("b", "fair", &[("discovered", 0), ("replied", 5), ("sent", 6), ("lost", 15), ("qualified", 16)]),
        ("c", "website", &[("discovered", 0)]),
        ("d", "website", &[("replied", 3), ("discovered", 0)]),
        ("e", "website", &[("ready", 2)]),
    ];
    let events =
        leads.iter().flat_map(|(lead, channel, facts)| facts.iter().map(|one| fact(lead, channel, *one)));
    for appended in namespace.appender().append_all(events.collect()).await {
        appended.unwrap();
    }
    let generation = project(&namespace, Leads).await;
    let pool = namespace.pool();
    assert_eq!(undocumented(pool, &generation).await.unwrap(), Vec::<String>::new());
    check_funnel(pool).await;
    check_history(pool).await;
    check_list(pool).await;

    let freshness = include_str!("../../../../projections/leads/queries/freshness.sql");
    for row in rows(pool, freshness, &[]).await {
        assert_eq!(row.get::<Option<f64>, _>("lag_seconds"), Some(0.0));
    }
    namespace.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_leads_make_a_funnel_of_zeros() {
    let namespace = Namespace::new("no-leads").await;
    project(&namespace, Leads).await;
    let funnel: Vec<Line> = rows(namespace.pool(), FUNNEL, &[]).await.iter().map(line).collect();
    assert_eq!(funnel, [(0, 0, None, None); 8]);
    namespace.close().await;
}
