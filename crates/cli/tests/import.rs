//! What imports promise: each event once, whatever was interrupted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up has failed"
)]

mod support;

use std::process::Stdio;

use brainops_event::Source;
use brainops_projection::serving;
use brainops_projector_deployments::Deployments;
use brainops_projector_events::Events;
use brainops_testkit::{eventually, refold, stored_rows};
use serde_json::{Value, json};
use sqlx::Connection as _;
use support::repository::Repository;
use support::{Installation, LIMIT, Service, text};

/// Commits, tags, deployments and the branch.
fn events_of(commits: u32, per_release: u32) -> Value {
    json!(commits + 2 * (commits / per_release) + 1)
}

fn import(installation: &Installation, repository: &Repository) -> Value {
    installation.json(&["import", "git", repository.path(), "--deployments-from", "tags"])
}

/// What the read models say of the repository, without what differs between any two imports: where events stand,
/// and ciphertexts.
async fn told(installation: &Installation) -> Vec<String> {
    let mut rows = Vec::new();
    for table in ["commit", "tag", "branch", "deployment", "environment"] {
        let query = format!(
            "SELECT '{table} ' || (to_jsonb(t) - 'changed_at_position' - 'author_name' - 'author_email' - 'message')::text \
             FROM deployments.{table} AS t ORDER BY 1"
        );
        rows.extend(installation.texts(&query).await);
    }
    rows.extend(
        installation
            .texts("SELECT source || ' ' || id FROM events.event WHERE type !~ '^projection' ORDER BY 1")
            .await,
    );
    rows
}

/// The rows are what the log says, and the index has each event once.
async fn rows_are_true(installation: &Installation) {
    let (cluster, registry, pool) =
        (installation.namespace.cluster(), installation.namespace.registry(), installation.namespace.pool());
    let topics =
        |names: &[&str]| names.iter().map(|name| installation.namespace.topic(name)).collect::<Vec<_>>();
    let end = brainops_log::end_frontier(cluster, &topics(&["git", "deployment"])).await.unwrap();
    let expected = refold(&Deployments, cluster, registry, &end).await.unwrap();
    let stored =
        stored_rows::<Deployments>(pool, &serving(pool, "deployments").await.unwrap()).await.unwrap();
    assert!(expected == stored, "the rows of deployments are not what the log says");
    let expected = refold(&Events, cluster, registry, &end).await.unwrap();
    assert!(!expected["event"].is_empty());
    let counted = installation.count("SELECT count(*) FROM events.event").await;
    let distinct =
        installation.count("SELECT count(*) FROM (SELECT DISTINCT source, id FROM events.event) AS d").await;
    assert_eq!(counted, distinct, "no event counts twice");
}

async fn started(name: &str) -> (Installation, Service) {
    let installation = Installation::new(name).await;
    installation.json(&["init"]);
    let service = installation.serve();
    (installation, service)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_import_appends_nothing() {
    let (installation, _service) = started("twice").await;
    let repository = Repository::new(60, 10);
    let first = import(&installation, &repository);
    assert_eq!(
        (&first["read"], &first["appended"], &first["repeated"]),
        (&events_of(60, 10), &events_of(60, 10), &json!(0))
    );
    assert_eq!(repository.git(&["rev-list", "--all", "--count"], b""), first["found"]["commits"].to_string());
    let records = installation.records(&["git", "deployment"]).await;
    let second = import(&installation, &repository);
    assert_eq!((&second["appended"], &second["repeated"]), (&json!(0), &events_of(60, 10)));
    assert_eq!(installation.records(&["git", "deployment"]).await, records);
    installation.caught_up().await;
    rows_are_true(&installation).await;
    let status = installation.json(&["status"]);
    let dora = &status["dora"][0];
    assert_eq!((&dora["service"], &dora["succeeded"]), (&json!("shop"), &json!(6)));
    assert!(dora["restore_na_reason"].is_string() && dora["restore_median_seconds"].is_null(), "{dora}");
    installation.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leads_are_imported_once_and_bad_lists_not_at_all() {
    let (installation, _service) = started("leads").await;
    let list = installation.folder.path().join("fair.csv");
    std::fs::write(
        &list,
        "email,channel,discovered_at,won_at,amount,currency\na@x.y,fair,2026-01-01,2026-02-01,10.50,EUR\n",
    )
    .unwrap();
    let arguments = ["import", "leads", list.to_str().unwrap()];
    assert_eq!(installation.json(&arguments)["appended"], json!(2));
    assert_eq!(installation.json(&arguments)["appended"], json!(0));
    installation.caught_up().await;
    assert_eq!(installation.count("SELECT amount_minor FROM leads.lead").await, 1050);
    std::fs::write(&list, "email,channel,discovered_at\nb@x.y,fair,2026-01-01\nc@x.y,fair,soon\n").unwrap();
    let refused = installation.output(&arguments);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("line 3, discovered_at"), "{}", text(&refused.stderr));
    assert_eq!(installation.records(&["lead"]).await, 2);
    installation.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_was_killed_with_the_service_is_completed() {
    const COMMITS: u32 = 4_000;
    let repository = Repository::new(COMMITS, 20);
    let (undisturbed, _service) = started("calm").await;
    import(&undisturbed, &repository);
    undisturbed.caught_up().await;

    let installation = Installation::with_keys_of("killed", &undisturbed).await;
    installation.json(&["init"]);
    let service = installation.serve();
    let mut importing = installation
        .command(&["import", "git", repository.path(), "--deployments-from", "tags"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let begun = eventually(LIMIT, || async { installation.records(&["git"]).await > 100 });
    begun.await.expect("the import has begun");
    importing.kill().expect("still importing");
    importing.wait().expect("gone");
    service.kill();
    let left = installation.records(&["git", "deployment"]).await;
    let all = events_of(COMMITS, 20).as_i64().unwrap();
    assert!(left < all, "killed in the middle: {left} of {all}");

    let _service = installation.serve();
    let second = import(&installation, &repository);
    let count = |name: &str| second[name].as_i64().unwrap();
    // What was reserved and not sent yet was there already too: its position came with the second import.
    assert_eq!((count("read"), count("appended") + count("repeated"), count("conflicts")), (all, all, 0));
    assert!(count("appended") <= all - left, "{left} were there: {second}");
    assert_eq!(import(&installation, &repository)["repeated"], json!(all));
    installation.caught_up().await;
    rows_are_true(&installation).await;
    assert_eq!(told(&installation).await, told(&undisturbed).await);
    installation.close().await;
    undisturbed.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_cannot_append_says_how_far_it_came() {
    let (installation, _service) = started("stopped").await;
    let repository = Repository::new(5, 10);
    let stopped = installation
        .command(&["import", "git", repository.path()])
        .env("BRAINOPS_REGISTRY__URL", "http://127.0.0.1:9/apis/ccompat/v7")
        .output()
        .unwrap();
    assert_eq!(stopped.status.code(), Some(1));
    let told = text(&stopped.stderr);
    assert!(told.contains("0 events were appended and acknowledged; importing again completes it"), "{told}");
    assert!(text(&stopped.stdout).is_empty());
    assert_eq!(import(&installation, &repository)["appended"], events_of(5, 10));
    installation.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_import_of_a_source_at_a_time() {
    let (installation, _service) = started("lock").await;
    let repository = Repository::new(3, 10);
    let source = import(&installation, &repository)["source"].as_str().unwrap().to_owned();
    let options = installation.namespace.postgres().options().unwrap().application_name("somebody else");
    let mut other = sqlx::PgConnection::connect_with(&options).await.unwrap();
    let taken: bool = sqlx::query_scalar(include_str!("../queries/import_lock.sql"))
        .bind(Source::new(source).unwrap().as_str())
        .fetch_one(&mut other)
        .await
        .unwrap();
    assert!(taken);
    let refused = installation.output(&["import", "git", repository.path()]);
    assert_eq!(refused.status.code(), Some(1));
    let told = text(&refused.stderr);
    assert!(told.contains("is being imported by \"somebody else\" since"), "{told}");
    other.close().await.unwrap();
    import(&installation, &repository);
    installation.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_needs_no_service_and_names_what_stands_otherwise() {
    let installation = Installation::new("unserved").await;
    installation.json(&["init"]);
    let list = installation.folder.path().join("fair.csv");
    let import = |company: &str| {
        let row = format!("a@x.y,fair,{company},2026-01-01");
        std::fs::write(&list, format!("email,channel,company,discovered_at\n{row}\n")).unwrap();
        installation.json(&["import", "leads", list.to_str().unwrap()])
    };
    assert_eq!(import("Engines")["appended"], json!(1));
    assert_eq!(import("Engines")["repeated"], json!(1));
    let renamed = import("Engines Ltd");
    let counts = (&renamed["appended"], &renamed["repeated"], &renamed["conflicts"]);
    assert_eq!(counts, (&json!(0), &json!(0), &json!(1)), "{renamed}");
    let conflict = &renamed["first_conflicts"][0];
    assert_eq!(conflict["type"], json!("lead.discovered"));
    assert!(conflict["stands_at"].as_str().unwrap().ends_with("@0"), "{conflict}");
    assert_eq!(installation.records(&["lead"]).await, 1);

    let status = installation.json(&["status"]);
    assert_eq!(status["service"], json!({"api": false, "projectors": false, "relay": false}));
    assert_eq!(status["outbox"]["pending_rows"], json!(0));
    installation.close().await;
}

#[tokio::test]
async fn what_cannot_be_imported_is_told_before_anything_is_waited_for() {
    let installation = Installation::new("refused").await;
    installation.json(&["init"]);
    for (path, told) in [
        ("/nowhere/at/all", "is not a folder"),
        (installation.folder.path().to_str().unwrap(), "no git repository"),
    ] {
        let refused = installation.output(&["import", "git", path]);
        assert_eq!(refused.status.code(), Some(1));
        assert!(text(&refused.stderr).contains(told), "{}", text(&refused.stderr));
    }
    installation.close().await;
}
