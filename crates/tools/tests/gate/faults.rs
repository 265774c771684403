//! Executors that are killed, stopped, robbed, and mistakes that must be seen.

use brainops_fault::Bug;
use brainops_testkit::Stood;
use serde_json::json;

use crate::check::{by_call, check};
use crate::scene::{Scene, asked};

/// Calls beside the one of each kind, so that batches bring several partitions, and are written by transactions of several
/// statements.
const OTHERS: u32 = 20;

/// One call of each kind, and others.
async fn ask(scene: &Scene, others: u32) {
    scene.ask(vec![asked("probe.once", "once-1", &json!({"word": "once"}))]).await;
    scene.ask(vec![asked("probe.again", "again-1", &json!({"word": "again"}))]).await;
    let other = |number: u32| {
        asked("probe.again", &format!("other-{number}"), &json!({"word": format!("other{number}")}))
    };
    scene.ask((0..others).map(other).collect()).await;
}

fn end(stood: &[Stood], id: &str) -> String {
    by_call(stood)[id].after.last().unwrap().event_type.clone()
}

/// An executor dies at a point that it passes with one of two calls; another one takes over.
async fn killed_at(name: &str, point: &str, planted: Option<Bug>) -> Result<Vec<Stood>, String> {
    let scene = Scene::new(name).await;
    let mut dying = scene.process(Some(&format!("{point}=kill")), planted.map(Bug::name));
    let others = if point.starts_with("tool.follow_") { OTHERS } else { 0 };
    ask(&scene, others).await;
    dying.until_dead().await;
    let next = scene.process(None, planted.map(Bug::name));
    let stood = scene.until_ended(2 + i64::from(others)).await;
    let checked = check(&stood, &scene.lines());
    drop(next);
    scene.close().await;
    checked.map(|()| stood)
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_any_two_records_nothing_is_lost_and_once_is_once() {
    for point in [
        "tool.follow_moved",
        "tool.follow_written",
        "tool.follow_claimed",
        "tool.claimed",
        "tool.started",
        "tool.checked",
        "tool.acted",
        "tool.ended",
    ] {
        let stood =
            killed_at("toolkill", point, None).await.unwrap_or_else(|error| panic!("{point}: {error}"));
        assert_eq!(end(&stood, "again-1"), "tool.call.completed", "{point}");
        let once = end(&stood, "once-1");
        match point {
            // the first ones are passed with the gate's own words about a call, too
            "tool.follow_moved"
            | "tool.follow_written"
            | "tool.follow_claimed"
            | "tool.started"
            | "tool.checked"
            | "tool.acted" => {
                assert!(
                    ["tool.call.unknown", "tool.call.completed"].contains(&once.as_str()),
                    "{point}: {once}"
                );
            }
            _ => assert_eq!(once, "tool.call.completed", "{point}"),
        }
    }
}

/// An executor is stopped at a point with its only call; another one takes the call over, and ends it.
async fn stopped_at(point: &str, tool: &str) -> (Scene, Vec<Stood>) {
    let scene = Scene::new("toolstop").await;
    let mut sleeping = scene.process(Some(&format!("{point}=stop")), None);
    scene.ask(vec![asked(tool, "c-1", &json!({"word": "one"}))]).await;
    sleeping.until_stopped().await;
    let next = scene.process(None, None);
    let stood = scene.until_ended(1).await;
    // It was ended by who took over, stopped as it was: there is nobody to wake.
    sleeping.until_dead().await;
    check(&stood, &scene.lines()).unwrap_or_else(|error| panic!("{point}: {error}"));
    drop(next);
    (scene, stood)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_executor_that_sleeps_with_a_call_in_its_hands_is_ended_before_another_one_acts() {
    for (point, tool, expected, acts) in [
        ("tool.claimed", "probe.once", "tool.call.completed", 1),
        ("tool.started", "probe.once", "tool.call.unknown", 0),
        ("tool.checked", "probe.once", "tool.call.unknown", 0),
        ("tool.checked", "probe.again", "tool.call.completed", 1),
        ("tool.acted", "probe.once", "tool.call.unknown", 1),
    ] {
        let (scene, stood) = stopped_at(point, tool).await;
        assert_eq!(end(&stood, "c-1"), expected, "{point} {tool}");
        assert_eq!(scene.lines().len(), acts, "{point} {tool}");
        scene.close().await;
    }
}

/// An executor is stopped before it looks at its claim; its lease is ended by somebody who cannot see its process.
async fn robbed(planted: Option<Bug>) -> usize {
    let scene = Scene::new("toolrobbed").await;
    // Else it may be the renewal of its lease, due when it wakes, that tells it first.
    scene.calm();
    let sleeping = scene.process(Some("tool.started=stop"), planted.map(Bug::name));
    scene.ask(vec![asked("probe.once", "c-1", &json!({"word": "one"}))]).await;
    sleeping.until_stopped().await;
    scene.execute("UPDATE brainops.tool_executor SET ended_at = clock_timestamp()").await;
    sleeping.wake();
    // It begins anew, finds its own call, and says that nobody knows.
    let stood = scene.until_ended(1).await;
    assert!(["tool.call.unknown", "tool.call.completed"].contains(&end(&stood, "c-1").as_str()));
    let acts = scene.lines().len();
    drop(sleeping);
    scene.close().await;
    acts
}

#[tokio::test(flavor = "multi_thread")]
async fn an_executor_whose_lease_was_ended_does_not_act() {
    assert_eq!(robbed(None).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_is_not_looked_at_again_is_seen() {
    assert_eq!(robbed(Some(Bug::ClaimNotCheckedAgain)).await, 1, "the mistake acts");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_act_before_its_record_is_seen() {
    killed_at("toolactfirst", "tool.acted", Some(Bug::ActedBeforeStarted)).await.expect_err("it is seen");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_once_tool_that_is_done_again_is_seen() {
    let scene = Scene::new("toolagain").await;
    let mut dying = scene.process(Some("tool.acted=kill"), Some(Bug::OnceRepeated.name()));
    scene.ask(vec![asked("probe.once", "c-1", &json!({"word": "one"}))]).await;
    dying.until_dead().await;
    let next = scene.process(None, Some(Bug::OnceRepeated.name()));
    let stood = scene.until_ended(1).await;
    check(&stood, &scene.lines()).expect_err("it is seen");
    drop(next);
    scene.close().await;
}
