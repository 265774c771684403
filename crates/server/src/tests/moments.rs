//! Questions about the past: which are understood, and what is said while a moment is made.
use std::time::Duration;

use brainops_event::{Frontier, Offset, Partition, Timestamp, TopicName};
use brainops_projection::{
    Clock, Generation, GenerationKind, ListedMoment, ModelName, MomentAt, MomentState, RebuildProgress,
    RebuildState,
};
use serde_json::json;

use super::support::House;
use crate::moments::MomentRefusal;

const DOORS: &[&str] =
    &["/leads", "/leads/funnel", "/deployments", "/deployments/dora", "/agents", "/sagas/waits"];

fn moment(is_ready: bool) -> ListedMoment {
    let mut frontier = Frontier::new();
    let (partition, next) = (Partition::new(0).unwrap(), Offset::new(17).unwrap());
    frontier.set(TopicName::new("brainops.lead").unwrap(), partition, next);
    let read_model = ModelName::new("leads").unwrap();
    let kind = GenerationKind::Moment;
    let progress = RebuildProgress {
        state: RebuildState::Running,
        reason: None,
        goal: frontier.clone(),
        partitions: 1,
        partitions_done: 0,
        offsets: 16,
        offsets_read: 8,
        offsets_folded: 4,
        workers: Vec::new(),
        is_indexing: false,
        seconds: 1.0,
        started_at: Timestamp::UNIX_EPOCH,
    };
    ListedMoment {
        state: MomentState {
            generation: Generation { read_model, number: 9, fold_version: 1, kind },
            is_ready,
            frontier,
            happened_to: None,
            making: RebuildState::Running,
            reason: None,
            expires_at: Some(Timestamp::UNIX_EPOCH),
        },
        asked: json!({ "clock": "recorded", "at": "2026-10-01T00:00:00.000Z" }),
        progress: (!is_ready).then_some(progress),
    }
}

#[tokio::test]
async fn wrong_moments_are_named_and_nothing_is_begun() {
    let house = House::new();
    for (parameters, field) in [
        ("as_of=yesterday", "as_of"),
        ("as_of=2026-13-01", "as_of"),
        ("as_of=2026-10-01T00:00", "as_of"),
        ("as_of=brainops.lead/x@1", "as_of"),
        ("as_of=%7B", "as_of"),
        ("as_of=%7B%7D", "as_of"),
        ("as_of=", "as_of"),
        ("as_of=2026-10-01&as_of=2026-10-02", "as_of"),
        ("as_of=2026-10-01&clock=Happened", "clock"),
        ("as_of=2026-10-01&clock=happened&fresh=false", "fresh"),
        ("as_of=2026-10-01&fresh=true", "fresh"),
        ("clock=recorded", "clock"),
        ("fresh=true", "fresh"),
    ] {
        for door in DOORS {
            let document = house.get(&format!("{door}?{parameters}")).await.wrong_field(400, field);
            assert!(!document.to_string().contains("yesterday"), "{document}");
        }
    }
    let long = format!("/leads?as_of={}", "1".repeat(16_385));
    house.get(&long).await.wrong_field(400, "as_of");
    for path in ["/events?source=a&id=b&as_of=2026-10-01", "/projections?as_of=2026-10-01"] {
        house.get(path).await.wrong_field(400, "as_of");
    }
    assert!(house.moments.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn who_asks_and_what_is_handed_on() {
    let house = House::new();
    house.get("/leads?as_of=2026-10-01T02:00%2B02:00").await.problem(503);
    house.get("/deployments/dora?as_of=2026-10-01&clock=happened&fresh=true").await.problem(503);
    house.get("/deployments?as_of=brainops.git/0@3&clock=recorded").await.problem(503);
    let asked = house.moments.asked.lock().unwrap();
    let day: MomentAt = "2026-10-01".parse().unwrap();
    let frontier: MomentAt = "brainops.git/0@3".parse().unwrap();
    for (one, (read_model, at, clock, fresh)) in asked.iter().zip([
        ("leads", &day, Clock::Recorded, false),
        ("deployments", &day, Clock::Happened, true),
        ("deployments", &frontier, Clock::Recorded, false),
    ]) {
        assert_eq!((one.read_model, one.asked_by, one.fresh), (read_model, "operator", fresh));
        assert_eq!((&one.question.at, one.question.clock), (at, clock));
    }
    assert_eq!(asked.len(), 3);
}

#[tokio::test]
async fn while_it_is_made_the_answer_says_where_to_look() {
    let house = House::new();
    *house.moments.answer.lock().unwrap() = Some(Ok(moment(false)));
    for door in DOORS {
        let answer = house.get(&format!("{door}?as_of=2026-10-01")).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        assert_eq!(answer.headers["location"], "/projections/leads/moments/9");
        assert_eq!(answer.headers["retry-after"], "1");
        let expected = json!({
            "read_model": "leads", "number": 9, "schema": "leads_asof_9", "state": "making",
            "asked": {"clock": "recorded", "at": "2026-10-01T00:00:00.000Z"},
            "frontier": {"brainops.lead/0": "17"}, "happened_to": null,
            "progress": {"share": 0.375, "events_folded": 4, "events": 16},
            "expires_at": "1970-01-01T00:00:00.000Z",
        });
        assert_eq!(answer.json(), expected);
    }
    house.get("/leads?as_of=2026-10-01&cursor=W10").await.wrong_field(400, "cursor");
}

#[tokio::test]
async fn refusals_say_whether_trying_again_helps() {
    let house = House::new();
    let retry_after = Duration::from_secs(2);
    let expected = "a time that has come".to_owned();
    for (refusal, status, waits) in [
        (MomentRefusal::TooMany { limit: 3, retry_after }, 429, Some("2")),
        (MomentRefusal::NotBegun, 503, Some("1")),
        (MomentRefusal::Unavailable, 503, Some("1")),
        (MomentRefusal::NotInstalled, 503, Some("1")),
        (MomentRefusal::HistoryGone, 410, None),
        (MomentRefusal::Fault, 500, None),
        (MomentRefusal::NoSuchMoment { expected, found: "a time that has not come yet" }, 400, None),
    ] {
        *house.moments.answer.lock().unwrap() = Some(Err(refusal));
        for door in DOORS {
            let answer = house.get(&format!("{door}?as_of=2026-10-01")).await;
            answer.problem(status);
            assert_eq!(answer.headers.get("retry-after").map(|value| value.to_str().unwrap()), waits);
        }
    }
    house.get("/leads?as_of=2026-10-01").await.wrong_field(400, "as_of");
}

#[tokio::test]
async fn one_that_is_ready_is_read_from_postgres() {
    let house = House::new();
    *house.moments.answer.lock().unwrap() = Some(Ok(moment(true)));
    for door in DOORS {
        let answer = house.get(&format!("{door}?as_of=2026-10-01")).await;
        answer.problem(503); // nobody listens there
        assert!(!answer.text.contains("asof"), "{}", answer.text);
    }
}

#[tokio::test]
async fn jobs_are_asked_for_by_number() {
    let house = House::new();
    house.get("/projections/leads/moments/x").await.problem(404);
    house.get("/projections/leads/moments/99999999999").await.problem(404);
    house.get("/projections/leads_g1/moments").await.problem(404);
    house.get("/projections/pg_catalog/moments/1").await.problem(404);
    house.get("/projections/leads/moments?x=1").await.wrong_field(400, "x");
    for path in ["/projections/leads/moments", "/projections/leads/moments/9"] {
        house.get(path).await.problem(503);
    }
}
