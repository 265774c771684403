//! What `brainops parked` and `brainops projection resume` show and decide.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up has failed"
)]

mod support;

use std::process::{Child, Output, Stdio};

use brainops_event::Position;
use brainops_event::types::lead::LeadLost;
use brainops_testkit::{RawRecord, eventually, said};
use chrono::DateTime;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use support::{Installation, LIMIT, text};

const SECRET: &[u8] = b"never to be shown";

/// A record that says what it is and cannot be decoded.
async fn append_poison(installation: &Installation, id: &str, subject: &str) {
    let headers: [(&str, &[u8]); 6] = [
        ("ce_specversion", b"1.0"),
        ("ce_id", id.as_bytes()),
        ("ce_source", b"tests"),
        ("ce_type", b"lead.lost"),
        ("ce_subject", subject.as_bytes()),
        ("content-type", b"application/vnd.confluent.avro"),
    ];
    let (topic, key) = (installation.namespace.topic("lead"), Some(subject.as_bytes()));
    let record = RawRecord { topic: &topic, partition: None, key, headers: &headers, value: Some(SECRET) };
    installation.namespace.append_raw(record).await;
}

async fn append_good(installation: &Installation, id: &str, subject: &str) -> Position {
    let event = said::<LeadLost>(id, subject, DateTime::UNIX_EPOCH, json!({"lead_id": subject}));
    installation.namespace.appender().append(event).await.unwrap().position
}

fn list(installation: &Installation, read_model: &str) -> Vec<Value> {
    installation.json(&["parked", "list", read_model]).as_array().unwrap().clone()
}

fn answer(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", text(&output.stdout), text(&output.stderr)))
}

fn decide(installation: &Installation, arguments: &[&str]) -> (Option<i32>, Value) {
    let output = installation.output(&[&["--json"], arguments].concat());
    (output.status.code(), answer(&output))
}

/// The whole service; killed when it is dropped.
struct Running(Child);

impl Running {
    fn start(installation: &Installation) -> Running {
        let log = std::fs::File::create(installation.folder.path().join("all-roles.log")).unwrap();
        let started = installation.command(&["serve"]).stdout(Stdio::null()).stderr(log).spawn();
        Running(started.expect("it starts"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _gone_already = self.0.kill();
        let _gone_already = self.0.wait();
    }
}

async fn pause(installation: &Installation, read_model: &str) {
    let pause = format!(
        "UPDATE brainops.generation SET pauses = pauses + 1, paused_at = now(), paused_reason = 'too many' \
          WHERE read_model = '{read_model}'"
    );
    sqlx::raw_sql(AssertSqlSafe(pause)).execute(installation.namespace.pool()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_parked_is_shown_retried_and_dismissed() {
    let installation = Installation::new("parked").await;
    installation.json(&["init"]);
    assert_eq!(text(&installation.output(&["parked", "list"]).stdout).trim(), "nothing is parked");
    let running = Running::start(&installation);
    append_poison(&installation, "bad", "lead-7").await;
    append_good(&installation, "behind", "lead-7").await;
    append_good(&installation, "other", "lead-8").await;
    let held = || async { list(&installation, "leads").first().is_some_and(|one| one["held"] == 2) };
    eventually(LIMIT, held).await.expect("the subject is parked with what is behind it");

    let parked = list(&installation, "leads").remove(0);
    assert_eq!((&parked["read_model"], &parked["subject"]), (&json!("leads"), &json!("lead-7")));
    let first = parked["first"].as_str().unwrap();
    let printed = text(&installation.output(&["parked", "list"]).stdout);
    assert!(printed.contains(first) && printed.contains("lead-7"), "{printed}");

    for which in ["lead-7", first] {
        let shown = installation.json(&["parked", "show", "leads", which]);
        let records = shown["records"].as_array().unwrap();
        assert_eq!(
            records.iter().map(|one| &one["id"]).collect::<Vec<_>>(),
            [&Value::Null, &json!("behind")],
            "what the first says of itself cannot be read: {shown}"
        );
        assert_eq!((&records[0]["position"], &records[1]["type"]), (&json!(first), &json!("lead.lost")));
        assert!(!shown.to_string().contains("never to be shown"), "{shown}");
    }

    check_payloads(&installation, first);
    let (code, tried) = decide(&installation, &["parked", "try", "leads", "--all"]);
    assert_eq!((code, &tried[0]["folded"], &tried[0]["rows"]), (Some(1), &json!(0), &json!([])), "{tried}");
    let failed = &tried[0]["failed"];
    assert_eq!((&failed["position"], &failed["held"]), (&json!(first), &json!(2)), "{tried}");
    assert_eq!(failed["reason_class"], json!("EventSerialization"));

    let (code, retried) = decide(&installation, &["parked", "retry", "leads", "lead-7", "--by", "kim"]);
    assert_eq!((code, &retried[0]["state"]), (Some(0), &json!("done")), "{retried}");
    assert_eq!(list(&installation, "leads").len(), 1, "it fails again: {retried}");

    let because = ["--by", "kim", "--reason", "sent by mistake"];
    let (code, done) =
        decide(&installation, &[&["parked", "dismiss", "leads", first], &because[..]].concat());
    assert_eq!(
        (code, &done[0]["state"], &done[0]["about"]),
        (Some(0), &json!("done"), &json!(first)),
        "{done}"
    );
    assert_eq!(list(&installation, "leads"), Vec::<Value>::new());
    let told = installation.output(&["--json", "events", "tail", "--type", "projection.subject.retried"]);
    let told = answer(&told);
    assert_eq!(told["event"]["data"]["decided_by"], json!("kim"), "{told}");
    let told = installation.output(&["--json", "events", "tail", "--type", "projection.record.dismissed"]);
    let told = answer(&told);
    assert_eq!(told["event"]["data"]["decided_by"], json!("kim"), "{told}");
    assert_eq!(told["event"]["data"]["reason"], json!("sent by mistake"));

    // The index of events has parked the same record for itself, and nobody decides for it now.
    drop(running);
    let (code, pending) =
        decide(&installation, &["parked", "retry", "events", "--all", "--by", "kim", "--wait", "0"]);
    assert_eq!((code, &pending[0]["state"]), (Some(3), &json!("pending")), "{pending}");
    installation.close().await;
}

/// What records hold is printed when it is asked for: events as JSON, and bytes where there is no event.
fn check_payloads(installation: &Installation, first: &str) {
    let show = ["parked", "show", "leads", first];
    let shown = installation.json(&[&show[..], &["--data"]].concat());
    let (bad, good) = (&shown["records"][0]["payload"]["record"], &shown["records"][1]["payload"]["event"]);
    let hex: String = SECRET.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        (&bad["value"]["hex"], &bad["value"]["bytes"]),
        (&json!(hex), &json!(SECRET.len())),
        "{shown}"
    );
    assert_eq!(bad["headers"][0]["name"], json!("ce_specversion"));
    assert!(bad["undecoded"].as_str().unwrap().contains("which schema wrote it"), "{shown}");
    assert_eq!((&good["id"], &good["data"]["lead_id"]), (&json!("behind"), &json!("lead-7")), "{shown}");

    let shown = installation.json(&[&show[..], &["--raw", "--limit", "2"]].concat());
    let behind = &shown["records"][1]["payload"]["record"];
    assert_eq!(
        (&behind["undecoded"], &behind["key"]["hex"]),
        (&Value::Null, &json!("6c6561642d37")),
        "{shown}"
    );
    let printed = text(&installation.output(&[&show[..], &["--raw"]].concat()).stdout);
    assert!(printed.contains("|never to be show|") && printed.contains("header ce_id: 3 bytes"), "{printed}");
    assert_eq!(installation.output(&[&show[..], &["--raw", "--data"]].concat()).status.code(), Some(2));
}

/// Says in the database that a record is held, as if a fold before this one had refused it.
async fn hold(installation: &Installation, subject: &str, Position { topic, partition, offset }: &Position) {
    let hold = format!(
        "INSERT INTO leads_g1.parked (topic, partition, record_offset, subject, reason_code, reason, recorded_at) \
          VALUES ('{topic}', {partition}, {offset}, '{subject}', 'ApplyEvent', 'the fold was wrong', now())"
    );
    sqlx::raw_sql(AssertSqlSafe(hold)).execute(installation.namespace.pool()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_be_folded_now_is_shown_with_its_rows_and_nothing_changes() {
    let installation = Installation::new("trying").await;
    installation.json(&["init"]);
    let position = append_good(&installation, "lost", "lead-9").await;
    hold(&installation, "lead-9", &position).await;
    let records = installation.records(&["projection", "lead"]).await;
    let (code, tried) = decide(&installation, &["parked", "try", "leads", "lead-9"]);
    assert_eq!(
        (code, &tried[0]["folded"], &tried[0]["failed"]),
        (Some(0), &json!(1), &Value::Null),
        "{tried}"
    );
    assert_eq!((&tried[0]["rows_before"], &tried[0]["rows"][0]["change"]), (&json!(0), &json!("added")));
    assert_eq!(tried[0]["rows"][0]["key"]["lead_id"], json!("lead-9"), "{tried}");
    let printed = text(&installation.output(&["parked", "try", "leads", "lead-9", "--rows", "1"]).stdout);
    assert!(printed.contains("all 1 held would be folded"), "{printed}");
    assert_eq!(list(&installation, "leads").len(), 1, "it is held as before");
    assert_eq!(installation.records(&["projection", "lead"]).await, records);
    assert_eq!(installation.count("SELECT count(*) FROM leads_g1.lead").await, 0);
    installation.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_parked_or_not_paused_is_unknown() {
    let installation = Installation::new("unparked").await;
    installation.json(&["init"]);
    for (arguments, code, part) in [
        (&["parked", "list", "nothing"][..], 4, "not installed"),
        (&["parked", "show", "leads", "lead-1"], 4, "leads has parked no lead-1"),
        (&["parked", "retry", "leads", "--all", "--by", "kim"], 4, "leads has parked nothing"),
        (&["parked", "retry", "leads"], 2, "SUBJECT|POSITION"),
        (&["parked", "try", "leads", "lead-1"], 4, "leads has parked no lead-1"),
        (&["parked", "try", "nothing", "--all"], 4, "not installed"),
        (&["parked", "try", "leads"], 2, "SUBJECT|POSITION"),
        (&["parked", "dismiss", "leads", "lead-1"], 2, "--reason"),
        (&["projection", "resume", "leads", "--by", "kim", "--reason", "r"], 4, "leads is not paused"),
        (&["projection", "resume", "nothing", "--by", "kim", "--reason", "r"], 4, "not installed"),
    ] {
        let output = installation.output(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(part), "{arguments:?}: {}", text(&output.stderr));
    }
    let nobody = installation.command(&["projection", "resume", "leads", "--reason", "r"]);
    let output = { nobody }.env_remove("USER").env_remove("LOGNAME").output().unwrap();
    assert!(text(&output.stderr).contains("--by NAME"), "{}", text(&output.stderr));
    installation.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_read_model_goes_on_when_a_person_says_so() {
    let installation = Installation::new("paused").await;
    installation.json(&["init"]);
    pause(&installation, "leads").await;
    let _running = Running::start(&installation);
    append_good(&installation, "one", "lead-1").await;
    let resume = ["projection", "resume", "leads", "--by", "kim", "--reason", "the fold is mended"];
    let (code, done) = decide(&installation, &resume);
    assert_eq!((code, &done[0]["state"]), (Some(0), &json!("done")), "{done}");
    assert_eq!(installation.output(&resume).status.code(), Some(4), "it is not paused any more");
    let goes_on = || async { installation.output(&["status"]).status.code() == Some(0) };
    eventually(LIMIT, goes_on).await.expect("it is followed again");
    installation.caught_up().await;
    installation.close().await;
}
