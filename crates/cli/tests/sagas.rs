//! What agents are at work on, at the command line: listed, shown, decided about, explained, and run over history again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up has failed"
)]

mod support;

use brainops_event::types::lead::{LeadDiscovered, LeadWon};
use brainops_testkit::{eventually, said};
use chrono::DateTime;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use support::{Installation, LIMIT, Service, text};

const AGENT: &str = "lead-follow-up";

async fn discovered(installation: &Installation, lead: &str) {
    let data = json!({"lead_id": lead, "channel": "web"});
    let event = said::<LeadDiscovered>(&format!("found-{lead}"), lead, DateTime::UNIX_EPOCH, data);
    installation.namespace.appender().append(event).await.unwrap();
}

async fn status(installation: &Installation, lead: &str) -> String {
    let sql = format!("SELECT status FROM brainops.saga WHERE agent = '{AGENT}' AND correlation = '{lead}'");
    installation.texts(&sql).await.pop().unwrap_or_default()
}

async fn until_status(installation: &Installation, lead: &str, wanted: &str) {
    let is_there = || async { status(installation, lead).await == wanted };
    eventually(LIMIT, is_there).await.unwrap_or_else(|_| panic!("{lead} is not {wanted}"));
}

/// Until all that was decided is in the log: it is there some time after the row of its saga.
async fn until_sent(installation: &Installation) {
    let unsent = "SELECT count(*) FROM brainops.outbox WHERE log_offset IS NULL";
    let is_sent = || async { installation.count(unsent).await == 0 };
    eventually(LIMIT, is_sent).await.expect("all is sent");
}

async fn until_indexed(installation: &Installation, event_type: &str, times: i64) {
    let sql = format!("SELECT count(*) FROM events.event WHERE type = '{event_type}'");
    let is_there = || async { installation.count(&sql).await >= times };
    eventually(LIMIT, is_there).await.unwrap_or_else(|_| panic!("there is no {event_type}"));
}

/// A service that follows up some leads.
async fn followed_up(name: &str, leads: &[&str]) -> (Installation, Service) {
    let installation = Installation::new(name).await;
    installation.json(&["init"]);
    let service = installation.serve_as("projectors,sagas,relay");
    for lead in leads {
        discovered(&installation, lead).await;
    }
    for lead in leads {
        until_status(&installation, lead, "running").await;
    }
    (installation, service)
}

fn decide<'a>(verb: &'a str, lead: &'a str) -> Vec<&'a str> {
    vec!["saga", verb, AGENT, lead, "--by", "kim", "--reason", "a test"]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_sees_what_a_saga_waits_for_and_decides_about_it() {
    let (installation, service) = followed_up("saga", &["lead-1", "lead-2"]).await;
    let listed = installation.json(&["saga", "list"]);
    let about: Vec<&Value> = listed.as_array().unwrap().iter().map(|saga| &saga["correlation"]).collect();
    assert_eq!(about, ["lead-1", "lead-2"]);
    assert_eq!(listed[0]["timers"][0]["name"], "term", "{listed}");
    installation.ends(&["saga", "list", "--stuck"], 0, &["there are none"]);
    installation.ends(&["saga", "list", "--stuck", "--longer-than-hours", "0"], 3, &["lead-1"]);
    installation.caught_up().await;
    let parts = ["version 1: running", "waits for", "timer", "remembers", "saga.started", "saga.reacted"];
    installation.ends(&["saga", "show", AGENT, "lead-1"], 0, &parts);
    installation.ends(&["saga", "show", AGENT, "lead-9"], 4, &["has no saga about lead-9"]);

    installation.ends(&decide("pause", "lead-1"), 0, &["done", "is paused"]);
    installation.ends(&decide("pause", "lead-1"), 1, &["is paused already"]);
    let won = said::<LeadWon>("won-1", "lead-1", DateTime::UNIX_EPOCH, json!({"lead_id": "lead-1"}));
    installation.namespace.appender().append(won).await.unwrap();
    let kept = || async {
        installation.count("SELECT kept::bigint FROM brainops.saga WHERE correlation = 'lead-1'").await == 1
    };
    eventually(LIMIT, kept).await.expect("what comes to a paused saga is kept");
    installation.ends(&decide("resume", "lead-1"), 0, &["done", "is ended"]);
    installation.ends(&decide("resume", "lead-1"), 1, &["is not paused"]);
    installation.ends(&decide("retry", "lead-2"), 1, &["is not parked, it is running"]);
    installation.ends(&decide("cancel", "lead-2"), 0, &["done", "is ended"]);
    installation.ends(&decide("cancel", "lead-2"), 1, &["has ended"]);
    installation.ends(&decide("move", "lead-2"), 1, &["has ended"]);
    installation.ends(&["saga", "list", "--status", "ended"], 0, &["lead-1", "lead-2"]);
    service.kill();
    installation.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_timer_led_to_is_explained_and_history_decides_the_same_again() {
    let (installation, service) = followed_up("explain", &["lead-1", "lead-2", "lead-3"]).await;
    let due = "UPDATE brainops.saga_timer SET deadline = now() WHERE correlation = 'lead-1'";
    sqlx::raw_sql(AssertSqlSafe(due.to_owned())).execute(installation.namespace.pool()).await.unwrap();
    until_indexed(&installation, "agent.task.follow_up", 1).await;
    let fired =
        installation.texts("SELECT id FROM events.event WHERE type = 'saga.timer.fired'").await.remove(0);
    let parts = ["└─ saga.timer.fired", "└─ agent.task.follow_up", "<-- this one"];
    installation.ends(&["explain", &fired], 0, &parts);
    installation.ends(&["explain", &fired, "--form", "dot"], 0, &["digraph flow {", "->"]);
    let explained = installation.json(&["explain", &fired]);
    let types: Vec<&Value> =
        explained["events"].as_array().unwrap().iter().map(|event| &event["type"]).collect();
    assert!(types.iter().any(|one| **one == "lead.discovered"), "{explained}");
    installation.ends(&["explain", "nobody"], 4, &["knows no event nobody"]);

    let replay = ["saga", "replay", AGENT, "--all"];
    installation.ends(&replay, 0, &["3 sagas took", "all is decided as it was"]);
    installation.ends(&["saga", "replay", AGENT, "lead-2"], 0, &["1 sagas took"]);
    installation.ends(&["saga", "replay", "--agent", AGENT, "lead-2"], 0, &["1 sagas took"]);
    let by = |jobs| installation.json(&["saga", "replay", "--all", "--agent", AGENT, "--jobs", jobs]);
    assert_eq!(by("1"), by("4"), "what is found does not depend on how many look for it");
    installation.ends(&["saga", "replay", "--agent", AGENT], 1, &["or --all"]);
    installation.ends(
        &["saga", "replay", "--agent", AGENT, "--all", "lead-2"],
        1,
        &["accepted is one of them"],
    );
    installation.ends(&["saga", "replay", AGENT, "--all", "--jobs", "0"], 2, &["--jobs"]);
    let since = ["saga", "replay", AGENT, "--all", "--since", "2026-01-01", "--with-version", "1", "--json"];
    let answer = installation.json(&since[..since.len() - 1]);
    assert_eq!((&answer["sagas"], &answer["differing"]), (&json!(3), &json!(0)), "{answer}");
    installation.ends(&["saga", "replay", AGENT, "--all", "--with-version", "7"], 4, &["no version 7"]);
    installation.ends(&["saga", "replay", "nobody", "--all"], 4, &["there is no agent", AGENT]);
    installation.ends(&["saga", "replay", AGENT, "--all", "--since", "once"], 1, &["once"]);
    service.kill();
    installation.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sagas_that_postgres_has_forgotten_come_back_from_the_log_and_decide_nothing_twice() {
    let (installation, service) = followed_up("restored", &["lead-1", "lead-2"]).await;
    installation.ends(&decide("pause", "lead-2"), 0, &["done", "is paused"]);
    until_sent(&installation).await;
    service.kill();
    let rows = "SELECT correlation || ' ' || revision || ' ' || status || ' ' || state FROM brainops.saga ORDER BY 1";
    let (before, decided) = (installation.texts(rows).await, installation.records(&["saga", "agent"]).await);
    let forget = "TRUNCATE brainops.saga, brainops.saga_inbox, brainops.saga_kept, brainops.saga_timer, brainops.saga_checkpoint";
    sqlx::raw_sql(AssertSqlSafe(forget.to_owned())).execute(installation.namespace.pool()).await.unwrap();
    let service = installation.serve_as("projectors,sagas,relay");
    let is_back = || async { installation.texts(rows).await == before };
    eventually(LIMIT, is_back).await.expect("they are what they were");
    assert_eq!(installation.count("SELECT count(*) FROM brainops.saga_timer").await, 2);
    discovered(&installation, "lead-3").await;
    until_status(&installation, "lead-3", "running").await;
    until_sent(&installation).await;
    let of_one = decided / 2; // nothing but what the third one has begun with was added
    let now = installation.records(&["saga", "agent"]).await;
    assert!(now > decided && now <= decided + of_one, "{decided} records, now {now}");
    service.kill();
    installation.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_gives_an_agent_a_budget_and_sees_what_is_spent_of_it() {
    const BUDGET: (&str, &str) = ("BRAINOPS_AGENTS__LEAD-FOLLOW-UP__BUDGET__ACTIONS_PER_HOUR", "0");
    let installation = Installation::new("budgets").await;
    installation.json(&["init"]);
    let refused = |variable: &str, value: &str, parts: [&str; 2]| {
        let output = installation.command(&["status"]).env(variable, value).output().expect("it starts");
        let said = text(&output.stderr);
        assert!(!output.status.success() && parts.iter().all(|part| said.contains(part)), "{said}");
    };
    let unknown = "BRAINOPS_AGENTS__LEAD__BUDGET__HOPS";
    refused(
        unknown,
        "3",
        ["agents.lead is no agent", "accepted are incident-commander, monitor, devops, lead-follow-up"],
    );
    let none = "BRAINOPS_AGENTS__LEAD-FOLLOW-UP__BUDGET__HOPS";
    refused(none, "0", ["agents.lead-follow-up.budget.hops is 0", "from 1 to"]);

    let service = installation.serve_with("projectors,sagas,relay", &[BUDGET]);
    // It has a term first; what is due then wants a task, for which there is nothing to spend.
    discovered(&installation, "lead-1").await;
    until_status(&installation, "lead-1", "running").await;
    installation
        .texts("UPDATE brainops.saga_timer SET deadline = now() - interval '1 minute' RETURNING name")
        .await;
    until_status(&installation, "lead-1", "parked").await;
    let mut status = installation.command(&["--json", "status"]);
    let status = status.env(BUDGET.0, BUDGET.1).output().expect("it starts");
    let status: Value = serde_json::from_slice(&status.stdout).expect("JSON");
    let agent = status["agents"].as_array().unwrap().iter().find(|one| one["agent"] == json!(AGENT)).unwrap();
    let budget = json!({"budget": "actions_per_hour", "used": 0, "limit": 0, "waiting": 1});
    assert_eq!(agent["budgets"], json!([budget]));
    let mut shown = installation.command(&["status"]);
    let shown = shown.env(BUDGET.0, BUDGET.1).output().expect("it starts");
    assert!(text(&shown.stdout).contains("0 of 0 actions, 1 wait"), "{}", text(&shown.stdout));
    let doctor = installation.command(&["doctor"]).output().expect("it starts");
    let doctor = text(&doctor.stdout);
    assert!(doctor.contains("1 sagas wait for the next hour of their agent's budget"), "{doctor}");
    assert!(!doctor.contains("sagas stand at an input"), "{doctor}");
    // A person need not wait for it.
    installation.json(&decide("retry", "lead-1"));
    until_status(&installation, "lead-1", "running").await;
    until_sent(&installation).await;
    assert_eq!(installation.count("SELECT count(*) FROM brainops.saga_over_budget").await, 0);
    service.kill();
    installation.close().await;
}
