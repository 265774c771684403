//! What `brainops projection` shows of generations, and what people decide about them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up has failed"
)]

mod support;

use brainops_event::types::lead::LeadLost;
use brainops_testkit::said;
use chrono::DateTime;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use support::{Installation, text};

/// One more generation of `leads` with the same rows, as a rebuild leaves it.
async fn second_generation(installation: &Installation) {
    let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'leads_g1'";
    let mut sql = "CREATE SCHEMA leads_g2; ".to_owned();
    for table in installation.texts(tables).await {
        sql.push_str(&format!(
            "CREATE TABLE leads_g2.{table} (LIKE leads_g1.{table} INCLUDING ALL); INSERT INTO leads_g2.{table} SELECT * FROM leads_g1.{table}; "
        ));
    }
    sql.push_str(
        "INSERT INTO brainops.generation (read_model, generation, fold_version, state, kind, derived_views, views_digest, \
                                          local_version, ready_at, ready_xid) \
         SELECT read_model, 2, fold_version, 'ready', kind, derived_views, '', local_version, now(), pg_current_xact_id() \
           FROM brainops.generation WHERE read_model = 'leads'",
    );
    execute(installation, &sql).await;
}

async fn execute(installation: &Installation, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(installation.namespace.pool()).await.unwrap();
}

fn told(installation: &Installation, event_type: &str) -> Vec<Value> {
    let output = installation.output(&["--json", "events", "tail", "--type", event_type]);
    let lines = text(&output.stdout);
    lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["event"]["data"].take()).collect()
}

fn ends(installation: &Installation, arguments: &[&str], code: i32, part: &str) {
    let output = installation.output(arguments);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    assert!(said.contains(part), "{arguments:?}: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn generations_are_compared_shown_and_dropped_and_the_log_knows_who_decided() {
    let installation = Installation::new("generations").await;
    installation.json(&["init"]);
    let service = installation.serve();
    for number in 0..5 {
        let subject = format!("lead-{number}");
        let event = said::<LeadLost>(&subject, &subject, DateTime::UNIX_EPOCH, json!({"lead_id": subject}));
        installation.namespace.appender().append(event).await.unwrap();
    }
    installation.caught_up().await;
    service.kill();
    second_generation(&installation).await;

    let listed = installation.json(&["projection", "generations", "leads"]);
    let shown: Vec<_> =
        listed.as_array().unwrap().iter().map(|one| (&one["schema"], &one["state"])).collect();
    assert_eq!(shown, [(&json!("leads_g1"), &json!("serving")), (&json!("leads_g2"), &json!("ready"))]);
    let printed = text(&installation.output(&["projection", "generations", "leads"]).stdout);
    assert!(printed.contains("leads_g2") && printed.contains("kB"), "{printed}");

    let compare = ["projection", "compare", "leads", "--left", "1", "--right", "2"];
    let equal = installation.json(&compare);
    assert!(
        equal["tables"]
            .as_array()
            .unwrap()
            .iter()
            .all(|table| table["left"]["sha256"] == table["right"]["sha256"])
    );
    execute(&installation, "DELETE FROM leads_g2.lead WHERE lead_id = 'lead-3'").await;
    let different = installation.output(&compare);
    assert_eq!(different.status.code(), Some(3), "{}", text(&different.stderr));
    let printed = text(&different.stdout);
    assert!(printed.contains("are different at") && printed.contains("(lead-3) removed"), "{printed}");

    let parked = "INSERT INTO leads_g2.parked (topic, partition, record_offset, reason_code, reason, recorded_at, subject) \
                  SELECT topic, partition, 0, 'ApplyEvent', 'by hand', now(), 'lead-3' FROM leads_g2.checkpoint LIMIT 1";
    execute(&installation, parked).await;
    let swap = ["projection", "swap", "leads", "--to", "2", "--by", "kim"];
    ends(&installation, &swap, 1, "--consent-to-parked");
    assert_eq!(told(&installation, "projection.generation.swapped"), Vec::<Value>::new());
    let swapped =
        installation.json(&[&swap[..], &["--consent-to-parked", "--reason", "counts again"]].concat());
    assert_eq!((&swapped["from"], &swapped["to"]), (&json!(1), &json!(2)), "{swapped}");
    assert_eq!(installation.count("SELECT count(*) FROM leads.lead").await, 4);
    let back = installation.output(&["projection", "rollback", "leads", "--by", "kim"]);
    assert!(
        text(&back.stdout).contains("leads shows generation 1, before it was 2"),
        "{}",
        text(&back.stderr)
    );
    assert_eq!(installation.count("SELECT count(*) FROM leads.lead").await, 5);
    let events = told(&installation, "projection.generation.swapped");
    let decided: Vec<_> = events
        .iter()
        .map(|event| {
            (
                &event["from_generation"],
                &event["to_generation"],
                &event["parked_consented"],
                &event["decided_by"],
            )
        })
        .collect();
    let kim = json!("kim");
    assert_eq!(decided, [(&json!(1), &json!(2), &json!(1), &kim), (&json!(2), &json!(1), &json!(0), &kim)]);

    ends(
        &installation,
        &["projection", "drop", "leads", "--generation", "1", "--by", "kim", "--yes"],
        1,
        "serves",
    );
    let drop = ["projection", "drop", "leads", "--generation", "2", "--by", "kim"];
    ends(&installation, &drop, 1, "say --yes");
    let dropped = installation.json(&[&drop[..], &["--yes"]].concat());
    assert_eq!(dropped["schema"], json!("leads_g2"), "{dropped}");
    assert_eq!(installation.count("SELECT count(*) FROM pg_namespace WHERE nspname = 'leads_g2'").await, 0);
    assert_eq!(told(&installation, "projection.generation.dropped")[0]["schema"], json!("leads_g2"));
    installation.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_unknown() {
    let installation = Installation::new("no-generations").await;
    installation.json(&["init"]);
    for (arguments, code, part) in [
        (&["projection", "generations", "nothing"][..], 4, "not installed"),
        (
            &["projection", "compare", "leads", "--left", "1", "--right", "9"],
            4,
            "leads has no generation 9; it has 1",
        ),
        (&["projection", "swap", "leads", "--to", "9", "--by", "kim"], 4, "leads has no generation 9"),
        (&["projection", "swap", "leads", "--to", "1", "--by", "kim"], 1, "it serves already"),
        (&["projection", "swap", "leads", "--by", "kim"], 2, "--to"),
        (&["projection", "rollback", "leads", "--by", "kim"], 1, "none has served before it"),
        (&["projection", "rollback", "nothing", "--by", "kim"], 4, "not installed"),
        (
            &["projection", "drop", "leads", "--generation", "9", "--yes", "--by", "kim"],
            4,
            "leads has no generation 9",
        ),
    ] {
        ends(&installation, arguments, code, part);
    }
    installation.close().await;
}
