//! What the gate refuses, and what it says then.

use serde_json::{Value, json};

use crate::check::{by_call, check};
use crate::scene::{Scene, asked, asked_by};

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_done_is_denied_with_the_reason_and_leaves_nothing() {
    let scene = Scene::new("tooldenied").await;
    let gate = scene.gate();
    let word = |word: &str| json!({ "word": word });
    let person = "somewhere";
    let cases = [
        (asked("probe.unheard", "a-1", &word("a")), "unknown_tool", "tool"),
        (asked("probe.once", "b-1", &json!({})), "bad_arguments", "."),
        (asked("probe.once", "c-1", &json!({"word": 7})), "bad_arguments", "word"),
        (asked("probe.once", "d-1", &json!({"word": "d", "more": 1})), "bad_arguments", "more"),
        (asked_by("brainops/agent/tester", "probe.once", "e-1", "{\"word\""), "bad_arguments", "."),
        (asked_by("brainops/agent/tester", "probe.once", "f-1", "[]"), "bad_arguments", "."),
        (asked("probe.once", "g-1", &word("forbidden")), "forbidden", ""),
        (asked("probe.grave", "h-1", &word("h")), "needs_approval", ""),
        (asked_by(person, "probe.again", "i-1", "{\"word\":\"i\"}"), "not_permitted", ""),
    ];
    scene.ask(cases.iter().map(|(call, ..)| call.clone()).collect()).await;
    let stood = scene.until_ended(9).await;
    let calls = by_call(&stood);
    for (call, code, field) in &cases {
        let told = &calls[call.envelope.id().as_str()];
        let [denied] = told.after[..] else { panic!("{told:?}") };
        assert_eq!(denied.event_type, "tool.call.denied");
        assert_eq!(denied.data["reason_code"], *code, "{told:?}");
        let expected = if field.is_empty() { Value::Null } else { json!(field) };
        assert_eq!(denied.data["field"], expected, "{told:?}");
        let says_more = ["forbidden", "not_permitted"].contains(code) || denied.data["accepted"].is_string();
        assert!(says_more, "{told:?}");
    }
    assert_eq!(calls["g-1"].after[0].data["policies"], json!(["never-the-forbidden-word"]));
    check(&stood, &scene.lines()).unwrap();
    assert_eq!(scene.lines(), Vec::<String>::new());
    gate.stop().await;
    scene.close().await;
}

/// What the caller has named would be said twice, and find no room in a record: the call would never end.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_named_at_great_length_is_refused_in_short() {
    let scene = Scene::new("toollong").await;
    let gate = scene.gate();
    let long = "x".repeat(520_000);
    let mut unheard_of = json!({"word": "a"});
    unheard_of[&long] = json!(1);
    let calls = vec![asked("probe.once", "a-1", &unheard_of), asked(&long, "b-1", &json!({"word": "b"}))];
    scene.ask(calls).await;
    let stood = scene.until_ended(2).await;
    let calls = by_call(&stood);
    let denied = |id: &str| calls[id].after[0].data.clone();
    assert_eq!(denied("a-1")["field"], "x".repeat(4_000));
    assert_eq!(
        (&denied("b-1")["reason_code"], &denied("b-1")["tool"]),
        (&json!("unknown_tool"), &json!("x".repeat(200)))
    );
    gate.stop().await;
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_asks_too_often_in_an_hour_is_refused_by_the_policy() {
    let scene = Scene::new("tooloften").await;
    let gate = scene.gate();
    let call = |number: u32| {
        asked_by("shop", "probe.once", &format!("c{number}-1"), &format!("{{\"word\":\"w{number}\"}}"))
    };
    scene.ask((1..=5).map(call).collect()).await;
    let stood = scene.until_ended(5).await;
    let calls = by_call(&stood);
    let denied: Vec<&str> = calls
        .iter()
        .filter(|(_, told)| told.after[0].event_type == "tool.call.denied")
        .map(|(id, _)| id.as_str())
        .collect();
    assert_eq!(denied, ["c4-1", "c5-1"]);
    gate.stop().await;
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_say_of_a_call_in_the_gates_words_changes_nothing() {
    use brainops_event::types::tool::CallCompleted;
    use brainops_event::{Envelope, EventId, EventType, Outgoing, Source, Subject, TypedEvent as _};
    let scene = Scene::new("toolforged").await;
    let envelope = Envelope::new(
        EventId::new("forged").unwrap(),
        Source::new("somebody").unwrap(),
        EventType::new(CallCompleted::EVENT_TYPE).unwrap(),
        Subject::new("tester/1").unwrap(),
    );
    let forged = CallCompleted {
        call_source: "brainops/agent/tester".to_owned(),
        call_id: "c-1".to_owned(),
        call_subject: "tester/1".to_owned(),
        tool: "probe.once".to_owned(),
        attempt: 1,
        result: Some("{}".to_owned()),
        result_object: None,
        result_bytes: 2,
        duration_ms: 1,
        cost_micros: None,
    };
    let call = asked("probe.once", "c-1", &json!({"word": "one"}));
    scene.ask(vec![call, Outgoing::typed(envelope, &forged).unwrap()]).await;
    let gate = scene.gate();
    scene.until_ended(1).await;
    assert_eq!(scene.lines(), ["one"], "it was done all the same");
    gate.stop().await;
    scene.close().await;
}
