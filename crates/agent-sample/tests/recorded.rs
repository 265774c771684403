//! What the agent makes of events as they were recorded, without a stack and in no time.
//!
//! `recorded.jsonl` has them as `brainops events tail --topic deployment --json` prints them; put yours there.

use brainops_agent_sample::SampleAgent;
use brainops_agent_sample::{PATIENCE, State};
use brainops_testkit::{GivenAgent, Said, given_agent};
use serde_json::json;

const AGENT: &str = "sample";

/// A deployment of the shop that succeeds, one of the mail that starts twice, and one of the shop that never ends.
fn recorded() -> GivenAgent {
    given_agent(SampleAgent).recorded(include_str!("recorded.jsonl"))
}

#[test]
fn somebody_is_asked_to_look_at_a_deployment_that_does_not_end() {
    let look_at = json!({"deployment_id": "deployment-4"});
    let look_at = Said::message("agent.task.look_at_deployment", (AGENT, "shop/production"), look_at);
    let given = recorded().when_after(PATIENCE).then([look_at]);
    given.when_after(PATIENCE).then_nothing().status("shop/production", "running");
}

#[test]
fn one_that_ends_in_time_needs_nobody() {
    recorded().ended("mail/production", "deployed").timers("mail/production", &[]);
}

#[test]
fn it_waits_for_the_newest() {
    let newest = State { deployment_id: "deployment-4".to_owned() };
    recorded().state("shop/production", &newest).waits_for("shop/production", &["the end of the deployment"]);
}
