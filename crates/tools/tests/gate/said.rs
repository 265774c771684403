//! What the gate says of a call that passes.

use serde_json::{Value, json};

use crate::check::{by_call, check};
use crate::scene::{Scene, asked};

#[tokio::test(flavor = "multi_thread")]
async fn a_call_passes_and_everything_is_said_in_its_order() {
    let scene = Scene::new("toolwalk").await;
    let gate = scene.gate();
    scene.ask(vec![asked("probe.once", "c-1", &json!({"word": "one"}))]).await;
    let stood = scene.until_ended(1).await;
    let types: Vec<&str> = stood.iter().map(|one| one.event_type.as_str()).collect();
    let expected =
        ["tool.call.requested", "tool.call.authorized", "tool.call.started", "tool.call.completed"];
    assert_eq!(types, expected);
    for one in &stood[1..] {
        assert_eq!((one.source.as_str(), one.subject.as_str()), ("brainops/tool", "tester/1"));
        assert_eq!(one.causation_id.as_deref(), Some("c-1"));
        assert_eq!(one.correlation_id.as_deref(), Some("flow/c-1"));
        assert_eq!(
            (&one.data["call_source"], &one.data["call_id"]),
            (&json!("brainops/agent/tester"), &json!("c-1"))
        );
    }
    let authorized = &stood[1].data;
    assert_eq!(authorized["principal"], "Agent::\"tester\"");
    assert_eq!(authorized["policies"], json!(["agents-probe"]));
    assert_eq!(authorized["arguments_digest"].as_str().map(str::len), Some(64));
    assert_eq!(authorized["policy_digest"].as_str().map(str::len), Some(64));
    assert_eq!(stood[2].data["attempt"], 1);
    let result: Value = serde_json::from_str(stood[3].data["result"].as_str().unwrap()).unwrap();
    assert_eq!(result["word"], "one");
    assert_eq!(stood[3].data["cost_micros"], 1_500);
    check(&stood, &scene.lines()).unwrap();
    gate.stop().await;
    assert_eq!(scene.count("SELECT count(*) FROM brainops.tool_executor WHERE ended_at IS NULL").await, 0);
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_and_what_panics_is_said_and_the_next_call_is_done() {
    let scene = Scene::new("toolfails").await;
    let gate = scene.gate();
    let calls = [("fails", "f-1"), ("panics", "p-1"), ("well", "w-1")];
    scene
        .ask(calls.map(|(ends, id)| asked("probe.once", id, &json!({"word": ends, "ends": ends}))).to_vec())
        .await;
    let stood = scene.until_ended(3).await;
    let calls = by_call(&stood);
    let end = |id: &str| calls[id].after.last().unwrap().data.clone();
    assert_eq!(
        (&end("f-1")["reason_code"], &end("f-1")["detail"]),
        (&json!("broken"), &json!("as it was told"))
    );
    assert_eq!(
        (&end("p-1")["reason_code"], &end("p-1")["is_without_effect"]),
        (&json!("panicked"), &json!(false))
    );
    assert_eq!(end("f-1")["cost_micros"], 1_500);
    assert!(end("w-1")["result"].is_string());
    check(&stood, &scene.lines()).unwrap();
    gate.stop().await;
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_too_large_for_an_event_is_kept_under_its_digest() {
    let scene = Scene::new("toollarge").await;
    let gate = scene.gate();
    scene.ask(vec![asked("probe.again", "l-1", &json!({"word": "large", "bytes": 900_000}))]).await;
    let stood = scene.until_ended(1).await;
    let completed = &stood.last().unwrap().data;
    assert_eq!(completed["result"], Value::Null);
    let name = completed["result_object"].as_str().unwrap();
    let kept =
        brainops_tools::Objects::folder(&scene.folder().join("objects")).unwrap().find(name).await.unwrap();
    assert_eq!(json!(kept.len()), completed["result_bytes"]);
    let result: Value = serde_json::from_slice(&kept).unwrap();
    assert_eq!(result["word"], "large");
    gate.stop().await;
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_were_asked_for_while_no_gate_was_there_are_done_once_by_two() {
    let scene = Scene::new("tooltwo").await;
    let call = |number: u32| {
        let tool = if number.is_multiple_of(2) { "probe.once" } else { "probe.again" };
        asked(tool, &format!("c-{number}"), &json!({"word": format!("w{number}")}))
    };
    scene.ask((1..=60).map(call).collect()).await;
    let (one, other) = (scene.gate(), scene.gate());
    scene.ask((61..=120).map(call).collect()).await;
    // Said again, by a producer that does not know: it is the same call.
    scene.ask((1..=10).map(call).collect()).await;
    let stood = scene.until_ended(120).await;
    check(&stood, &scene.lines()).unwrap();
    assert_eq!(scene.lines().len(), 120);
    let completed = "SELECT count(*) FROM brainops.tool_call WHERE state = 'completed' AND attempt = 1";
    assert_eq!(scene.count(completed).await, 120);
    one.stop().await;
    other.stop().await;
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_made_again_from_the_log_does_nothing_again() {
    let scene = Scene::new("toolremade").await;
    let gate = scene.gate();
    let call =
        |number: u32| asked("probe.once", &format!("c-{number}"), &json!({"word": format!("w{number}")}));
    scene.ask((1..=20).map(call).collect()).await;
    scene.until_ended(20).await;
    gate.stop().await;
    scene.execute("TRUNCATE brainops.tool_call, brainops.tool_checkpoint, brainops.tool_executor, brainops.tool_asked").await;
    let gate = scene.gate();
    let stood = scene.until_ended(20).await;
    check(&stood, &scene.lines()).unwrap();
    assert_eq!(scene.lines().len(), 20);
    gate.stop().await;
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_act_tells_holds_no_secret() {
    let scene = Scene::new("toolsecret").await;
    let gate = scene.gate();
    let told = json!({"word": "one", "ends": "tells"});
    let complains = json!({"word": "two", "ends": "complains"});
    scene.ask(vec![asked("probe.again", "c-1", &told), asked("probe.again", "c-2", &complains)]).await;
    let stood = scene.until_ended(2).await;
    let end = |id: &str| by_call(&stood)[id].after.last().unwrap().data.clone();
    let result: serde_json::Value = serde_json::from_str(end("c-1")["result"].as_str().unwrap()).unwrap();
    assert_eq!(result["told"], json!(["it is [secret probe]!"]));
    assert_eq!(end("c-2")["detail"], json!("[secret probe] is refused"));
    assert!(stood.iter().all(|one| !one.data.to_string().contains(crate::probe::SECRET)));
    gate.stop().await;
    scene.close().await;
}
