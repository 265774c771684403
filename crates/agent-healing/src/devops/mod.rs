//! `devops`: a deployment that goes wrong is undone first and explained second, or a person is asked.
//!
//! One saga for each service and environment that is in trouble.
//!
//! ```text
//! deployment.failed ──────┐                     ┌─▶ projection.query (what was brought in) ─┐
//! monitor.high_error_rate ┴─▶ deploy.status ────┤                                           ├─▶ diagnosed ─▶ deploy.rollback
//!                                               └─▶ deploy.logs (what went wrong) ──────────┘      │              │
//!                                                                                                  ▼              ▼
//!                                                          escalated: a person decides ◀──── may it not?    deploy.status, samples
//!                                                                                                                 │
//!                                                                                                                 ▼
//!                                                                                                             completed
//! ```
//!
//! **It does not go on by itself**, and says why (`agent.healing.escalated`):
//!
//! | reason | what it means |
//! |---|---|
//! | `migration_between` | going back would leave a program on tables that it does not know |
//! | `changes_unknown` | what lies between is not known whole, so a migration may |
//! | `nothing_to_go_back_to` | no healthy deployment is kept |
//! | `no_recent_deployment` | too many requests fail, but what serves has been healthy for an hour: it is not the deployment |
//! | `flapping` | another deployment of the service was rolled back within half an hour |
//! | `denied` | the policy does not permit it |
//! | `not_better` | it was rolled back, and is not well |
//! | `unknown_service`, `unknown_deployment`, `no_answer`, `rollback_failed`, `rollback_unknown` | what the provider or the gate says, or does not |
//!
//! A person then says `agent.intent.rollback` or `agent.intent.leave`, with `{"deployment_id": …, "by": …}`; a newer deployment that
//! succeeds ends it too.
//!
//! **Verified** is a rollback when the provider calls healthy what serves again, and, where requests had failed, enough of them are
//! answered well; without enough requests within two minutes, health alone counts, and is named.

mod diagnosis;
mod healing;
mod say;
mod told;

use brainops_event::Recorded;
use brainops_saga::{Agent, Input, Refusal, Route, Turn, Wait, answered};

use crate::terms::{
    ASK_AGAIN, ASKED_AGAIN, CHECKED_AGAIN, ENOUGH_REQUESTS, FLAPPING, NEWS, RECENT, TO_ANSWER, TO_DECIDE,
    TO_VERIFY,
};
use healing::{BroughtIn, Call, Good, Kind, Stage, Trouble};
use told::{Act, Deployed, Ended, Rows, Sample, Status, Trace, Whose};

pub use diagnosis::ENOUGH;
pub use healing::Healing;

/// Its name.
const NAME: &str = "devops";

/// The timer until which calls have to be answered.
const ANSWER: &str = "answer";
/// The timer after which the read models are asked again.
const AGAIN: &str = "again";
/// The timer after which is asked again whether the rollback has come to its end.
const CHECK: &str = "check";
/// The timer until which requests have to come that say how the service is.
const VERIFY: &str = "verify";
/// The timer until which a person has to decide.
const DECIDE: &str = "decide";

/// The agent.
#[derive(Debug, Clone, Copy, Default)]
pub struct DevOps;

impl Agent for DevOps {
    type State = Healing;

    fn name(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> u32 {
        1
    }

    fn topics(&self) -> &'static [&'static str] {
        &["deployment", "monitor", "tool", "agent"]
    }

    fn route(&self, event: &Recorded<'_>) -> Result<Route, Refusal> {
        Ok(match event.envelope.event_type() {
            "deployment.failed" | "monitor.high_error_rate" => {
                let whose: Whose = event.decode()?;
                let is_news = event.recorded_at - event.happened_at() < NEWS;
                if is_news { Route::begins_again(whose.correlation()) } else { Route::nobody() }
            }
            "deployment.succeeded" | "monitor.sample.recorded" => {
                let whose: Whose = event.decode()?;
                Route::running(whose.correlation())
            }
            "tool.call.completed" | "tool.call.denied" | "tool.call.failed" | "tool.call.unknown" => {
                answered(NAME, event).map_or_else(Route::nobody, Route::running)
            }
            "agent.intent.rollback" | "agent.intent.leave" => match answered(NAME, event) {
                Some(correlation) => {
                    Act::of(event)?;
                    Route::running(correlation)
                }
                None => Route::nobody(),
            },
            _ => Route::nobody(),
        })
    }

    fn react(&self, healing: &mut Healing, input: &Input<'_>, turn: &mut Turn) -> Result<(), Refusal> {
        match (input.timer(), input.event_type()) {
            (Some(ANSWER), _) => escalate(healing, "no_answer", turn),
            (Some(AGAIN), _) => ask_for_commits(healing, turn),
            (Some(CHECK), _) => ask(healing, Call::Check, turn),
            (Some(VERIFY), _) => complete(healing, "health", turn),
            (Some(DECIDE), _) => finish(healing, "nobody_decided", turn),
            (None, "deployment.failed") => troubled(healing, Kind::DeploymentFailed, input.decode()?, turn),
            (None, "monitor.high_error_rate") => {
                troubled(healing, Kind::HighErrorRate, input.decode()?, turn);
            }
            (None, "deployment.succeeded") => {
                let whose: Whose = input.decode()?;
                if healing.stage == Stage::Escalated && !healing.is_about(whose.deployment_id.as_deref()) {
                    finish(healing, "superseded", turn);
                }
            }
            (None, "monitor.sample.recorded") => sampled(healing, &input.decode()?, turn),
            (None, "agent.intent.rollback") => {
                let act = Act::of(input.recorded())?;
                if healing.stage == Stage::Escalated && healing.is_about(Some(&act.deployment_id)) {
                    turn.cancel_timer(DECIDE);
                    roll_back(healing, turn);
                }
            }
            (None, "agent.intent.leave") => {
                let act = Act::of(input.recorded())?;
                if healing.stage == Stage::Escalated && healing.is_about(Some(&act.deployment_id)) {
                    finish(healing, "left_by_a_person", turn);
                }
            }
            (None, ended) if ended.starts_with("tool.call.") => {
                told(healing, ended, input.decode()?, turn);
            }
            _ => {}
        }
        Ok(())
    }

    fn waits_for(&self, healing: &Healing) -> Vec<Wait> {
        vec![Wait::for_anything(match healing.stage {
            Stage::Looking => "how the service stands",
            Stage::Diagnosing => "what the deployment brought in, and what its log says",
            Stage::RollingBack => "the rollback",
            Stage::Verifying => "requests that are answered well",
            Stage::Escalated => "a person who decides",
        })]
    }
}

/// Something went wrong. What is told twice is one trouble; one of another deployment comes next.
fn troubled(healing: &mut Healing, kind: Kind, whose: Whose, turn: &mut Turn) {
    let trouble = Trouble { kind, deployment_id: whose.deployment_id.clone(), at: turn.now() };
    if healing.is_new() {
        *healing = Healing::begin(&whose.service, &whose.environment, trouble);
        ask(healing, Call::Status, turn);
    } else if !healing.is_about(whose.deployment_id.as_deref()) && healing.stage != Stage::Escalated {
        healing.next = Some(trouble);
    }
}

fn ask(healing: &mut Healing, call: Call, turn: &mut Turn) {
    let said = match (call, &healing.good) {
        (Call::Commits, Some(good)) => say::commits(&healing.sha, &good.sha),
        (Call::Logs, _) => say::logs(healing),
        (Call::Rollback, _) => say::rollback(healing),
        (Call::Status | Call::Check | Call::Commits, _) => say::status(healing),
    };
    if let Some(id) = turn.say(said) {
        healing.calls.insert(id.into_string(), call);
        turn.set_timer(ANSWER, TO_ANSWER);
    }
}

fn ask_for_commits(healing: &mut Healing, turn: &mut Turn) {
    if healing.stage == Stage::Diagnosing {
        healing.asked += 1;
        ask(healing, Call::Commits, turn);
    }
}

/// A call has ended.
fn told(healing: &mut Healing, how: &str, ended: Ended, turn: &mut Turn) {
    let Some(call) = healing.calls.remove(&ended.call_id) else { return };
    if healing.calls.is_empty() {
        turn.cancel_timer(ANSWER);
    }
    let result = ended.result.as_deref().filter(|_| how == "tool.call.completed");
    match call {
        Call::Status => match result.and_then(read::<Status>) {
            Some(status) => looked(healing, &status, turn),
            None => escalate(healing, refusal(how, &ended), turn),
        },
        Call::Commits => {
            let rows = result.and_then(read::<Rows>);
            let brought_in = rows.map(|Rows { rows, is_cut }| {
                let is_same = healing.good.as_ref().is_some_and(|good| good.sha == healing.sha);
                let is_known = !rows.is_empty() || is_same;
                let is_whole =
                    is_known && !is_cut && rows.iter().all(|one| one.paths_complete && one.is_whole);
                BroughtIn { commits: rows, is_whole }
            });
            healing.brought_in = Some(brought_in.unwrap_or_default());
            diagnose(healing, turn);
        }
        Call::Logs => {
            healing.trace = Some(result.and_then(read::<Trace>).unwrap_or_default());
            diagnose(healing, turn);
        }
        Call::Rollback => match result.and_then(read::<Deployed>) {
            Some(serving) => {
                healing.stage = Stage::Verifying;
                healing.good = Some(Good { deployment_id: serving.deployment_id, sha: serving.sha });
                ask(healing, Call::Check, turn);
            }
            None if how == "tool.call.denied" => escalate(healing, "denied", turn),
            None if how == "tool.call.unknown" => escalate(healing, "rollback_unknown", turn),
            None => escalate(healing, "rollback_failed", turn),
        },
        Call::Check => checked(healing, result.and_then(read::<Status>).as_ref(), turn),
    }
}

fn read<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}

/// Why it is not known how a service stands.
fn refusal(how: &str, ended: &Ended) -> &'static str {
    match (how, ended.reason_code.as_deref()) {
        ("tool.call.denied", _) => "denied",
        ("tool.call.failed", Some("unknown")) => "unknown_service",
        _ => "no_answer",
    }
}

/// The provider has said how the service stands: is it this deployment, and what is there to go back to?
fn looked(healing: &mut Healing, status: &Status, turn: &mut Turn) {
    let whose = healing.trouble.deployment_id.clone().or_else(|| status.serving.clone());
    let place = status.deployments.iter().position(|one| Some(&one.deployment_id) == whose.as_ref());
    let Some((place, bad)) = place.and_then(|place| Some((place, status.deployments.get(place)?))) else {
        return escalate(healing, "unknown_deployment", turn);
    };
    healing.trouble.deployment_id = Some(bad.deployment_id.clone());
    healing.sha.clone_from(&bad.sha);
    let serves = status.serving.as_ref() == Some(&bad.deployment_id);
    if bad.rolled_back_at.is_some() || (healing.trouble.kind == Kind::HighErrorRate && !serves) {
        return finish(healing, "over", turn);
    }
    let good = if serves { earlier(status, place) } else { serving(status) };
    healing.good = good.map(|good| Good { deployment_id: good.deployment_id.clone(), sha: good.sha.clone() });
    let is_old = bad.healthy_at.is_some_and(|healthy_at| turn.now() - healthy_at > RECENT);
    let flaps =
        status.deployments.iter().any(|one| one.rolled_back_at.is_some_and(|at| turn.now() - at < FLAPPING));
    if healing.trouble.kind == Kind::HighErrorRate && is_old {
        return escalate(healing, "no_recent_deployment", turn);
    }
    if healing.good.is_none() {
        return escalate(healing, "nothing_to_go_back_to", turn);
    }
    if flaps {
        return escalate(healing, "flapping", turn);
    }
    healing.stage = Stage::Diagnosing;
    ask_for_commits(healing, turn);
    ask(healing, Call::Logs, turn);
}

/// The last healthy deployment before one.
fn earlier(status: &Status, place: usize) -> Option<&Deployed> {
    let before = status.deployments.iter().skip(place + 1);
    before.into_iter().find(|one| one.is_healthy() && one.rolled_back_at.is_none())
}

fn serving(status: &Status) -> Option<&Deployed> {
    status.deployments.iter().find(|one| Some(&one.deployment_id) == status.serving.as_ref())
}

/// Names the culprit as soon as there is all to know, and goes on, or does not.
fn diagnose(healing: &mut Healing, turn: &mut Turn) {
    let (Some(trace), Some(brought_in)) = (&healing.trace, &healing.brought_in) else { return };
    if !brought_in.is_whole && brought_in.commits.is_empty() && healing.asked < ASKED_AGAIN {
        healing.brought_in = None; // commits may stand in the log that no read model has folded yet
        turn.set_timer(AGAIN, ASK_AGAIN);
        return;
    }
    let never_healthy = healing.trouble.kind == Kind::DeploymentFailed;
    let suspects = diagnosis::suspects(&brought_in.commits, &trace.frames, never_healthy);
    let migrations = diagnosis::migrations(&brought_in.commits);
    let is_whole = brought_in.is_whole;
    healing.culprit = diagnosis::culprit(&suspects).map(|culprit| culprit.sha.clone());
    turn.say(say::diagnosed(healing, &suspects, &migrations));
    turn.say(say::analyze(healing));
    if !migrations.is_empty() {
        escalate(healing, "migration_between", turn);
    } else if is_whole {
        roll_back(healing, turn);
    } else {
        escalate(healing, "changes_unknown", turn);
    }
}

fn roll_back(healing: &mut Healing, turn: &mut Turn) {
    healing.stage = Stage::RollingBack;
    turn.say(say::command(healing));
    ask(healing, Call::Rollback, turn);
}

/// The provider has said how the service stands after the rollback.
fn checked(healing: &mut Healing, status: Option<&Status>, turn: &mut Turn) {
    let good = healing.good.as_ref().map(|good| good.deployment_id.as_str());
    let serving = status.and_then(serving);
    if !serving.is_some_and(|one| one.is_healthy() && Some(one.deployment_id.as_str()) == good) {
        healing.checked += 1;
        if healing.checked > CHECKED_AGAIN {
            return escalate(healing, "not_better", turn);
        }
        return turn.set_timer(CHECK, ASK_AGAIN); // the provider may be at it
    }
    if healing.trouble.kind == Kind::DeploymentFailed {
        return complete(healing, "health", turn);
    }
    healing.is_healthy = true;
    turn.set_timer(VERIFY, TO_VERIFY);
}

/// Requests were answered.
fn sampled(healing: &mut Healing, sample: &Sample, turn: &mut Turn) {
    let good = healing.good.as_ref().map(|good| good.deployment_id.as_str());
    let is_of_good = sample.deployment_id.is_none() || sample.deployment_id.as_deref() == good;
    if healing.stage != Stage::Verifying || !healing.is_healthy || !is_of_good {
        return;
    }
    healing.requests = healing.requests.saturating_add(sample.requests);
    healing.errors = healing.errors.saturating_add(sample.errors);
    if healing.requests < ENOUGH_REQUESTS {
        return;
    }
    #[allow(clippy::cast_precision_loss, reason = "a percentage need not be finer")]
    let is_high = healing.errors as f64 * 100.0 > sample.max_error_percent * healing.requests as f64;
    if is_high {
        escalate(healing, "not_better", turn);
    } else {
        complete(healing, "requests", turn);
    }
}

fn complete(healing: &mut Healing, verified_by: &str, turn: &mut Turn) {
    turn.say(say::completed(healing, verified_by, turn.now()));
    finish(healing, "healed", turn);
}

/// A person has to decide. Says so once.
fn escalate(healing: &mut Healing, reason: &str, turn: &mut Turn) {
    for timer in [ANSWER, AGAIN, CHECK, VERIFY] {
        turn.cancel_timer(timer);
    }
    healing.stage = Stage::Escalated;
    healing.calls.clear();
    turn.say(say::escalated(healing, reason, turn.correlation()));
    turn.say(say::decide(healing, reason));
    turn.set_timer(DECIDE, TO_DECIDE);
}

/// Ends, or goes on with what came up meanwhile.
fn finish(healing: &mut Healing, outcome: &'static str, turn: &mut Turn) {
    let Some(next) = healing.next.take() else { return turn.end(outcome) };
    for timer in [ANSWER, AGAIN, CHECK, VERIFY, DECIDE] {
        turn.cancel_timer(timer);
    }
    *healing = Healing::begin(&healing.service, &healing.environment, next);
    ask(healing, Call::Status, turn);
}
