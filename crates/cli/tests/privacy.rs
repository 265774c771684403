//! No personal text stands anywhere in plain: not in records, not in tables, not in logs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up has failed"
)]

mod support;

use brainops_event::{Frontier, Recorded};
use brainops_log::{Item, end_frontier, read};
use support::repository::{AUTHORS, MESSAGE, Repository};
use support::{Installation, text};

const LEADS: [(&str, &str); 2] = [
    ("Hildegunst Wobblethwaite", "hildegunst@lead.example"),
    ("Xaver Plimsollover", "plimsollover@lead.example"),
];

/// Every word that must not be found, in lower case.
fn personal_words() -> Vec<String> {
    let people = AUTHORS.iter().chain(&LEADS);
    let words =
        people.flat_map(|(name, email)| name.split(' ').chain([*email]).chain(email.split('@').next()));
    words.chain([MESSAGE, "personal.example", "lead.example"]).map(str::to_lowercase).collect()
}

fn assert_clean(place: &str, bytes: &[u8]) {
    let found = text(bytes).to_lowercase();
    for word in personal_words() {
        assert!(!found.contains(&word), "{word} stands in {place}");
    }
}

/// Headers, key and body of a record, as the reader gives them; what the Avro bytes hold is looked at raw.
fn bytes_of(event: &Recorded<'_>) -> Vec<u8> {
    let mut bytes = format!("{:?}", event.envelope).into_bytes();
    match &event.body {
        brainops_event::Body::Avro { datum, .. } => bytes.extend_from_slice(datum),
        brainops_event::Body::Json(json) => bytes.extend_from_slice(json.as_bytes()),
        brainops_event::Body::Empty => {}
    }
    bytes
}

async fn records(installation: &Installation) -> Vec<Vec<u8>> {
    let (cluster, registry) = (installation.namespace.cluster(), installation.namespace.registry());
    let topics: Vec<_> = brainops_event::Catalog::builtin()
        .topics()
        .iter()
        .map(|topic| installation.namespace.topic(topic))
        .collect();
    let end = end_frontier(cluster, &topics).await.unwrap();
    let mut reading = read(cluster, registry, &Frontier::new(), &end).await.unwrap();
    let mut records = Vec::new();
    while let Some(batch) = reading.next().await {
        for item in batch.unwrap().items() {
            match &item {
                Item::Event(event) => records.push(bytes_of(event)),
                other => panic!("{other:?}"),
            }
        }
    }
    records
}

/// Every row of every table of the database, as text.
async fn rows(installation: &Installation) -> Vec<(String, String)> {
    let tables = installation
        .texts(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables \
             WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1",
        )
        .await;
    assert!(tables.len() > 10, "{tables:?}");
    let mut rows = Vec::new();
    for table in tables {
        let found = installation.texts(&format!("SELECT t::text FROM {table} AS t")).await;
        rows.extend(found.into_iter().map(|row| (table.clone(), row)));
    }
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn names_addresses_and_messages_are_found_nowhere() {
    let installation = Installation::new("privacy").await;
    installation.json(&["init"]);
    let service = installation.serve();
    let repository = Repository::new(30, 10);
    let list = installation.folder.path().join("fair.csv");
    let lines = LEADS.map(|(name, email)| format!("{email},{name},fair,2026-01-01"));
    std::fs::write(&list, format!("email,name,channel,discovered_at\n{}\n", lines.join("\n"))).unwrap();
    let event = format!(
        r#"{{"specversion":"1.0","id":"1","source":"crm","type":"lead.discovered","subject":"lead-1",
            "data":{{"lead_id":"lead-1","channel":"web","name":"{}","email":"{}"}}}}
           {{"specversion":"1.0","id":"2","source":"crm","type":"other.thing","subject":"x","data":{{"who":"{}"}}}}"#,
        LEADS[0].0, LEADS[0].1, LEADS[1].0
    );
    let file = installation.folder.path().join("events.json");
    std::fs::write(&file, event).unwrap();
    for arguments in [
        &["import", "git", repository.path(), "--deployments-from", "tags"][..],
        &["import", "leads", list.to_str().unwrap()],
        &["events", "append", file.to_str().unwrap()],
        &["events", "tail", "--limit", "1000"],
    ] {
        let output = installation.output(&[&["--json"], arguments].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_clean(&format!("the output of {arguments:?}"), &output.stdout);
        assert_clean(&format!("the log of {arguments:?}"), &output.stderr);
    }
    installation.caught_up().await;
    let records = records(&installation).await;
    assert!(records.len() > 40, "{}", records.len());
    records.iter().for_each(|record| assert_clean("a record", record));
    let rows = rows(&installation).await;
    assert!(rows.iter().any(|(_, row)| row.contains("sealed.v1.")), "sealed texts are there");
    rows.iter().for_each(|(table, row)| assert_clean(table, row.as_bytes()));
    assert_clean("the log of the service", service.log_text().as_bytes());
    assert!(!service.log_text().is_empty());
    installation.close().await;
}

/// The test above can fail: what it looks for is found where it stands.
#[test]
#[should_panic(expected = "stands in a note")]
fn a_name_in_plain_is_found() {
    assert_clean("a note", format!("seen: {}", AUTHORS[2].1).as_bytes());
}
