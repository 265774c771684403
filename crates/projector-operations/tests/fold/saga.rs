//! Sagas: where each stands and what it waits for; and the stop switch.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use brainops_event::types::saga::{
    AgentsStarted, AgentsStopped, SagaCancelled, SagaEnded, SagaParked, SagaPaused, SagaReacted, SagaResumed,
    SagaStarted, SagaTimerSet,
};
use brainops_event::{Body, Catalog, Recorded, Resolution, SchemaId, TypedEvent, WriterSchema};
use brainops_projection::ReadModel as _;
use brainops_projector_operations::{AgentSwitchRow, OperationTables, ParkedAt, SagaRow};
use brainops_testkit::Records;

use super::*;

const SUBJECT: &str = "desk/lead/7";

/// An event about the saga that all tests are about.
fn about_it<T: TypedEvent>(id: &str, at: i64, mut data: Value) -> Outgoing {
    (data["agent"], data["correlation"]) = (json!("desk"), json!("lead/7"));
    said::<T>(id, SUBJECT, hour(at), data)
}

fn started(run: i32, at: i64) -> Outgoing {
    let data = json!({"run": run, "version": 2, "correlation_id": "flow-1"});
    about_it::<SagaStarted>(&format!("started {run}"), at, data)
}

fn reacted_in(run: i32, revision: i64, status: &str, waits: Value, at: i64) -> Outgoing {
    let data = json!({
        "run": run, "version": 2, "revision": revision, "consumed": ["brainops.lead/0@1", format!("brainops.lead/0@{at}")],
        "status": status, "state_digest": "d", "decisions": [], "waits": waits,
    });
    about_it::<SagaReacted>(&format!("reacted {revision}"), at, data)
}

fn reacted(revision: i64, status: &str, at: i64) -> Outgoing {
    reacted_in(1, revision, status, json!([]), at)
}

fn parked(at: i64) -> Outgoing {
    let data = json!({
        "run": 1, "version": 2, "input": "brainops.lead/0@3", "event_source": "crm", "event_id": "e",
        "reason_class": "refused", "code": "no_amount",
    });
    about_it::<SagaParked>("parked", at, data)
}

fn decided<T: TypedEvent>(id: &str, at: i64) -> Outgoing {
    about_it::<T>(id, at, json!({"decided_by": "kim-7", "reason": "a look"}))
}

fn ended(at: i64) -> Outgoing {
    about_it::<SagaEnded>("ended", at, json!({"run": 1, "outcome": "won", "undone": false, "unheeded": 0}))
}

fn saga_of(events: &[Outgoing]) -> SagaRow {
    let outcome = given(Operations).events(events.iter().cloned()).fold();
    let sagas = outcome.tables().saga.all();
    assert_eq!(sagas.len(), 1);
    sagas[0].clone()
}

/// Waits as the event has them, and as the row has them.
fn waits() -> (Value, Value) {
    let told = json!([
        {"kind": "event", "reason": "a reply", "events": ["outreach.replied", "lead.*"], "since_at": hour(1).timestamp_millis()},
        {"kind": "timer", "reason": "patience", "events": [], "due_at": hour(9).timestamp_millis()},
    ]);
    let kept = json!([
        {"kind": "event", "reason": "a reply", "events": ["outreach.replied", "lead.*"],
         "since_at": brainops_event::format_timestamp(&hour(1)), "due_at": null},
        {"kind": "timer", "reason": "patience", "events": [],
         "since_at": null, "due_at": brainops_event::format_timestamp(&hour(9))},
    ]);
    (told, kept)
}

#[test]
fn a_saga_is_where_its_last_transaction_says_and_waits_for_what_that_says() {
    let (told, kept) = waits();
    let row = saga_of(&[started(1, 1), reacted_in(1, 1, "running", told, 1)]);
    let expected = SagaRow {
        agent: "desk".to_owned(),
        correlation: "lead/7".to_owned(),
        run: 1,
        version: 2,
        status: "running".to_owned(),
        status_since: hour(1),
        revision: 1,
        correlation_id: Some("flow-1".to_owned()),
        started_at: Some(hour(1)),
        last_input: Some("brainops.lead/0@1".to_owned()),
        last_input_at: Some(hour(1)),
        parked: None,
        paused_by: None,
        outcome: None,
        waits: kept,
        changed: row.changed.clone(),
    };
    assert_eq!((&row, row.changed.id.as_str()), (&expected, "reacted 1"));
    let later = saga_of(&[started(1, 1), reacted(1, "running", 1), reacted(2, "running", 4)]);
    assert_eq!(
        (later.status_since, later.last_input_at, later.waits),
        (hour(1), Some(hour(4)), json!([])),
        "it runs since it began, and waits for nothing"
    );
}

#[test]
fn where_it_is_parked_and_who_has_paused_it_is_known_while_it_is() {
    let begun = || vec![started(1, 1), reacted(1, "running", 1)];
    let stands = ParkedAt {
        input: "brainops.lead/0@3".to_owned(),
        class: "refused".to_owned(),
        code: Some("no_amount".to_owned()),
    };
    let mut events = begun();
    events.extend([parked(3), reacted(2, "parked", 3), reacted(3, "parked", 5)]);
    let row = saga_of(&events);
    assert_eq!((row.status.as_str(), row.status_since, row.parked), ("parked", hour(3), Some(stands)));
    events.push(reacted(4, "running", 6));
    let row = saga_of(&events);
    assert_eq!((row.status.as_str(), row.status_since, row.parked), ("running", hour(6), None));

    let mut events = begun();
    events.extend([decided::<SagaPaused>("p", 2), reacted(2, "paused", 2)]);
    let row = saga_of(&events);
    assert_eq!((row.status.as_str(), row.paused_by.as_deref()), ("paused", Some("kim-7")));
    let mut resumed = events.clone();
    resumed.extend([decided::<SagaResumed>("r", 4), reacted(3, "running", 4)]);
    assert_eq!(saga_of(&resumed).paused_by, None);
    events.extend([decided::<SagaCancelled>("c", 5), ended(5), reacted(3, "ended", 5)]);
    let row = saga_of(&events);
    assert_eq!((row.paused_by, row.outcome.as_deref(), row.status.as_str()), (None, Some("won"), "ended"));
}

#[test]
fn a_transaction_may_be_told_before_what_happened_in_it() {
    let (told, kept) = waits();
    let first = [reacted_in(1, 1, "running", told, 1), started(1, 1)];
    let begun = saga_of(&first);
    assert_eq!((begun.started_at, begun.correlation_id.as_deref()), (Some(hour(1)), Some("flow-1")));
    assert_eq!((begun.status.as_str(), begun.waits, begun.revision), ("running", kept, 1));

    let refused = json!([{"input": "brainops.lead/0@2", "reason_class": "panicked", "code": "panicked"},
                         {"input": "brainops.lead/0@3", "reason_class": "refused", "code": "no_amount"}]);
    let reacted_with = |revision: i64, status: &str, refused: Value| {
        let data = json!({
            "run": 1, "version": 2, "revision": revision, "consumed": [], "status": status, "state_digest": "d",
            "decisions": [], "refused": refused,
        });
        about_it::<SagaReacted>(&format!("reacted {revision}"), 3, data)
    };
    let told_after = |revision: i64| {
        let data = json!({
            "run": 1, "version": 2, "input": "brainops.lead/0@3", "event_source": "crm", "event_id": "e",
            "reason_class": "refused", "code": "no_amount", "revision": revision,
        });
        about_it::<SagaParked>(&format!("parked in {revision}"), 3, data)
    };
    let mut events = first.to_vec();
    events.extend([reacted_with(2, "parked", refused.clone()), told_after(2)]);
    let stands = saga_of(&events).parked.unwrap();
    assert_eq!((stands.input.as_str(), stands.code.as_deref()), ("brainops.lead/0@3", Some("no_amount")));
    events.extend([reacted_with(3, "running", refused), told_after(3)]);
    let goes_on = saga_of(&events);
    assert_eq!(
        (goes_on.parked, goes_on.status.as_str()),
        (None, "running"),
        "retried in the same transaction"
    );
    events.extend([reacted(4, "ended", 5), ended(5)]);
    let over = saga_of(&events);
    assert_eq!((over.status.as_str(), over.outcome.as_deref()), ("ended", Some("won")));
}

#[test]
fn a_later_saga_of_the_same_correlation_takes_the_row() {
    let first = [started(1, 1), ended(2), reacted(1, "ended", 2)];
    let next = [started(2, 5), reacted_in(2, 2, "running", json!([]), 5)];
    let row = saga_of(&[&first[..], &next[..]].concat());
    let found = (row.run, row.revision, row.started_at, row.outcome, row.status_since);
    assert_eq!(found, (2, 2, Some(hour(5)), None, hour(5)));
    // the word for both is the same, and yet it began anew
    let row = saga_of(&[started(1, 1), reacted(1, "ended", 2), reacted_in(2, 2, "ended", json!([]), 5)]);
    assert_eq!((row.status_since, row.started_at, row.correlation_id), (hour(5), None, None));
}

#[test]
fn what_is_told_again_and_what_is_void_changes_nothing() {
    let early = saga_of(&[reacted(1, "early", 1), decided::<SagaPaused>("p", 2)]);
    assert_eq!((early.status.as_str(), early.paused_by, early.started_at), ("early", None, None));
    let over = saga_of(&[started(1, 1), ended(2), reacted(1, "ended", 2), decided::<SagaPaused>("p", 3)]);
    assert_eq!((over.paused_by, over.changed.id.as_str()), (None, "reacted 1"));
    let older = about_it::<SagaReacted>(
        "reacted once more",
        9,
        json!({
            "run": 1, "version": 1, "revision": 1, "consumed": [], "status": "running", "state_digest": "d",
            "decisions": [], "waits": [],
        }),
    );
    let row = saga_of(&[started(1, 1), reacted(1, "running", 1), reacted(2, "parked", 2), older]);
    assert_eq!((row.revision, row.status.as_str(), row.version), (2, "parked", 2));
    let nobody = given(Operations).events([decided::<SagaPaused>("p", 2), parked(3), ended(4)]).fold();
    assert_eq!(nobody.tables().saga.all().len(), 0);
    let timer = about_it::<SagaTimerSet>(
        "t",
        1,
        json!({"run": 1, "timer": "patience", "setting": "s", "deadline": hour(2).timestamp_millis()}),
    );
    assert_eq!(given(Operations).events([timer]).fold().tables().saga.all().len(), 0);
}

#[test]
fn an_event_about_another_saga_than_its_subject_is_refused() {
    for subject in ["desk/lead/8", "clerk/lead/7", "desk"] {
        let data = json!({
            "agent": "desk", "correlation": "lead/7", "run": 1, "version": 1, "revision": 1, "consumed": [],
            "status": "running", "state_digest": "d", "decisions": [], "waits": [],
        });
        let outcome = given(Operations).events([said::<SagaReacted>("e", subject, hour(1), data)]).fold();
        assert_eq!(outcome.refused().len(), 1, "{subject}");
        assert!(outcome.tables_so_far().saga.all().is_empty());
    }
}

#[test]
fn an_agent_is_stopped_when_the_last_decision_about_it_says_so() {
    let switch = |number: i64, at: i64| json!({"agent": "desk", "number": number, "decided_by": "kim-7", "reason": format!("at {at}")});
    let stop = |id: &str, number, at| said::<AgentsStopped>(id, "desk", hour(at), switch(number, at));
    let start = |id: &str, number, at| said::<AgentsStarted>(id, "desk", hour(at), switch(number, at));
    let row = |events: &[Outgoing]| -> AgentSwitchRow {
        let outcome = given(Operations).events(events.iter().cloned()).fold();
        outcome.tables().agent_switch.all()[0].clone()
    };
    let stopped = row(&[stop("e1", 1, 1)]);
    let expected = AgentSwitchRow {
        agent: "desk".to_owned(),
        is_stopped: true,
        number: 1,
        decided_by: "kim-7".to_owned(),
        reason: "at 1".to_owned(),
        decided_at: hour(1),
        changed: stopped.changed.clone(),
    };
    assert_eq!(stopped, expected);
    assert!(!row(&[stop("e1", 1, 1), start("e2", 2, 2)]).is_stopped);
    assert!(row(&[stop("e1", 1, 1), start("e2", 2, 2), stop("e3", 3, 3)]).is_stopped);
    let late = row(&[start("e2", 2, 2), stop("e1", 1, 1)]);
    assert_eq!((late.is_stopped, late.number), (false, 2), "the highest number counts");
    let other = said::<AgentsStopped>("e4", "clerk", hour(1), switch(1, 1));
    assert_eq!(given(Operations).events([other]).fold().refused().len(), 1);
}

/// What the program of before wrote, as the reader of the log hands it over: as data of the schema of today.
#[test]
fn a_transaction_told_before_waits_were_is_one_that_waits_for_nothing() {
    let sample: Value =
        serde_json::from_str(include_str!("../../../../schemas/samples/saga/saga_reacted.v1.json")).unwrap();
    let then = WriterSchema::parse(SchemaId::new(1), sample["schema"].as_str().unwrap()).unwrap();
    assert!(!then.text.contains("waits"));
    let now =
        Catalog::builtin().by_name(SagaReacted::SCHEMA).unwrap().writer_schema(SchemaId::new(2)).unwrap();
    let datum = STANDARD.decode(sample["datum"].as_str().unwrap()).unwrap();
    let datum = Resolution::new(&then.avro, &now.avro).unwrap().transcode(&datum).unwrap();
    let told = &sample["means"];
    let (agent, correlation) = (told["agent"].as_str().unwrap(), told["correlation"].as_str().unwrap());

    let mut log = Records::new();
    log.append(said::<SagaReacted>("e1", &format!("{agent}/{correlation}"), hour(1), {
        let mut data = told.clone();
        data["waits"] = json!([]);
        data
    }));
    let record = log.last().unwrap().recorded();
    let event = Recorded { body: Body::Avro { schema: &now, datum: &datum }, ..record };
    let mut tables = OperationTables::default();
    Operations.want(&event, &mut tables).unwrap();
    Operations.fold(&event, &mut tables).unwrap();
    let rows = tables.saga.all();
    let found = (rows[0].agent.as_str(), rows[0].revision, &rows[0].waits);
    assert_eq!(found, (agent, told["revision"].as_i64().unwrap(), &json!([])));
}
