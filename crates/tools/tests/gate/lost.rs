//! The way to Postgres is cut when a call is claimed: its claim or the answer to it is lost, and the call is done once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use brainops_checkpoint::advance::{Claim, Found};
use brainops_checkpoint::{Asked, Keeper, Move, fence_own, move_on, take_over};
use brainops_event::{Offset, Partition, TopicId};
use brainops_projection::PostgresConfig;
use brainops_testkit::{Cut, Proxy, says};
use serde_json::json;

use crate::check::{by_call, check};
use crate::scene::{Scene, asked};

const CALLS: u32 = 8;

/// Each call's claim is cut the first time: nothing else that the gate says to Postgres names the call's word.
async fn claims_are_cut(name: &str, cut: Cut) {
    let scene = Scene::new(name).await;
    let direct = scene.namespace.postgres().clone();
    let known = Arc::new(Mutex::new(BTreeSet::new()));
    let proxy = Proxy::judging(format!("{}:{}", direct.host, direct.port), move || {
        let known = Arc::clone(&known);
        Box::new(move |bytes: &[u8]| {
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            let mut words = (0..CALLS).filter(|number| says(bytes, format!("word-{number}.").as_bytes()));
            let is_new = words.any(|number| known.insert(number));
            if is_new { cut } else { Cut::Not }
        })
    });
    let proxy = proxy.await;
    let through = PostgresConfig { host: "127.0.0.1".to_owned(), port: proxy.port(), ..direct };
    let gate = scene.gate_over(through.pool().await.unwrap());
    for number in 0..CALLS {
        let word = format!("word-{number}.");
        scene.ask(vec![asked("probe.once", &format!("c-{number}"), &json!({ "word": word }))]).await;
        scene.until_ended(i64::from(number) + 1).await;
    }
    let stood = scene.stands().await;
    check(&stood, &scene.lines()).unwrap();
    assert_eq!(scene.lines().len(), CALLS as usize);
    assert_eq!(proxy.cuts(), CALLS as usize, "each claim was cut once");
    for (id, call) in by_call(&stood) {
        let end = call.after.last().unwrap();
        assert_eq!(end.event_type, "tool.call.completed", "{id}: {:?}", end.data);
        assert_eq!(end.data["attempt"], json!(1), "{id} was claimed once");
    }
    gate.stop().await;
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_whose_answer_is_lost_is_found_and_its_call_done() {
    claims_are_cut("toolanswer", Cut::Answer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_is_lost_is_made_again() {
    claims_are_cut("toolquestion", Cut::Question).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_is_still_on_its_way_when_its_fate_is_asked_for_moves_nothing() {
    let scene = Scene::new("toolfence").await;
    let (pool, keeper) =
        (scene.namespace.pool(), Keeper::of_table("calls of tools", "brainops.tool_checkpoint"));
    let place = (scene.namespace.topic("tool"), Partition::new(0).unwrap());
    let (topic_id, next) = (TopicId::new("a-topic").unwrap(), Offset::new(7).unwrap());
    let asked = Asked { place: place.clone(), topic_id: topic_id.clone(), log_start: next };
    let taken = take_over(pool, &keeper, &[asked], |_| ()).await.unwrap();
    let epoch = taken[&place].epoch;
    let moves = |epoch| {
        let claim = Claim { epoch, from: next, through: Offset::new(9).unwrap() };
        let topic_id = topic_id.clone();
        BTreeMap::from([(place.clone(), Move { topic_id, claim, last_digest: None, last_recorded_at: None })])
    };
    let fenced = fence_own(pool, &keeper, &place, epoch).await.unwrap();
    assert_eq!(fenced, Some(Found { epoch: epoch + 1, next }));
    let mut connection = pool.acquire().await.unwrap();
    assert!(move_on(&mut connection, &keeper, &moves(epoch)).await.unwrap().is_empty(), "it came too late");
    assert_eq!(fence_own(pool, &keeper, &place, epoch).await.unwrap(), None, "the epoch is another's");
    assert!(move_on(&mut connection, &keeper, &moves(epoch + 1)).await.unwrap().contains(&place));
    drop(connection);
    scene.close().await;
}
