//! Single events in and out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up has failed"
)]

mod support;

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Output, Stdio};

use brainops_event::types::lead::LeadLost;
use brainops_event::{Envelope, EventId, EventType, Outgoing, Source, Subject, TypedEvent as _};
use serde_json::{Value, json};
use support::{Installation, text};

fn lost(id: u32, subject: &str) -> String {
    json!({
        "specversion": "1.0", "id": id.to_string(), "source": "crm", "type": "lead.lost", "subject": subject,
        "data": {"lead_id": subject, "reason_code": "price"},
    })
    .to_string()
}

fn lost_again(id: &str, subject: &str) -> Outgoing {
    let envelope = Envelope::new(
        EventId::new(id).unwrap(),
        Source::new("crm").unwrap(),
        EventType::new(LeadLost::EVENT_TYPE).unwrap(),
        Subject::new(subject).unwrap(),
    );
    Outgoing::typed(envelope, &LeadLost { lead_id: subject.to_owned(), reason_code: None }).unwrap()
}

fn append(installation: &Installation, input: &str) -> Output {
    let mut child = installation
        .command(&["--json", "events", "append", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_appended_can_be_tailed_and_shown() {
    let installation = Installation::new("events").await;
    installation.json(&["init"]);
    let _service = installation.serve();
    let appended = append(
        &installation,
        &format!("{}\n[{},{}]\n", lost(1, "lead-1"), lost(2, "lead-2"), lost(3, "lead-3")),
    );
    assert!(appended.status.success(), "{}", text(&appended.stderr));
    let ids: Vec<Value> = lines(&appended).iter().map(|line| line["id"].clone()).collect();
    assert_eq!(ids, [json!("1"), json!("2"), json!("3")]);

    let tail = |arguments: &[&str]| {
        lines(&installation.output(&[&["--json", "events", "tail", "--topic", "lead"], arguments].concat()))
    };
    assert_eq!(tail(&[]).len(), 3);
    assert_eq!(tail(&["--limit", "2"]).len(), 2);
    assert_eq!(tail(&["--type", "lead.lost"]).len(), 3);
    assert_eq!(tail(&["--type", "lead.won"]).len(), 0);
    assert_eq!(tail(&[])[0]["event"]["authid"], json!("operator"));

    installation.caught_up().await;
    let shown = installation.json(&["events", "show", "crm", "2"]);
    assert_eq!(shown["event"]["data"], json!({"lead_id": "lead-2", "reason_code": "price"}));
    let unknown = installation.output(&["events", "show", "crm", "99"]);
    assert_eq!(unknown.status.code(), Some(4));
    assert!(text(&unknown.stderr).contains("no event 99 of crm"));

    let again = append(&installation, &lost(1, "lead-1"));
    assert!(again.status.success());
    let (first, again) = (&lines(&appended)[0], &lines(&again)[0]);
    assert_eq!((&first["repeated"], &again["repeated"]), (&json!(false), &json!(true)));
    assert_eq!((&first["partition"], &first["offset"]), (&again["partition"], &again["offset"]));
    let other = append(&installation, &lost(1, "lead-1").replace("price", "timing"));
    assert_eq!(other.status.code(), Some(1));
    let place = format!("{}/{}@{}", first["topic"], first["partition"], first["offset"]).replace('"', "");
    assert!(text(&other.stderr).contains(&place), "{}", text(&other.stderr));
    assert_eq!(tail(&[]).len(), 3, "nothing was appended again");

    // Who appends past the platform may repeat; every reader leaves it out, and tailing says so.
    installation.namespace.appender().append(lost_again("1", "lead-1")).await.unwrap();
    installation.caught_up().await;
    assert_eq!(installation.count("SELECT count(*) FROM events.event WHERE source = 'crm'").await, 3);
    assert_eq!(tail(&[]).last().unwrap()["verdict"], json!("duplicate"));
    installation.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_appended_when_anything_is_wrong() {
    let installation = Installation::new("faults").await;
    installation.json(&["init"]);
    let wrong = lost(2, "lead-2").replace("reason_code", "reason");
    let refused = append(&installation, &format!("{}\n{wrong}\n", lost(1, "lead-1")));
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("value 2: data"), "{}", text(&refused.stderr));
    let own = append(&installation, &lost(1, "lead-1").replace("crm", "brainops/import/leads/x"));
    assert!(text(&own.stderr).contains("platform's own"), "{}", text(&own.stderr));
    assert_eq!(installation.records(&["lead"]).await, 0);
    installation.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn following_shows_what_comes_and_ends_with_its_reader() {
    let installation = Installation::new("follow").await;
    installation.json(&["init"]);
    let mut child = installation
        .command(&["--json", "events", "tail", "--topic", "lead", "--follow", "--limit", "1"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(child.stdout.take().unwrap()).lines();
    for number in 1..=2 {
        assert!(append(&installation, &lost(number, "lead-1")).status.success());
        let line: Value = serde_json::from_str(&told.next().unwrap().unwrap()).unwrap();
        assert_eq!(line["event"]["id"], json!(number.to_string()));
    }
    drop(told);
    assert!(append(&installation, &lost(3, "lead-1")).status.success());
    assert_eq!(child.wait().unwrap().code(), Some(0), "a reader that has gone is no error");
    installation.close().await;
}
