//! What sagas no longer need goes after its time, and nothing goes wrong for it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test says what must hold")]

mod common;

use brainops_event::Recorded;
use brainops_log::{end_frontier, start_frontier};
use brainops_saga::{
    Agent, Book, Cast, Forgotten, Input, Refusal, RetentionConfig, Route, Selection, Turn, Wait, find,
    forget, payload, replay,
};
use common::{AGENT, Counted, Scene, Tally, TallyState, count, count_with};

/// The counting agent, which begins anew where one has ended.
#[derive(Debug, Clone, Copy, Default)]
struct Anew(Tally);

impl Agent for Anew {
    type State = TallyState;

    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn version(&self) -> u32 {
        1
    }

    fn topics(&self) -> &'static [&'static str] {
        self.0.topics()
    }

    fn route(&self, event: &Recorded<'_>) -> Result<Route, Refusal> {
        match event.envelope.event_type() {
            "agent.task.count" => Ok(Route::begins_again(payload::<Counted>(event)?.of)),
            _ => Ok(Route::nobody()),
        }
    }

    fn react(&self, state: &mut TallyState, input: &Input<'_>, turn: &mut Turn) -> Result<(), Refusal> {
        self.0.react(state, input, turn)
    }

    fn waits_for(&self, state: &TallyState) -> Vec<Wait> {
        self.0.waits_for(state)
    }
}

const WEEK: RetentionConfig = RetentionConfig { keep_hours: 168 };

/// Lets the clock of sagas go on so many days ahead.
async fn go_ahead(scene: &Scene, days: u32) {
    let sql = format!(
        "CREATE OR REPLACE FUNCTION brainops.saga_clock() RETURNS timestamptz LANGUAGE sql STABLE
             AS $$ SELECT statement_timestamp() + interval '{days} days' $$"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&scene.stage.pool).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_saga_is_reduced_after_its_time_and_the_next_one_goes_on_from_there() {
    let scene = Scene::new("sagareduced").await;
    let running = scene.run(Anew::default());
    scene.append(vec![count("a", 1), count_with("a", 2, 0, "end"), count("b", 1)]).await;
    scene.until_settled().await;
    assert_eq!(forget(&scene.stage.pool, WEEK).await.unwrap(), Forgotten::default(), "its time has not come");
    go_ahead(&scene, 8).await;
    let forgotten = forget(&scene.stage.pool, WEEK).await.unwrap();
    assert_eq!(forgotten, Forgotten { inputs: 3, sagas: 1 }, "while the agent runs; b has not ended");
    assert_eq!(forget(&scene.stage.pool, WEEK).await.unwrap(), Forgotten::default());
    let ended = find(&scene.stage.pool, AGENT, "a").await.unwrap().unwrap();
    let left = Book {
        correlation_id: ended.book.correlation_id.clone(),
        next_kept: ended.book.next_kept,
        outcome: Some("counted".to_owned()),
        ..Book::default()
    };
    assert!(ended.is_reduced() && ended.book == left, "{ended:?}");
    assert_eq!((ended.run, ended.status()), (1, "ended"));
    assert!(!ended.book.correlation_id.is_empty());

    scene.append(vec![count("a", 3), count("a", 4)]).await;
    scene.until_settled().await;
    let next = find(&scene.stage.pool, AGENT, "a").await.unwrap().unwrap();
    assert_eq!((next.run, next.status()), (2, "running"));
    assert!(next.revision > ended.revision && !next.is_reduced());
    assert_eq!(scene.saga("a").await.unwrap().0["seen"], serde_json::json!([3, 4]));
    running.stop().await;
    let topics = ["agent", "saga"].map(|name| scene.namespace.topic(name));
    let cluster = scene.namespace.cluster();
    let (from, to) =
        (start_frontier(cluster, &topics).await.unwrap(), end_frontier(cluster, &topics).await.unwrap());
    let selection = Selection { correlation: None, from, to };
    let cast = Cast::of(Anew::default()).unwrap();
    let again = replay(&cast, &cluster.read_only(), scene.namespace.registry(), &selection).await.unwrap();
    assert_eq!((again.sagas, again.differing, again.unfinished), (2, 0, 0), "{:?}", again.first_divergence());
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_that_was_taken_before_its_turn_is_known_until_its_turn_has_come() {
    let scene = Scene::new("sagaearly").await;
    let running = scene.run(Tally::default());
    scene.append(vec![count("a", 1)]).await;
    scene.until_settled().await;
    running.stop().await;
    // As if it had been taken ahead of a batch that never came: the checkpoints are before it.
    scene.execute("UPDATE brainops.saga_inbox SET passed_at = 'infinity'").await;
    scene.execute("UPDATE brainops.saga_checkpoint SET next_offset = 0, last_digest = NULL").await;
    go_ahead(&scene, 80).await;
    assert_eq!(forget(&scene.stage.pool, WEEK).await.unwrap().inputs, 0);
    let running = scene.run(Tally::default());
    scene.until_settled().await;
    assert_eq!(scene.saga("a").await.unwrap().0["seen"], serde_json::json!([1]), "it is not taken again");
    assert_eq!(scene.count("SELECT count(*) FROM brainops.saga_inbox WHERE passed_at = 'infinity'").await, 0);
    assert_eq!(forget(&scene.stage.pool, WEEK).await.unwrap().inputs, 0, "its turn came just now");
    go_ahead(&scene, 90).await;
    assert_eq!(forget(&scene.stage.pool, WEEK).await.unwrap().inputs, 1);
    running.stop().await;
    scene.close().await;
}
