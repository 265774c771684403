//! How fast sagas take their history again, beside a plain fold of the same events, on the test stack:
//! `cargo run --release -p brainops-saga --example replay_speed -- [SAGAS]`.
//!
//! The history is that of a three-step saga: a beginning, and three steps each answered by an event. The plain fold reads
//! the same events once, decodes the data of each, and keeps one number for each subject. Prints one line for each way.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a measurement prints, and ends when it cannot"
)]

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::time::Instant;

use brainops_event::types::agent::Message;
use brainops_event::types::saga::{SagaEnded, SagaReacted, SagaStarted};
use brainops_event::{
    Envelope, EventId, EventType, Frontier, Outgoing, Recorded, Source, Subject, TypedEvent as _,
};
use brainops_log::{Batch, Item, end_frontier, read, start_frontier};
use brainops_saga::{
    Agent, Cast, Input, Life, Pace, Refusal, Route, Say, Selection, Turn, Wait, answered, replay_at,
};
use brainops_testkit::Namespace;
use serde::{Deserialize, Serialize};
use serde_json::json;

const AGENT: &str = "three-steps";
const STEPS: u32 = 3;

/// Three steps, one after the other.
#[derive(Debug)]
struct ThreeSteps;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Steps {
    done: u32,
}

impl Agent for ThreeSteps {
    type State = Steps;

    fn name(&self) -> &'static str {
        AGENT
    }

    fn version(&self) -> u32 {
        1
    }

    fn topics(&self) -> &'static [&'static str] {
        &["agent"]
    }

    fn route(&self, event: &Recorded<'_>) -> Result<Route, Refusal> {
        let Some(correlation) = answered(AGENT, event) else { return Ok(Route::nobody()) };
        Ok(match event.envelope.event_type() {
            "agent.intent.begin" => Route::begins(correlation),
            "agent.intent.done" => Route::running(correlation),
            _ => Route::nobody(),
        })
    }

    fn react(&self, state: &mut Steps, input: &Input<'_>, turn: &mut Turn) -> Result<(), Refusal> {
        if input.event_type() == "agent.intent.done" {
            state.done += 1;
        }
        if state.done == STEPS {
            turn.end("done");
        } else {
            turn.say(Say::command("step", &json!({"number": state.done})));
        }
        Ok(())
    }

    fn waits_for(&self, _: &Steps) -> Vec<Wait> {
        vec![Wait::for_event("agent.intent.done", "the step")]
    }
}

/// What a step of a saga is told.
fn message(saga: u32, step: u32) -> Outgoing {
    let event_type = if step == 0 { "agent.intent.begin" } else { "agent.intent.done" };
    let envelope = Envelope::new(
        EventId::new(format!("{saga}-{step}")).unwrap(),
        Source::new("replay-speed").unwrap(),
        EventType::new(event_type).unwrap(),
        Subject::new(format!("{AGENT}/order-{saga}")).unwrap(),
    );
    Outgoing::message(envelope, &json!({"order": saga, "step": step}).to_string()).unwrap()
}

struct Bench {
    namespace: Namespace,
    from: Frontier,
}

impl Bench {
    async fn new() -> Self {
        let namespace = Namespace::new("replayspeed").await;
        let topics = ["agent", "saga"].map(|name| namespace.topic(name));
        let from = start_frontier(namespace.cluster(), &topics).await.unwrap();
        Self { namespace, from }
    }

    async fn end(&self) -> Frontier {
        let topics = ["agent", "saga"].map(|name| self.namespace.topic(name));
        end_frontier(self.namespace.cluster(), &topics).await.unwrap()
    }

    async fn append(&self, events: Vec<Outgoing>) {
        for chunk in events.chunks(20_000) {
            for appended in self.namespace.appender().append_all(chunk.to_vec()).await {
                appended.unwrap();
            }
        }
    }

    /// Gives each batch of what stands in the log to `look`.
    async fn each_batch(&self, mut look: impl FnMut(&Batch)) {
        let end = self.end().await;
        let mut reading =
            read(self.namespace.cluster(), self.namespace.registry(), &self.from, &end).await.unwrap();
        while let Some(batch) = reading.next().await {
            look(&batch.unwrap());
        }
    }

    /// The history: all beginnings, then all answers of each step, and what follows from them.
    async fn fill(&self, sagas: u32) {
        for step in 0..=STEPS {
            self.append((0..sagas).map(|saga| message(saga, step)).collect()).await;
        }
        let (mut life, mut said) = (Life::new(Cast::of(ThreeSteps).unwrap()), Vec::new());
        self.each_batch(|batch| {
            for item in batch.items() {
                let Item::Event(event) = item else { continue };
                said.extend(life.take(&event).unwrap().into_iter().map(|written| written.event));
            }
        })
        .await;
        self.append(said).await;
    }

    /// A plain fold; answers how many events it has read.
    async fn fold(&self) -> u64 {
        let (mut counts, mut events): (HashMap<String, u64>, u64) = (HashMap::new(), 0);
        self.each_batch(|batch| {
            for item in batch.items() {
                let Item::Event(event) = item else { continue };
                let weight = match event.envelope.event_type() {
                    SagaReacted::EVENT_TYPE => event.typed::<SagaReacted>().unwrap().revision.unsigned_abs(),
                    SagaStarted::EVENT_TYPE => {
                        u64::from(event.typed::<SagaStarted>().unwrap().run.unsigned_abs())
                    }
                    SagaEnded::EVENT_TYPE => event.typed::<SagaEnded>().unwrap().outcome.len() as u64,
                    _ => event.decode::<Message>().unwrap().payload.len() as u64,
                };
                let subject = event.envelope.subject().unwrap_or_default();
                match counts.get_mut(subject) {
                    Some(count) => *count += weight,
                    None => drop(counts.insert(subject.to_owned(), weight)),
                }
                events += 1;
            }
        })
        .await;
        assert!(counts.values().all(|count| *count > 0));
        events
    }

    async fn replay(&self, jobs: usize, sagas: u32) {
        let selection = Selection { correlation: None, from: self.from.clone(), to: self.end().await };
        let pace = Pace { jobs: NonZeroUsize::new(jobs).unwrap(), ..Pace::default() };
        let cluster = self.namespace.cluster().read_only();
        let cast = Cast::of(ThreeSteps).unwrap();
        let found = replay_at(&cast, &cluster, self.namespace.registry(), &selection, &pace).await.unwrap();
        let of = (found.sagas, found.inputs, found.differing, found.unfinished);
        assert_eq!(of, (u64::from(sagas), u64::from(sagas) * 4, 0, 0), "{found:?}");
    }
}

#[tokio::main]
async fn main() {
    let sagas: u32 = std::env::args().nth(1).map_or(50_000, |sagas| sagas.parse().unwrap());
    let bench = Bench::new().await;
    bench.fill(sagas).await;
    for round in 1..=3 {
        let began = Instant::now();
        let events = bench.fold().await;
        let plain = began.elapsed().as_secs_f64();
        #[allow(clippy::cast_precision_loss, reason = "a figure")]
        let rate = |seconds: f64| events as f64 / seconds;
        println!("round {round}: plain fold of {events} events in {plain:.2} s, {:.0} events/s", rate(plain));
        for jobs in [1, 2, 4] {
            let began = Instant::now();
            bench.replay(jobs, sagas).await;
            let taken = began.elapsed().as_secs_f64();
            println!(
                "round {round}: replay with {jobs} jobs in {taken:.2} s, {:.0} events/s, {:.2} of the plain fold",
                rate(taken),
                plain / taken
            );
        }
    }
    bench.namespace.close().await;
}
