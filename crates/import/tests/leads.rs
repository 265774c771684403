//! What an import of a lead list promises.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up has failed"
)]

mod support;

use std::collections::HashSet;

use brainops_event::Outgoing;
use brainops_import::leads::{LeadList, LeadReport, LeadsError};
use serde_json::{Value, json};
use support::{MemoryKeys, body, content, wire};

const HEADER: &str = "email,name,company,channel,discovered_at,qualified_at,score,outreach_sent_at,replied_at,\
                      demo_at,won_at,lost_at,disqualified_at,amount,currency";

fn open(text: impl AsRef<[u8]>) -> Result<LeadList, LeadsError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("Spring Fair.csv");
    std::fs::write(&path, text).unwrap();
    LeadList::open(&path, None)
}

fn events(list: LeadList, keys: &MemoryKeys) -> (Vec<Outgoing>, LeadReport) {
    let mut events = list.events(keys);
    let total = events.total();
    let outgoing: Vec<Outgoing> = events.by_ref().map(|event| event.expect("reads")).collect();
    assert_eq!(outgoing.len() as u64, total);
    (outgoing, events.report())
}

fn types(outgoing: &[Outgoing]) -> Vec<&str> {
    outgoing.iter().map(|event| event.envelope.event_type().as_str()).collect()
}

#[test]
fn each_filled_column_is_a_fact_at_its_time() {
    let row = "Ada@Example.org,Ada,Engines Ltd,fair,2026-01-01,2026-01-02T10:00:00+02:00,0.8,2026-01-03,2026-01-04,\
               2026-01-06,2026-01-09,,,1234.5,EUR";
    let list = open(format!("{HEADER}\n{row}\n")).unwrap();
    assert_eq!(list.source().as_str(), "brainops/import/leads/spring-fair");
    let keys = MemoryKeys::new();
    let (outgoing, report) = events(list, &keys);
    assert_eq!(report, LeadReport { leads: 1, leads_erased: 0 });
    let expected = [
        "lead.discovered",
        "lead.qualified",
        "outreach.sent",
        "outreach.replied",
        "lead.demo.scheduled",
        "lead.won",
    ];
    assert_eq!(types(&outgoing), expected);
    let subject = outgoing[0].envelope.subject().as_str();
    assert!(subject.strip_prefix("lead-").is_some_and(|digits| digits.len() == 32), "{subject}");
    assert!(outgoing.iter().all(|event| event.envelope.subject().as_str() == subject));
    assert_eq!(outgoing[1].envelope.time().unwrap().to_rfc3339(), "2026-01-02T08:00:00+00:00");
    assert_eq!(body(&outgoing[1])["score"], json!(0.8));
    let won = body(&outgoing[5]);
    assert_eq!((&won["amount_minor"], &won["currency"]), (&json!(123_450), &json!("EUR")));
    let discovered = body(&outgoing[0]);
    assert_eq!((&discovered["company"], &discovered["channel"]), (&json!("Engines Ltd"), &json!("fair")));
}

#[test]
fn a_person_has_one_id_and_no_plain_name() {
    let keys = MemoryKeys::new();
    let list = |row: &str| open(format!("channel,email,discovered_at,name\n{row}\n")).unwrap();
    let (first, _) = events(list("web,ada@example.org,2026-01-01,Ada Lovelace"), &keys);
    let (second, _) = events(list("fair, ADA@example.org ,2026-02-01,"), &keys);
    assert_eq!(first[0].envelope.subject(), second[0].envelope.subject());
    let wire = String::from_utf8_lossy(&wire(&first[0])).to_lowercase();
    assert!(!wire.contains("ada") && !wire.contains("example"), "{wire}");
    assert_eq!(body(&second[0])["name"], Value::Null);
}

#[test]
fn neighbours_are_about_different_people_and_a_persons_facts_keep_their_order() {
    let rows: String =
        (0..5).map(|number| format!("a{number}@x.y,web,2026-01-01,2026-01-0{}\n", number + 2)).collect();
    let list = open(format!("email,channel,discovered_at,lost_at\n{rows}")).unwrap();
    let (outgoing, _) = events(list, &MemoryKeys::new());
    let (first, second) = outgoing.split_at(5);
    assert!(types(first).iter().all(|kind| *kind == "lead.discovered"));
    assert!(types(second).iter().all(|kind| *kind == "lead.lost"));
    let subjects: HashSet<_> = first.iter().map(|event| event.envelope.subject().clone()).collect();
    assert_eq!(subjects.len(), 5);
}

#[test]
fn a_list_that_is_told_again_is_the_same_and_a_longer_one_adds_to_it() {
    let keys = MemoryKeys::new();
    let header = "email,name,channel,discovered_at,lost_at";
    let told = |text: &str| -> Vec<_> {
        let (outgoing, _) = events(open(format!("{header}\n{text}")).unwrap(), &keys);
        outgoing.iter().map(content).collect()
    };
    let first = told("a@x.y,Ada,web,2026-01-01,\n");
    assert_eq!(told("a@x.y,Ada,web,2026-01-01,\n"), first);
    let longer = told("a@x.y,Ada,web,2026-01-01,2026-01-05\nb@x.y,Bo,web,2026-01-02,\n");
    assert!(longer.len() == 3 && longer.contains(&first[0]));
}

#[test]
fn who_was_erased_stays_erased() {
    let keys = MemoryKeys::new();
    let list = || open("email,name,channel,discovered_at\na@x.y,Ada,web,2026-01-01\n").unwrap();
    keys.forget(events(list(), &keys).0[0].envelope.subject().as_str());
    let (outgoing, report) = events(list(), &keys);
    assert_eq!(report, LeadReport { leads: 1, leads_erased: 1 });
    assert_eq!(body(&outgoing[0])["email"], Value::Null);
}

#[test]
fn spreadsheets_may_add_a_mark_and_quote_fields() {
    let text = "\u{feff}email,company,channel,discovered_at\r\n\"a@x.y\",\"Cogs, \"\"and\"\" Sons\",web,2026-01-01\r\n";
    let (outgoing, _) = events(open(text).unwrap(), &MemoryKeys::new());
    assert_eq!(body(&outgoing[0])["company"], json!("Cogs, \"and\" Sons"));
}

#[test]
fn a_bad_header_names_what_is_accepted() {
    for (header, told) in [
        ("email,channel,discovered_at,telephone", "column \"telephone\" is unknown"),
        ("email,email,channel,discovered_at", "column \"email\" stands there twice"),
        ("email,channel", "column \"discovered_at\" is missing"),
        ("", "is unknown"),
    ] {
        let error = open(format!("{header}\n")).unwrap_err();
        assert!(matches!(error, LeadsError::Header { .. }), "{error}");
        let message = error.to_string();
        assert!(message.contains(told) || header.is_empty(), "{message}");
        assert!(message.contains("email (required)") && message.contains("disqualified_at"), "{message}");
    }
}

/// Each row, the column that is to blame, and a part of what must be said.
const BAD_ROWS: &[(&str, &str, &str)] = &[
    (",,,web,2026-01-01,,,,,,,,,,", "email", "required"),
    ("nobody,,,web,2026-01-01,,,,,,,,,,", "email", "user@host"),
    ("a@b@c,,,web,2026-01-01,,,,,,,,,,", "email", "user@host"),
    ("a@x.y,,,,2026-01-01,,,,,,,,,,", "channel", "required"),
    ("a@x.y,,,web,,,,,,,,,,,", "discovered_at", "2026-01-31"),
    ("a@x.y,,,web,01.02.2026,,,,,,,,,,", "discovered_at", "2026-01-31"),
    ("a@x.y,,,web,2026-02-30,,,,,,,,,,", "discovered_at", "2026-01-31"),
    ("a@x.y,,,web,2026-01-02,2026-01-01,,,,,,,,,", "qualified_at", "before discovered_at"),
    ("a@x.y,,,web,2026-01-01,2026-01-02,1.5,,,,,,,,", "score", "0 to 1"),
    ("a@x.y,,,web,2026-01-01,2026-01-02,NaN,,,,,,,,", "score", "0 to 1"),
    ("a@x.y,,,web,2026-01-01,,0.5,,,,,,,,", "score", "without qualified_at"),
    ("a@x.y,,,web,2026-01-01,,,,,,2026-01-02,,,12.345,EUR", "amount", "2 decimals"),
    ("a@x.y,,,web,2026-01-01,,,,,,2026-01-02,,,12,", "amount", "without currency"),
    ("a@x.y,,,web,2026-01-01,,,,,,2026-01-02,,,,EUR", "currency", "without amount"),
    ("a@x.y,,,web,2026-01-01,,,,,,,,,12,EUR", "amount", "without won_at"),
    ("a@x.y,,,web,2026-01-01,,,,,,2026-01-02,,,12,euro", "currency", "ISO 4217"),
    ("a@x.y,\"Ada\u{7}\",,web,2026-01-01,,,,,,,,,,", "name", "control"),
];

#[test]
fn a_bad_line_names_its_column_and_what_is_accepted() {
    for (row, column, told) in BAD_ROWS {
        let Err(LeadsError::BadLines(bad)) = open(format!("{HEADER}\n{row}\n")) else { panic!("{row}") };
        let fits =
            bad.iter().any(|bad| bad.line == 2 && bad.column == Some(*column) && bad.problem.contains(told));
        assert!(fits, "{row}: {bad:?}");
    }
}

#[test]
fn every_bad_line_is_told_and_nothing_is_imported() {
    let text = "email,channel,discovered_at\na@x.y,web,2026-01-01\nb@x.y,web\nc@x.y,web,never\nA@x.y,web,2026-01-01\n";
    let Err(error @ LeadsError::BadLines(_)) = open(text) else { panic!("refused") };
    let message = error.to_string();
    for told in [
        "3 things",
        "line 3: has 2 fields",
        "line 4, discovered_at",
        "line 5, email: is the address of line 2",
    ] {
        assert!(message.contains(told), "{told} in {message}");
    }
    assert!(!message.contains("x.y"), "no address in {message}");
}

#[test]
fn other_encodings_are_refused_by_line() {
    let text = b"email,name,channel,discovered_at\na@x.y,Jos\xe9,web,2026-01-01\n";
    let Err(LeadsError::BadLines(bad)) = open(text) else { panic!("refused") };
    assert_eq!((bad[0].line, bad[0].problem.contains("UTF-8")), (2, true));
}

#[test]
fn an_unreadable_file_and_an_unusable_name_are_told() {
    let missing = LeadList::open("/nowhere/leads.csv".as_ref(), None).unwrap_err();
    assert!(matches!(missing, LeadsError::Unreadable { .. }));
    let unnamed = LeadList::open("/nowhere/leads.csv".as_ref(), Some("...")).unwrap_err();
    assert!(matches!(unnamed, LeadsError::Name { .. }));
}
