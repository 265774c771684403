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
use support::{Installation, LIMIT, Service};

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

async fn execute(installation: &Installation, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(installation.namespace.pool()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_is_compared_shown_taken_back_and_dropped_while_the_service_runs() {
    let (installation, service) = with_leads("rebuild").await;
    let rebuild = ["projection", "rebuild", "leads", "--by", "kim"];
    installation.ends(&rebuild, 0, &["leads_g2: begun", "leads_g1", "leads_g2", "are equal at"]);
    let swapped = installation.json(&["projection", "swap", "leads", "--to", "2", "--by", "kim"]);
    assert_eq!((&swapped["from"], &swapped["to"]), (&json!(1), &json!(2)), "{swapped}");
    // Both go on following, so the one before is as fresh.
    let late = said::<LeadLost>("late", "lead-late", DateTime::UNIX_EPOCH, json!({"lead_id": "lead-late"}));
    installation.namespace.appender().append(late).await.unwrap();
    installation.caught_up().await;
    assert_eq!(installation.count("SELECT count(*) FROM leads.lead").await, 7);
    let back = ["projection", "rollback", "leads", "--by", "kim"];
    installation.ends(&back, 0, &["leads shows generation 1, before it was 2"]);
    assert_eq!(installation.count("SELECT count(*) FROM leads.lead").await, 7);
    let drop = ["projection", "drop", "leads", "--generation", "2", "--by", "kim", "--yes"];
    installation.ends(&drop, 0, &["leads_g2 is gone"]);
    let at_once = [&rebuild[..], &["--swap", "--reason", "all anew", "--keep", "0"]].concat();
    installation.ends(&at_once, 0, &["leads shows generation 3, before it was 1", "dropped leads_g1"]);
    assert_eq!(installation.count("SELECT count(*) FROM leads.lead").await, 7);
    service.kill();
    installation.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_edited_is_found_with_its_event_and_a_rebuild_calls_it_drift() {
    let (installation, service) = with_leads("verify").await;
    let verify = ["projection", "verify", "leads"];
    installation.ends(&verify, 0, &["proven: every row is what the log says"]);
    execute(&installation, "UPDATE leads_g1.lead SET channel = 'by hand' WHERE lead_id = 'lead-3'").await;
    let parts = ["not proven", "lead (lead-3) changed", "channel: by hand | web", "testkit lost-3 at "];
    installation.ends(&verify, 1, &parts);
    let rebuild = ["projection", "rebuild", "leads", "--by", "kim", "--swap"];
    installation.ends(&rebuild, 1, &["drift:", "lead (lead-3) changed", "--accept-drift"]);
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
    installation.ends(&swap, 0, &["leads shows generation"]);
    installation.ends(&verify, 0, &["proven"]);
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
        installation.ends(&rebuild(&[none]), 4, &["no rebuild of leads is under way"]);
    }
    begun(&installation).await;
    let told = ["leads_g2 is being built since", "a-colleague", "is not at work now", "--resume"];
    installation.ends(&rebuild(&[]), 1, &told);
    installation.ends(&rebuild(&["--progress"]), 0, &["leads_g2, ", "nobody works on it"]);
    installation.ends(&rebuild(&["--pause", "--reason", "lunch"]), 0, &["leads_g2 is paused"]);
    installation.ends(&rebuild(&["--join"]), 1, &["the rebuild is paused: lunch", "--resume"]);
    installation.ends(&rebuild(&["--resume"]), 0, &["leads_g2", "are equal at"]);
    begun(&installation).await;
    installation.ends(&rebuild(&["--join"]), 0, &["leads_g3", "are equal at"]);
    begun(&installation).await;
    installation.ends(&rebuild(&["--cancel"]), 0, &["leads_g4 is dropped; what serves goes on"]);
    installation.ends(&rebuild(&["--progress"]), 4, &["no rebuild of leads is under way"]);
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
    installation.ends(&as_of(&["--event", "found-2"]), 0, &["leads_asof_2", "frontier", "kept"]);
    installation.ends(&as_of(&["--event", "found-2"]), 0, &["leads_asof_2", "it was there already"]);
    let rows = installation.count("SELECT count(*) FROM leads_asof_2.lead").await;
    assert_eq!(rows, 3, "lead-0 and lead-1, and lead-2 as it was found");
    let changes = ["projection", "changes", "leads", "--from", "event:found-2", "--to", "event:lost-5"];
    installation.ends(&changes, 0, &["lead (lead-2) changed", "lead (lead-5) added", "testkit lost-5 at "]);
    installation.ends(&as_of(&["--at", "2001-01-01"]), 1, &["there was nothing yet", "was recorded at"]);
    installation.ends(&as_of(&["--at", "2999-01-01T00:00Z"]), 1, &["has not come yet"]);
    installation.ends(&as_of(&["--event", "nowhere"]), 1, &["nowhere"]);
    installation.ends(&as_of(&["--at", "yesterday"]), 1, &["yesterday"]);
    installation.ends(&as_of(&[]), 2, &["--at"]);
    for command in ["rebuild", "verify"] {
        installation.ends(
            &["projection", command, "nothing"],
            4,
            &["there is no read model \"nothing\"", "leads"],
        );
    }
    installation.ends(
        &["projection", "as-of", "nothing", "--at", "2026-01-01"],
        4,
        &["there is no read model"],
    );
    let changes = ["projection", "changes", "nothing", "--from", "2026-01-01", "--to", "2026-01-02"];
    installation.ends(&changes, 4, &["there is no read model"]);
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
    installation.ends(&rebuild, 0, &parts);
    assert_eq!(installation.count("SELECT count(*) FROM leads.lead").await, 7);
    installation.close().await;
}
