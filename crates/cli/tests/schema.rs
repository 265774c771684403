//! Schemas over time: what `brainops schema` shows, what `init` refuses, and a log that is read with the registry gone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up has failed"
)]

mod support;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use brainops_event::types::lead::LeadLost;
use brainops_event::{SchemaId, WriterSchema, encode_datum, frame};
use brainops_testkit::{Namespace, RawRecord, eventually, said};
use chrono::DateTime;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use support::{Installation, LIMIT, Service, text};

/// An address where nothing answers.
fn closed() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/apis/ccompat/v7", listener.local_addr().unwrap())
}

async fn append_lost(installation: &Installation, id: &str, subject: &str) {
    let event = said::<LeadLost>(id, subject, DateTime::UNIX_EPOCH, json!({"lead_id": subject}));
    installation.namespace.appender().append(event).await.unwrap();
}

/// A record of the type `lead.lost` whose value names a schema.
async fn append_of(namespace: &Namespace, id: &str, value: &[u8]) {
    let headers: [(&str, &[u8]); 6] = [
        ("ce_specversion", b"1.0"),
        ("ce_id", id.as_bytes()),
        ("ce_source", b"tests"),
        ("ce_type", b"lead.lost"),
        ("ce_subject", b"lead-9"),
        ("content-type", b"application/vnd.confluent.avro"),
    ];
    let (topic, key) = (namespace.topic("lead"), Some(&b"lead-9"[..]));
    let record = RawRecord { topic: &topic, partition: None, key, headers: &headers, value: Some(value) };
    namespace.append_raw(record).await;
}

/// A schema of `brainops.lead.LeadLost` with these fields, and how it writes some data.
fn writer(fields: &Value) -> WriterSchema {
    let text = json!({"type": "record", "name": "LeadLost", "namespace": "brainops.lead", "fields": fields});
    WriterSchema::parse(SchemaId::new(1), &text.to_string()).unwrap()
}

async fn register(namespace: &Namespace, writer: &WriterSchema) -> SchemaId {
    let subject = format!("{}-{}", namespace.prefix(), writer.text.len());
    namespace.registry().register_text(&subject, &writer.text).await.unwrap()
}

fn serve(mut command: Command, installation: &Installation, name: &str) -> Service {
    let log = installation.folder.path().join(format!("{name}.log"));
    let file = File::create(&log).unwrap();
    let child =
        command.args(["serve", "--roles", "projectors,relay"]).stdout(Stdio::null()).stderr(file).spawn();
    Service { child: child.unwrap(), log }
}

async fn rows(namespace: &Namespace) -> Vec<String> {
    let mut rows = Vec::new();
    for query in [
        "SELECT to_jsonb(one)::text FROM leads.lead AS one ORDER BY 1",
        "SELECT to_jsonb(one)::text FROM events.event AS one ORDER BY 1",
    ] {
        rows.extend(
            sqlx::query_scalar::<_, String>(AssertSqlSafe(query)).fetch_all(namespace.pool()).await.unwrap(),
        );
    }
    rows
}

/// Waits until every read model of this command's installation has folded all.
async fn caught_up(command: impl Fn() -> Command) {
    let all_in = || async {
        let output = command().args(["--json", "status"]).output().unwrap();
        let status: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let models = status["read_models"].as_array().cloned().unwrap_or_default();
        !models.is_empty() && models.iter().all(|model| model["lag_offsets"] == 0)
    };
    eventually(LIMIT, all_in).await.expect("the read models catch up");
}

#[tokio::test(flavor = "multi_thread")]
async fn history_is_folded_with_the_registry_gone() {
    let gone = Installation::new("gone").await;
    gone.json(&["init"]);
    for number in 0..20 {
        append_lost(&gone, &number.to_string(), &format!("lead-{}", number % 5)).await;
    }
    let older = writer(&json!([{"name": "gone", "type": "long"}, {"name": "lead_id", "type": "string"}]));
    let id = register(&gone.namespace, &older).await;
    let datum = encode_datum(&older.fast, &json!({"gone": 7, "lead_id": "lead-9"})).unwrap();
    append_of(&gone.namespace, "older", &frame(id, &datum)).await;
    // somebody else's schema: told by them, as `init` tells ours
    let told = brainops_event::types::schema::Registered::new("brainops.lead.LeadLost", id, 7, &older.text);
    gone.namespace.appender().append(told.into_outgoing().unwrap()).await.unwrap();

    // the same log in another database, with the registry
    let there = Installation::new("there").await;
    let command = || {
        let mut command = there.command(&[]);
        command.env("BRAINOPS_LOG__PREFIX", gone.namespace.prefix());
        command
    };
    let made = command().arg("init").output().unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    let service = serve(command(), &there, "there");
    caught_up(command).await;
    service.kill();
    let expected = rows(&there.namespace).await;
    assert!(expected.iter().any(|row| row.contains("lead-9")), "{expected:#?}");

    let url = closed();
    let command = || {
        let mut command = gone.command(&["--registry", "log"]);
        command.env("BRAINOPS_REGISTRY__URL", &url);
        command
    };
    let service = serve(command(), &gone, "gone");
    caught_up(command).await;
    assert_eq!(rows(&gone.namespace).await, expected);
    let checked = command().args(["--json", "schema", "check"]).output().unwrap();
    assert!(checked.status.success(), "{}", text(&checked.stdout));
    let refused = command().arg("init").output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("schemas are taken from the log"), "{}", text(&refused.stderr));
    service.kill();
    gone.close().await;
    there.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn schemas_are_told_once_and_listed() {
    let installation = Installation::new("schemas").await;
    installation.json(&["init"]);
    let told = installation.records(&["schema"]).await;
    let listed = installation.json(&["schema", "list"]);
    let listed = listed.as_array().unwrap();
    let lost = listed.iter().find(|schema| schema["subject"] == "brainops.lead.LeadLost").unwrap();
    assert_eq!((&lost["event_types"], &lost["version"]), (&json!(["lead.lost"]), &json!(1)));
    assert!(lost["id"].is_u64() && lost["registered"].as_array().unwrap().contains(&lost["id"]));
    let versions: usize = listed.iter().map(|schema| schema["registered"].as_array().unwrap().len()).sum();
    assert_eq!(told, i64::try_from(versions).unwrap());
    assert_eq!(
        installation.json(&["--registry", "log", "schema", "list"]),
        json!(listed),
        "the log says the same"
    );
    installation.json(&["init"]);
    assert_eq!(installation.records(&["schema"]).await, told, "nothing is told again");
    installation.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_finds_what_cannot_be_read() {
    let installation = Installation::new("check").await;
    installation.json(&["init"]);
    for number in 0..10 {
        append_lost(&installation, &number.to_string(), "lead-1").await;
    }
    let report = installation.json(&["schema", "check"]);
    let form = |report: &Value, schema: &Value| {
        let forms = report["forms"].as_array().unwrap().iter();
        forms
            .clone()
            .find(|form| form["event_type"] == "lead.lost" && form["schema"] == *schema)
            .cloned()
            .unwrap()
    };
    let own =
        report["forms"].as_array().unwrap().iter().find(|form| form["event_type"] == "lead.lost").unwrap();
    assert_eq!((&own["records"], &own["read"], &own["version"]), (&json!(10), &json!(6), &json!(1)));

    let unfit = writer(&json!([{"name": "lead_id", "type": "long"}]));
    let id = register(&installation.namespace, &unfit).await;
    append_of(&installation.namespace, "unfit", &frame(id, &[2])).await;
    append_of(
        &installation.namespace,
        "broken",
        &frame(SchemaId::new(own["schema"].as_str().unwrap().parse().unwrap()), &[9]),
    )
    .await;
    append_of(&installation.namespace, "unknown", &frame(SchemaId::new(1_999_999_999), &[9])).await;
    let output = installation.output(&["--json", "schema", "check", "--topic", "lead", "--sample", "1"]);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let reason = |schema: &Value| form(&report, schema)["failure"]["reason"].as_str().unwrap().to_owned();
    assert_eq!(reason(&json!(id.to_string())), "field lead_id: the writer has long, the reader has string");
    assert!(reason(&own["schema"]).contains("cannot be read"), "{report}");
    assert_eq!(reason(&json!("1999999999")), "the schema registry has no schema 1999999999");
    let shown = text(&installation.output(&["schema", "check", "--topic", "lead"]).stdout);
    assert!(shown.contains("3 of 3 forms cannot be read"), "{shown}");
    let position = form(&report, &json!(id.to_string()))["failure"]["position"].clone();
    assert!(position.as_str().unwrap().contains(".lead/"), "{position}");
    let others = installation.output(&["schema", "check", "--topic", "git", "--topic", "schema"]);
    assert!(others.status.success(), "{}", text(&others.stdout));
    installation.close().await;
}

/// A registry that has every schema but that of `lead.lost`, of which it has an older version.
struct OlderRegistry {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

const OLDER: u32 = 77;

impl OlderRegistry {
    fn start(older: &'static str) -> OlderRegistry {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || answer(stream.unwrap(), older, &kept));
            }
        });
        OlderRegistry { url, asked }
    }
}

fn answer(stream: TcpStream, older: &str, asked: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    reader.read_line(&mut request).unwrap();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap() == 0 || line == "\r\n" {
            break;
        }
        if let Some(found) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = found.trim().parse().unwrap();
        }
    }
    reader.read_exact(&mut vec![0; length]).unwrap();
    let words: Vec<&str> = request.split_whitespace().collect();
    let &[method, path, _] = words.as_slice() else { return };
    asked.lock().unwrap().push(format!("{method} {path}"));
    let lost = "/subjects/brainops.lead.LeadLost";
    let (status, body) = match (method, path) {
        ("POST", path) if path == lost => {
            ("404 Not Found", json!({"error_code": 40403, "message": "no such schema"}))
        }
        ("POST", _) => ("200 OK", json!({"id": 1})),
        ("GET", path) if path.starts_with("/config/") => {
            ("200 OK", json!({"compatibilityLevel": "FULL_TRANSITIVE"}))
        }
        ("GET", path) if path.ends_with("/versions") => ("200 OK", json!([1])),
        ("GET", path) if path.contains("/versions/") => {
            ("200 OK", json!({"id": OLDER, "version": 1, "schema": older}))
        }
        _ => ("200 OK", json!({"schema": older})),
    };
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    reader.get_mut().write_all(format!("{head}{body}").as_bytes()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_changes_is_registered_only_when_the_log_can_still_be_read() {
    let installation = Installation::new("changes").await;
    installation.json(&["init"]);
    let unfit = writer(&json!([{"name": "lead_id", "type": "long"}]));
    append_of(&installation.namespace, "unfit", &frame(SchemaId::new(OLDER), &[2])).await;
    let registry = OlderRegistry::start(String::from(&*unfit.text).leak());
    let mut command = installation.command(&["init"]);
    let refused = command.env("BRAINOPS_REGISTRY__URL", &registry.url).output().unwrap();
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused.stderr));
    let (shown, said) = (text(&refused.stdout), text(&refused.stderr));
    assert!(shown.contains("lead.lost") && shown.contains("1 of 1 forms cannot be read"), "{shown}");
    assert!(said.contains("not registered, since the log holds what they cannot read"), "{said}");
    let asked = registry.asked.lock().unwrap().clone();
    assert!(
        asked.iter().all(|asked| !asked.starts_with("POST") || !asked.ends_with("/versions")),
        "{asked:?}"
    );
    installation.close().await;
}
