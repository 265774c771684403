//! What authors can rely on, without a stack: routing, mailbox, timers, steps and their undo, versions, parking.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test says what must hold")]

mod common;

use brainops_event::{Envelope, EventId, EventType, Outgoing, Recorded, Source, Subject, new_id};
use brainops_saga::{
    Agent, Cast, CastError, Decide, Decider, Input, Refusal, Route, Say, Step, Turn, Wait, decision_event,
    payload,
};
use brainops_testkit::{Answer, GivenAgent, Said, fail_each_step, given_agent};
use chrono::TimeDelta;
use common::{Tally, count, count_with};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// An order: stock is reserved, then it is paid, then it is sent; each is undone if a later one fails. Approvals may come
/// at any time.
#[derive(Debug, Clone, Copy)]
struct Orders {
    version: u32,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Order {
    stage: String,
    approved_by: Option<String>,
}

const STEPS: [&str; 3] = ["reserve", "pay", "send"];

fn step(name: &str) -> Step {
    Step::new(name, Say::command(name, &json!({"what": name})))
        .undo(Say::command(&format!("undo_{name}"), &json!({"what": name})))
        .undone_by(&format!("agent.intent.undo_{name}_done"))
        .undo_fails_by(&format!("agent.intent.undo_{name}_failed"))
}

/// A version of which somebody forgot how to undo a payment.
const CARELESS: u32 = 9;

impl Orders {
    fn step(self, name: &str) -> Step {
        match (self.version, name) {
            (CARELESS, "pay") => Step::new("pay", Say::command("pay", &json!({"what": "pay"}))),
            _ => step(name),
        }
    }
}

impl Agent for Orders {
    type State = Order;

    fn name(&self) -> &'static str {
        "orders"
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn topics(&self) -> &'static [&'static str] {
        &["agent"]
    }

    fn route(&self, event: &Recorded<'_>) -> Result<Route, Refusal> {
        let order = event.envelope.subject().unwrap_or_default();
        let order = order.strip_prefix("orders/").unwrap_or(order);
        Ok(match event.envelope.event_type() {
            "agent.intent.ordered" => Route::begins(order),
            "agent.intent.approved" => Route::kept(order),
            name if name.starts_with("agent.intent.") => Route::running(order),
            _ => Route::nobody(),
        })
    }

    fn react(&self, order: &mut Order, input: &Input<'_>, turn: &mut Turn) -> Result<(), Refusal> {
        if input.timer() == Some("patience") {
            turn.compensate("never_approved");
            return Ok(());
        }
        let event_type = input.event_type().strip_prefix("agent.intent.").unwrap_or_default();
        match event_type {
            "ordered" => {
                "wait".clone_into(&mut order.stage);
                turn.set_timer("patience", TimeDelta::hours(1));
            }
            "approved" => {
                let by: Value = payload(input.recorded())?;
                order.approved_by = by["by"].as_str().map(str::to_owned);
                turn.cancel_timer("patience");
                turn.step(self.step(STEPS[0]));
                STEPS[0].clone_into(&mut order.stage);
            }
            _ => {
                let (name, outcome) = event_type.rsplit_once('_').ok_or(Refusal::new("unknown_intent"))?;
                let place =
                    STEPS.iter().position(|step| *step == name).ok_or(Refusal::new("unknown_step"))?;
                match (outcome, STEPS.get(place + 1)) {
                    ("failed", _) => {
                        turn.compensate("failed");
                    }
                    (_, Some(next)) => {
                        turn.succeeded(name);
                        turn.step(self.step(next));
                        (*next).clone_into(&mut order.stage);
                    }
                    (_, None) => {
                        turn.succeeded(name);
                        turn.end("delivered");
                    }
                }
            }
        }
        Ok(())
    }

    fn waits_for(&self, order: &Order) -> Vec<Wait> {
        let stage = order.stage.as_str();
        match stage {
            "wait" => vec![Wait::for_event("agent.intent.approved", "an approval")],
            _ => vec![
                Wait::for_event(&format!("agent.intent.{stage}_done"), stage)
                    .or(&format!("agent.intent.{stage}_failed")),
            ],
        }
    }

    fn migrate(&self, from: u32, state: Value) -> Result<Order, Refusal> {
        match from {
            1 => serde_json::from_value(state).map_err(|_| Refusal::new("another_state")),
            _ => Err(Refusal::new("no_way_from_that_version")),
        }
    }
}

fn intent(id: &str, name: &str, subject: &str, payload: Value) -> Outgoing {
    let envelope = Envelope::new(
        EventId::new(id).unwrap(),
        Source::new("test").unwrap(),
        EventType::new(format!("agent.intent.{name}")).unwrap(),
        Subject::new(subject).unwrap(),
    );
    Outgoing::message(envelope, &payload.to_string()).unwrap()
}

fn ordered() -> Outgoing {
    intent("1", "ordered", "o1", json!({}))
}

fn approved() -> Outgoing {
    intent("2", "approved", "o1", json!({"by": "ada"}))
}

fn decided(id: u128, agent: &str, correlation: &str, decide: &Decide) -> Outgoing {
    let decider = Decider { by: "op-1".to_owned(), reason: "because".to_owned() };
    let id = new_id(uuid::Uuid::from_u128(id));
    decision_event((agent, correlation), decide, &decider, (id, chrono::DateTime::UNIX_EPOCH)).unwrap()
}

#[test]
fn a_decision_follows_from_its_input_and_names_it() {
    let reaction = given_agent(Orders { version: 1 }).events([ordered()]).when(approved());
    let [said] = reaction.decisions().try_into().unwrap();
    let again = given_agent(Orders { version: 1 }).events([ordered()]).when(approved());
    assert_eq!(again.decisions(), std::slice::from_ref(&said), "the same input, the same id");
    let given =
        reaction.then([Said::message("agent.command.reserve", ("orders", "o1"), json!({"what": "reserve"}))]);
    given.waits_for("o1", &["reserve"]).timers("o1", &[]).status("o1", "running");
}

#[test]
fn a_signal_before_its_wait_is_kept_even_before_the_saga_begins() {
    let given = given_agent(Orders { version: 1 }).when(approved()).then_nothing().status("o1", "early");
    let given = given.when(ordered()).and_says("saga.started");
    let given =
        given.then([Said::message("agent.command.reserve", ("orders", "o1"), json!({"what": "reserve"}))]);
    // "pay_done" comes before anybody has asked for payment.
    let given = given.when(intent("3", "pay_done", "orders/o1", json!({}))).then_nothing();
    assert_eq!(given.saga("o1").unwrap().waiting_inputs(), 1);
    let given = given.when(intent("4", "reserve_done", "orders/o1", json!({})));
    given
        .then([
            Said::message("agent.command.pay", ("orders", "o1"), json!({"what": "pay"})),
            Said::message("agent.command.send", ("orders", "o1"), json!({"what": "send"})),
        ])
        .state("o1", &Order { stage: "send".to_owned(), approved_by: Some("ada".to_owned()) });
}

#[test]
fn an_event_for_nobody_changes_nothing_and_one_said_again_is_taken_once() {
    let given = given_agent(Orders { version: 1 });
    let given = given.when(intent("9", "pay_done", "orders/o1", json!({}))).then_nothing();
    assert!(given.saga("o1").is_none());
    let given = given.events([ordered(), approved(), approved()]);
    assert_eq!(given.saga("o1").unwrap().revision, 2);
}

#[test]
fn each_step_fails_in_turn_and_the_world_is_clean() {
    let cast = Cast::of(Orders { version: 1 }).unwrap();
    let answers = |said: &Said, answer: Answer| {
        let name = said.event_type.strip_prefix("agent.command.")?;
        let outcome = if answer == Answer::Done { "done" } else { "failed" };
        Some(intent(said.id.as_deref()?, &format!("{name}_{outcome}"), &said.subject, json!({})))
    };
    assert_eq!(fail_each_step(&cast, "o1", &[ordered(), approved()], answers), 3);
    let careless = Cast::of(Orders { version: CARELESS }).unwrap();
    let failed = || fail_each_step(&careless, "o1", &[ordered(), approved()], answers);
    let seen = std::panic::catch_unwind(std::panic::AssertUnwindSafe(failed));
    let words = *seen.expect_err("a payment stays in the world").downcast::<String>().unwrap();
    assert!(words.contains(r#"the world is left with ["pay"]"#), "{words}");
}

#[test]
fn undo_goes_in_reverse_and_each_part_of_it_is_a_fact() {
    let given = given_agent(Orders { version: 1 }).events([
        ordered(),
        approved(),
        intent("3", "reserve_done", "o1", json!({})),
    ]);
    let reaction = given.when(intent("4", "pay_failed", "o1", json!({})));
    let facts: Vec<_> = reaction.facts().iter().map(|fact| fact.event_type.clone()).collect();
    assert_eq!(facts, ["saga.reacted", "saga.undo.started"]);
    let told = &reaction.facts()[0].data["waits"];
    assert_eq!((told.as_array().map(Vec::len), &told[0]["kind"]), (Some(1), &json!("undo")), "{told}");
    assert_eq!(told[0]["reason"], "the undo of pay");
    let given =
        reaction.then([Said::message("agent.command.undo_pay", ("orders", "o1"), json!({"what": "pay"}))]);
    let given = given.status("o1", "compensating").waits_for("o1", &["the undo of pay"]);
    // A person decides about an undo that has failed.
    let given =
        given.when(intent("5", "undo_pay_failed", "o1", json!({}))).and_says("saga.parked").then_nothing();
    let parked = given.saga("o1").unwrap().book.parked.clone().unwrap();
    assert_eq!(parked.class, "undo_failed");
    let retry = decided(6, "orders", "o1", &Decide::Retry { input: parked.input, skip: false });
    let given = given.when(retry).and_says("saga.undo.started");
    let given =
        given.then([Said::message("agent.command.undo_pay", ("orders", "o1"), json!({"what": "pay"}))]);
    let given = given.when(intent("7", "undo_pay_done", "o1", json!({}))).and_says("saga.undo.succeeded");
    let given = given.then([Said::message(
        "agent.command.undo_reserve",
        ("orders", "o1"),
        json!({"what": "reserve"}),
    )]);
    given
        .when(intent("8", "undo_reserve_done", "o1", json!({})))
        .and_says("saga.ended")
        .and()
        .ended("o1", "failed");
}

#[test]
fn timers_fire_at_their_moment_unless_cancelled_or_set_anew() {
    let given = given_agent(Orders { version: 1 }).events([ordered()]);
    let due = given.saga("o1").unwrap().book.timers["patience"].deadline;
    let given = given.timers("o1", &[("patience", due)]);
    let given = given.when_after(TimeDelta::minutes(59)).then_nothing().status("o1", "running");
    given.when_after(TimeDelta::minutes(2)).and_says("saga.ended").and().ended("o1", "never_approved");
    let given = given_agent(Tally::default()).events([count_with("a", 1, 0, "set t 60000")]);
    let given = given.events([count_with("a", 2, 0, "set t 120000")]);
    let given = given.when_after(TimeDelta::seconds(70)).then_nothing();
    let fired = Said::message("agent.command.fired", ("tally", "a"), json!({"timer": "t"}));
    given.when_after(TimeDelta::seconds(60)).then([fired]).when_after(TimeDelta::days(400)).then_nothing();
}

#[test]
fn a_panic_parks_one_saga_whose_inputs_wait_in_order_and_the_others_go_on() {
    let given =
        given_agent(Tally::default()).events([count("a", 1), count_with("a", 2, 0, "panic"), count("a", 3)]);
    let given = given.events([count("b", 1)]).status("a", "parked").status("b", "running");
    let parked = given.saga("a").unwrap().book.parked.clone().unwrap();
    assert_eq!((parked.class.as_str(), parked.code.as_str()), ("panicked", "panic_in_reaction"));
    // A decision about another input is void; the same code panics again; without the input it goes on.
    let void = Decide::Retry { input: "brainops.agent/0@99".to_owned(), skip: true };
    let given = given.events([decided(1, "tally", "a", &void)]).status("a", "parked");
    let again = Decide::Retry { input: parked.input.clone(), skip: false };
    let given = given.when(decided(2, "tally", "a", &again)).and_says("saga.parked").then_nothing();
    let skip = Decide::Retry { input: parked.input, skip: true };
    let place = |number, place| {
        Said::message("agent.command.counted", ("tally", "a"), json!({"number": number, "place": place}))
    };
    given.when(decided(3, "tally", "a", &skip)).then([place(3, 2)]).status("a", "running");
}

#[test]
fn a_first_input_that_is_refused_is_tried_again_before_all_others() {
    let given = given_agent(Tally::default()).events([count_with("a", 1, 0, "refuse"), count("a", 2)]);
    let given = given.status("a", "parked");
    let input = given.saga("a").unwrap().book.parked.clone().unwrap().input;
    let given =
        given.events([decided(1, "tally", "a", &Decide::Retry { input: input.clone(), skip: false })]);
    let given = given.status("a", "parked");
    assert_eq!(given.saga("a").unwrap().waiting_inputs(), 2);
    given.events([decided(2, "tally", "a", &Decide::Retry { input, skip: true })]).ended("a", "not_begun");
}

#[test]
fn a_paused_saga_keeps_its_inputs_and_a_cancelled_one_undoes_its_steps() {
    let given = given_agent(Tally::default())
        .events([count_with("a", 1, 0, "step"), decided(1, "tally", "a", &Decide::Pause)]);
    let given = given.status("a", "paused").when(count("a", 2)).then_nothing();
    let reaction = given.when(decided(2, "tally", "a", &Decide::Resume));
    let given = reaction.then([Said::message(
        "agent.command.counted",
        ("tally", "a"),
        json!({"number": 2, "place": 2}),
    )]);
    let given = given.when(decided(3, "tally", "a", &Decide::Cancel));
    let given = given.then([Said::message("agent.command.undo", ("tally", "a"), json!({"step": "step-1"}))]);
    let given = given.status("a", "compensating").events([intent("9", "undone", "a", json!({}))]);
    given.ended("a", "cancelled").when(count("a", 5)).then_nothing();
}

#[test]
fn running_sagas_finish_on_their_version_new_ones_take_the_newest_and_people_move_them() {
    let old = Cast::of(Orders { version: 1 }).unwrap();
    let both = Cast::of(Orders { version: 1 }).unwrap().with(Orders { version: 2 }).unwrap();
    let given = GivenAgent::of(old).events([ordered()]).goes_on_with(both.clone());
    let other = || intent("7", "ordered", "o2", json!({}));
    let given = given.events([other(), approved()]);
    assert_eq!((given.saga("o1").unwrap().version, given.saga("o2").unwrap().version), (1, 2));
    let given = given.events([decided(2, "orders", "o1", &Decide::Move { from: 1, to: 2 })]);
    let stage = Order { stage: "reserve".to_owned(), approved_by: Some("ada".to_owned()) };
    assert_eq!(given.state("o1", &stage).saga("o1").unwrap().version, 2);
    let given = GivenAgent::of(both).events([ordered()]);
    assert_eq!(given.saga("o1").unwrap().version, 2);
    // There is no way back from 2 to 1, so the decision is void.
    let given = given.events([decided(1, "orders", "o1", &Decide::Move { from: 2, to: 1 })]);
    assert_eq!(given.saga("o1").unwrap().version, 2);
}

#[test]
fn what_cannot_be_one_agent_is_refused() {
    let one = || Cast::of(Orders { version: 1 }).unwrap();
    assert!(matches!(one().with(Orders { version: 1 }), Err(CastError::Version { version: 1, .. })));
    assert!(matches!(one().with(Tally::default()), Err(CastError::Stranger { .. })));
    assert!(matches!(Cast::of(Orders { version: 0 }), Err(CastError::Version { .. })));
}

/// An agent that does what a payload says, as far as it goes.
#[derive(Debug)]
struct Greedy;

impl Agent for Greedy {
    type State = Vec<String>;

    fn name(&self) -> &'static str {
        "greedy"
    }

    fn version(&self) -> u32 {
        1
    }

    fn topics(&self) -> &'static [&'static str] {
        &["agent"]
    }

    fn route(&self, _: &Recorded<'_>) -> Result<Route, Refusal> {
        Ok(Route::begins("all"))
    }

    fn react(&self, state: &mut Vec<String>, input: &Input<'_>, turn: &mut Turn) -> Result<(), Refusal> {
        let much = || "x".repeat(300_000);
        match input.event_type().strip_prefix("agent.intent.").unwrap_or_default() {
            "many" => (0..2_000).for_each(|number| drop(turn.say(Say::command("one", &number)))),
            "large" => drop(turn.say(Say::command("one", &much().repeat(3)))),
            "much" => (0..20).for_each(|_| drop(turn.say(Say::command("one", &much())))),
            "remember" => state.push(much().repeat(5)),
            "undo" => (0..5).for_each(|number| {
                let step = Step::new(format!("s{number}"), Say::command("do", &number));
                drop(turn.step(step.undo(Say::command("undo", &much()))));
            }),
            "twice" => (0..2).for_each(|_| drop(turn.step(Step::new("s", Say::command("do", &1))))),
            "timers" => (0..2_000).for_each(|number| turn.set_timer(&number.to_string(), TimeDelta::days(1))),
            "nameless" => turn.set_timer("", TimeDelta::days(1)),
            "never" => turn.set_timer("t", TimeDelta::MAX),
            "both" => {
                turn.end("done");
                turn.compensate("failed");
            }
            "strange" => turn.succeeded("nothing"),
            "nowhere" => drop(turn.say(Say::command("one", &1).about(""))),
            _ => {}
        }
        Ok(())
    }

    fn waits_for(&self, _: &Vec<String>) -> Vec<Wait> {
        vec![Wait::for_anything("anything")]
    }
}

#[test]
fn what_a_saga_may_do_is_bounded_and_what_goes_beyond_parks_it_as_it_was() {
    for (name, code) in [
        ("many", "too_many_decisions"),
        ("large", "decision_too_large"),
        ("much", "decisions_too_large"),
        ("remember", "state_too_large"),
        ("undo", "undo_too_large"),
        ("twice", "step_begun_twice"),
        ("timers", "too_many_decisions"),
        ("nameless", "impossible_name_of_timer"),
        ("never", "timer_beyond_time"),
        ("both", "ended_twice"),
        ("strange", "unknown_step"),
        ("nowhere", "attribute_of_decision"),
    ] {
        let given = given_agent(Greedy).events([intent("0", "nothing", "g", json!({}))]);
        let before = given.saga("all").unwrap().clone();
        let given = given.when(intent("1", name, "g", json!({}))).then_nothing().status("all", "parked");
        let saga = given.saga("all").unwrap();
        assert_eq!(saga.book.parked.as_ref().unwrap().code, code, "{name}");
        assert_eq!(
            (&saga.state, &saga.book.steps, &saga.book.timers),
            (&before.state, &before.book.steps, &before.book.timers)
        );
    }
}
