//! History folded again at the command line: rebuilt, shown and taken back, held against the log, and asked for as it was.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up has failed"
)]

mod support;

use std::time::Duration;

use brainops_event::types::lead::{LeadDiscovered, LeadLost};
use brainops_projection::{Pace, Request, Workshop, begin_rebuild};
use brainops_projector_leads::Leads;
use brainops_testkit::{eventually, said};
use chrono::DateTime;
use serde_json::json;
use sqlx::AssertSqlSafe;
use support::{Installation, LIMIT, Service, text};

/// An installation with some leads, whose service has folded them.
async fn with_leads(name: &str) -> (Installation, Service) {
    let installation = Installation::new(name).await;
    installation.json(&["init"]);
    let service = installation.serve();
    for number in 0..6 {
        let (subject, at) = (format!("lead-{number}"), DateTime::UNIX_EPOCH);
        let found = json!({"lead_id": subject, "channel": "web"});
        let found = said::<LeadDiscovered>(&format!("found-{number}"), &subject, at, found);
        let lost = said::<LeadLost>(&format!("lost-{number}"), &subject, at, json!({"lead_id": subject}));
        for event in [found, lost] {
            installation.namespace.appender().append(event).await.unwrap();
        }
    }
    installation.caught_up().await;
    (installation, service)
}

/// Checks how a command ends, and that it says all of this.
fn ends(installation: &Installation, arguments: &[&str], code: i32, parts: &[&str]) {
    let output = installation.output(arguments);
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    for part in parts {
        assert!(said.contains(part), "{arguments:?} does not say {part:?}: {said}");
    }
}

async fn execute(installation: &Installation, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(installation.namespace.pool()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_is_compared_shown_taken_back_and_dropped_while_the_service_runs() {
    let (installation, service) = with_leads("rebuild").await;
    let rebuild = ["projection", "rebuild", "leads", "--by", "kim"];
    ends(&installation, &rebuild, 0, &["leads_g2: begun", "leads_g1", "leads_g2", "are equal at"]);
    let swapped = installation.json(&["projection", "swap", "leads", "--to", "2", "--by", "kim"]);
    assert_eq!((&swapped["from"], &swapped["to"]), (&json!(1), &json!(2)), "{swapped}");
    // Both go on following, so the one before is as fresh.
    let late = said::<LeadLost>("late", "lead-late", DateTime::UNIX_EPOCH, json!({"lead_id": "lead-late"}));
    installation.namespace.appender().append(late).await.unwrap();
    installation.caught_up().await;
    assert_eq!(installation.count("SELECT count(*) FROM leads.lead").await, 7);
    let back = ["projection", "rollback", "leads", "--by", "kim"];
    ends(&installation, &back, 0, &["leads shows generation 1, before it was 2"]);
    assert_eq!(installation.count("SELECT count(*) FROM leads.lead").await, 7);
    let drop = ["projection", "drop", "leads", "--generation", "2", "--by", "kim", "--yes"];
    ends(&installation, &drop, 0, &["leads_g2 is gone"]);
    let at_once = [&rebuild[..], &["--swap", "--reason", "all anew", "--keep", "0"]].concat();
    ends(&installation, &at_once, 0, &["leads shows generation 3, before it was 1", "dropped leads_g1"]);
    assert_eq!(installation.count("SELECT count(*) FROM leads.lead").await, 7);
    service.kill();
    installation.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_edited_is_found_with_its_event_and_a_rebuild_calls_it_drift() {
    let (installation, service) = with_leads("verify").await;
    let verify = ["projection", "verify", "leads"];
    ends(&installation, &verify, 0, &["proven: every row is what the log says"]);
    execute(&installation, "UPDATE leads_g1.lead SET channel = 'by hand' WHERE lead_id = 'lead-3'").await;
    let parts = ["not proven", "lead (lead-3) changed", "channel: by hand | web", "testkit lost-3 at "];
    ends(&installation, &verify, 1, &parts);
    let rebuild = ["projection", "rebuild", "leads", "--by", "kim", "--swap"];
    ends(&installation, &rebuild, 1, &["drift:", "lead (lead-3) changed", "--accept-drift"]);
    assert_eq!(
        installation.texts("SELECT channel FROM leads.lead WHERE lead_id = 'lead-3'").await,
        ["by hand"]
    );
    let swap = ["projection", "swap", "leads", "--to", "3", "--by", "kim"];
    let generations = installation.texts(
        "SELECT generation::text FROM brainops.generation WHERE read_model = 'leads' AND state = 'ready'",
    );
    let ready = generations.await;
    let swap: Vec<&str> =
        swap.iter().map(|word| if *word == "3" { ready[0].as_str() } else { *word }).collect();
    ends(&installation, &swap, 0, &["leads shows generation"]);
    ends(&installation, &verify, 0, &["proven"]);
    service.kill();
    installation.close().await;
}

/// Begins a rebuild that nobody works on.
async fn begun(installation: &Installation) {
    let shop = Workshop {
        pool: installation.namespace.pool().clone(),
        log: installation.namespace.cluster().read_only(),
        registry: installation.namespace.registry().clone(),
        scratch: installation.folder.path().to_owned(),
        worker: "a-colleague".to_owned(),
        at_once: 1,
        unknown_schema_patience: Duration::from_secs(1),
        pace: Pace::default(),
    };
    begin_rebuild(&Leads, &shop, Request::next(None)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_rebuild_under_way_is_told_who_has_begun_it_and_others_join_pause_and_end_it() {
    let (installation, service) = with_leads("underway").await;
    let rebuild =
        |more: &[&'static str]| [&["projection", "rebuild", "leads", "--by", "kim"][..], more].concat();
    for none in ["--progress", "--join", "--resume", "--pause", "--cancel"] {
        ends(&installation, &rebuild(&[none]), 4, &["no rebuild of leads is under way"]);
    }
    begun(&installation).await;
    let told = ["leads_g2 is being built since", "a-colleague", "is not at work now", "--resume"];
    ends(&installation, &rebuild(&[]), 1, &told);
    ends(&installation, &rebuild(&["--progress"]), 0, &["leads_g2, ", "nobody works on it"]);
    ends(&installation, &rebuild(&["--pause", "--reason", "lunch"]), 0, &["leads_g2 is paused"]);
    ends(&installation, &rebuild(&["--join"]), 1, &["the rebuild is paused: lunch", "--resume"]);
    ends(&installation, &rebuild(&["--resume"]), 0, &["leads_g2", "are equal at"]);
    begun(&installation).await;
    ends(&installation, &rebuild(&["--join"]), 0, &["leads_g3", "are equal at"]);
    begun(&installation).await;
    ends(&installation, &rebuild(&["--cancel"]), 0, &["leads_g4 is dropped; what serves goes on"]);
    ends(&installation, &rebuild(&["--progress"]), 4, &["no rebuild of leads is under way"]);
    let shown = installation.json(&["projection", "generations", "leads"]);
    let states: Vec<_> = shown.as_array().unwrap().iter().map(|one| one["state"].clone()).collect();
    assert_eq!(states, [json!("serving"), json!("ready"), json!("ready")]);
    service.kill();
    installation.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn past_moments_are_made_once_compared_and_refused_in_words() {
    let (installation, service) = with_leads("moments").await;
    let as_of = |more: &[&'static str]| [&["projection", "as-of", "leads"][..], more].concat();
    ends(&installation, &as_of(&["--event", "found-2"]), 0, &["leads_asof_2", "frontier", "kept"]);
    ends(&installation, &as_of(&["--event", "found-2"]), 0, &["leads_asof_2", "it was there already"]);
    let rows = installation.count("SELECT count(*) FROM leads_asof_2.lead").await;
    assert_eq!(rows, 3, "lead-0 and lead-1, and lead-2 as it was found");
    let changes = ["projection", "changes", "leads", "--from", "event:found-2", "--to", "event:lost-5"];
    ends(&installation, &changes, 0, &["lead (lead-2) changed", "lead (lead-5) added", "testkit lost-5 at "]);
    ends(&installation, &as_of(&["--at", "2001-01-01"]), 1, &["there was nothing yet", "was recorded at"]);
    ends(&installation, &as_of(&["--at", "2999-01-01T00:00Z"]), 1, &["has not come yet"]);
    ends(&installation, &as_of(&["--event", "nowhere"]), 1, &["nowhere"]);
    ends(&installation, &as_of(&["--at", "yesterday"]), 1, &["yesterday"]);
    ends(&installation, &as_of(&[]), 2, &["--at"]);
    for command in ["rebuild", "verify"] {
        ends(
            &installation,
            &["projection", command, "nothing"],
            4,
            &["there is no read model \"nothing\"", "leads"],
        );
    }
    ends(
        &installation,
        &["projection", "as-of", "nothing", "--at", "2026-01-01"],
        4,
        &["there is no read model"],
    );
    let changes = ["projection", "changes", "nothing", "--from", "2026-01-01", "--to", "2026-01-02"];
    ends(&installation, &changes, 4, &["there is no read model"]);
    service.kill();
    installation.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_older_program_has_left_is_folded_anew_and_shown_without_it() {
    let (installation, service) = with_leads("older").await;
    service.kill();
    execute(&installation, "UPDATE brainops.generation SET fold_version = 99 WHERE read_model = 'leads'")
        .await;
    let late = said::<LeadLost>("late", "lead-late", DateTime::UNIX_EPOCH, json!({"lead_id": "lead-late"}));
    installation.namespace.appender().append(late).await.unwrap();
    let is_left = || async {
        let listed = installation.json(&["projection", "list"]);
        let leads = listed.as_array().unwrap().iter().find(|model| model["read_model"] == "leads").unwrap();
        leads["state"] == "not_followed" && leads["fold_version"] != leads["program_fold_version"]
    };
    eventually(LIMIT, is_left).await.expect("it is seen that nobody follows it");
    let rebuild = ["projection", "rebuild", "leads", "--swap", "--by", "kim"];
    let parts = ["nobody follows it any more", "leads shows generation 2, before it was 1"];
    ends(&installation, &rebuild, 0, &parts);
    assert_eq!(installation.count("SELECT count(*) FROM leads.lead").await, 7);
    installation.close().await;
}
