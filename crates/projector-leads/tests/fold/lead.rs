//! What facts tell of a lead besides its stage.

use brainops_event::types::lead::LeadQualified;
use brainops_event::types::privacy::Sealed;
use brainops_projection::Changed;
use brainops_projector_leads::{LeadId, LeadRow, Leads, Milestones, OutreachCounts, Stage, StageEntryRow};
use brainops_testkit::{Outcome, given, said};
use serde_json::{json, to_value};

use crate::facts::{bounced, hour, reached, reached_with, ready};

fn lead(outcome: &Outcome<Leads>) -> LeadRow {
    outcome.tables().lead.all()[0].clone()
}

fn sealed(byte: u8) -> Sealed {
    Sealed { key_id: format!("k-{}", "0".repeat(32)), nonce: vec![byte; 12], ciphertext: vec![byte; 20] }
}

#[test]
fn every_field_of_every_fact_arrives_and_personal_text_stays_sealed() {
    let (name, email) = (to_value(sealed(1)).unwrap(), to_value(sealed(2)).unwrap());
    let outcome = given(Leads)
        .events([
            reached_with(
                Stage::Discovered,
                1,
                json!({"name": name, "email": email, "company": "Acme", "channel": "fair"}),
            ),
            reached_with(Stage::Qualified, 2, json!({"score": 0.75, "segment": "retail"})),
            ready(3),
            reached(Stage::Contacted, 4),
            bounced(5, true),
            reached(Stage::Replied, 6),
            reached_with(Stage::Demo, 7, json!({"demo_at": hour(100).timestamp_millis()})),
            reached_with(Stage::Disqualified, 8, json!({"reason_code": "too_small"})),
            reached_with(Stage::Lost, 9, json!({"reason_code": "price"})),
            reached_with(Stage::Won, 10, json!({"amount_minor": 120_000, "currency": "EUR"})),
        ])
        .fold();
    let changed = |id: &str, offset: i64| {
        let last = lead(&outcome).changed.position;
        let partition = last.split_once('@').unwrap().0;
        Changed { source: "testkit".to_owned(), id: id.to_owned(), position: format!("{partition}@{offset}") }
    };
    let row = LeadRow {
        lead_id: LeadId("l1".to_owned()),
        stage: Stage::Won,
        stage_entered_at: hour(10),
        channel: Some("fair".to_owned()),
        company: Some("Acme".to_owned()),
        name: Some(sealed(1).to_token()),
        email: Some(sealed(2).to_token()),
        score: Some(0.75),
        segment: Some("retail".to_owned()),
        milestones: Milestones {
            discovered_at: Some(hour(1)),
            qualified_at: Some(hour(2)),
            first_sent_at: Some(hour(4)),
            first_replied_at: Some(hour(6)),
            demo_scheduled_at: Some(hour(7)),
            won_at: Some(hour(10)),
            lost_at: Some(hour(9)),
            disqualified_at: Some(hour(8)),
        },
        demo_at: Some(hour(100)),
        amount_minor: Some(120_000),
        currency: Some("EUR".to_owned()),
        lost_reason_code: Some("price".to_owned()),
        disqualified_reason_code: Some("too_small".to_owned()),
        outreach: OutreachCounts { ready: 1, sent: 1, replied: 1, bounced: 1, bounced_permanently: true },
        first_happened_at: hour(1),
        last_happened_at: hour(10),
        changed: changed("won 10", 9),
    };
    let entry = |stage: Stage, hours: i64, offset: i64| StageEntryRow {
        lead_id: LeadId("l1".to_owned()),
        stage,
        entered_at: hour(hours),
        changed: changed(&format!("{stage} {hours}"), offset),
    };
    let entries = [
        entry(Stage::Discovered, 1, 0),
        entry(Stage::Qualified, 2, 1),
        entry(Stage::Contacted, 4, 3),
        entry(Stage::Replied, 6, 5),
        entry(Stage::Demo, 7, 6),
        entry(Stage::Disqualified, 8, 7),
        entry(Stage::Lost, 9, 8),
        entry(Stage::Won, 10, 9),
    ];
    outcome.expect(|tables| &tables.lead, [row]).expect(|tables| &tables.stage_entry, entries);
}

#[test]
fn outreach_is_counted_and_drafts_and_bounces_move_nothing() {
    let outcome = given(Leads)
        .events([
            ready(5),
            bounced(6, false),
            ready(4),
            reached(Stage::Contacted, 7),
            reached(Stage::Contacted, 8),
        ])
        .fold();
    let counts = OutreachCounts { ready: 2, sent: 2, replied: 0, bounced: 1, bounced_permanently: false };
    assert_eq!(lead(&outcome).outreach, counts);
    assert_eq!((lead(&outcome).stage, lead(&outcome).stage_entered_at), (Stage::Contacted, hour(7)));

    let drafted = given(Leads).events([ready(5), bounced(6, true), ready(4)]).fold();
    let row = lead(&drafted);
    assert_eq!(
        (row.stage, row.stage_entered_at),
        (Stage::Discovered, hour(4)),
        "known since its earliest fact"
    );
    assert_eq!((row.first_happened_at, row.last_happened_at), (hour(4), hour(6)));
    assert!(row.outreach.bounced_permanently);
    assert!(drafted.tables().stage_entry.all().is_empty(), "no fact means a stage");
}

#[test]
fn what_is_told_again_adds_and_never_erases() {
    let outcome = given(Leads)
        .events([
            reached_with(Stage::Discovered, 1, json!({"company": "Acme", "channel": "fair"})),
            reached_with(
                Stage::Discovered,
                2,
                json!({"name": to_value(sealed(1)).unwrap(), "channel": "website"}),
            ),
            reached_with(Stage::Qualified, 3, json!({"score": 0.5, "segment": "retail"})),
            reached_with(Stage::Qualified, 4, json!({"score": 0.9})),
        ])
        .fold();
    let row = lead(&outcome);
    assert_eq!((row.company.as_deref(), row.channel.as_deref()), (Some("Acme"), Some("website")));
    assert_eq!(row.name, Some(sealed(1).to_token()));
    assert_eq!((row.score, row.segment.as_deref()), (Some(0.9), Some("retail")));
    assert_eq!(row.milestones.qualified_at, Some(hour(3)));
}

#[test]
fn reasons_and_amounts_are_those_of_the_end_that_counts() {
    let outcome = given(Leads)
        .events([
            reached_with(Stage::Won, 5, json!({"amount_minor": 500, "currency": "EUR"})),
            reached_with(Stage::Won, 4, json!({"amount_minor": 400, "currency": "USD"})), // recorded late
            reached_with(Stage::Lost, 3, json!({"reason_code": "price"})),
            reached_with(Stage::Lost, 2, json!({"reason_code": "older"})),
        ])
        .fold();
    let row = lead(&outcome);
    assert_eq!((row.amount_minor, row.currency.as_deref()), (Some(500), Some("EUR")));
    assert_eq!(row.lost_reason_code.as_deref(), Some("price"));
}

#[test]
fn an_event_about_another_lead_than_its_subject_is_refused() {
    let stranger = said::<LeadQualified>("e1", "l1", hour(1), json!({"lead_id": "l2"}));
    let outcome = given(Leads).events([stranger]).fold();
    let [(_, error)] = outcome.refused() else { panic!("it is taken") };
    assert!(error.to_string().contains("lead_id is not its subject"), "{error}");
}
