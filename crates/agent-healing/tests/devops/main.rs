//! `devops`, without a stack: given a trouble and what the gate answers, then what is done about it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod healed;
mod left;

use brainops_agent_healing::DevOps;
use brainops_event::types::deployment::{DeploymentFailed, DeploymentSucceeded};
use brainops_event::types::monitor::{HighErrorRate, SampleRecorded};
use brainops_event::types::tool::{CallCompleted, CallDenied, CallFailed, CallUnknown};
use brainops_event::{
    Envelope, EventId, EventType, Outgoing, Source, Subject, Timestamp, TypedEvent, format_timestamp,
};
use brainops_testkit::{GivenAgent, Said, given_agent, said};
use chrono::{DateTime, TimeDelta};
use serde_json::{Value, json};

const SAGA: &str = "shop/eu";
/// The commit that serves before, and the one that goes wrong.
const GOOD: &str = "aaaa";
const BAD: &str = "bbbb";

fn second(seconds: i64) -> Timestamp {
    DateTime::from_timestamp(1_767_225_600, 0).unwrap() + TimeDelta::seconds(seconds)
}

fn failed(deployment: &str) -> Outgoing {
    let data = json!({"service": "shop", "environment": "eu", "deployment_id": deployment, "sha": BAD, "reason_code": "health_check"});
    said::<DeploymentFailed>(&format!("{deployment} failed"), "shop/eu", second(0), data)
}

fn high(deployment: Option<&str>) -> Outgoing {
    let data = json!({
        "service": "shop", "environment": "eu", "deployment_id": deployment, "from": second(0).timestamp_millis(),
        "through": second(5).timestamp_millis(), "requests": 50, "errors": 50, "max_error_percent": 1.0,
    });
    said::<HighErrorRate>(&format!("{deployment:?} high"), "shop/eu", second(5), data)
}

fn succeeded(deployment: &str) -> Outgoing {
    let data = json!({"service": "shop", "environment": "eu", "deployment_id": deployment, "sha": "cccc"});
    said::<DeploymentSucceeded>(&format!("{deployment} succeeded"), "shop/eu", second(60), data)
}

fn sample(deployment: &str, through: i64, requests: i64, errors: i64) -> Outgoing {
    let data = json!({
        "sensor": "access_log", "service": "shop", "environment": "eu", "deployment_id": deployment,
        "from": second(through - 5).timestamp_millis(), "through": second(through).timestamp_millis(),
        "requests": requests, "errors": errors, "max_error_percent": 1.0, "window_seconds": 60, "minimum_requests": 20,
    });
    said::<SampleRecorded>(&format!("{deployment} {through}"), "shop/eu", second(through), data)
}

/// What a person decides.
fn act(verb: &str, deployment: &str) -> Outgoing {
    let envelope = Envelope::new(
        EventId::new(format!("{verb} {deployment}")).unwrap(),
        Source::new("console").unwrap(),
        EventType::new(format!("agent.intent.{verb}")).unwrap(),
        Subject::new(format!("devops/{SAGA}")).unwrap(),
    );
    let payload = json!({"deployment_id": deployment, "by": "person-1"});
    Outgoing::message(envelope, &payload.to_string()).unwrap()
}

/// An agent under test, with the calls that it waits for.
struct Story {
    given: Option<GivenAgent>,
    said: Vec<Said>,
}

impl Story {
    fn begin(trouble: Outgoing) -> Self {
        let given = given_agent(DevOps).recorded_from(second(10));
        let mut story = Self { given: Some(given), said: Vec::new() };
        story.comes(trouble);
        story
    }

    /// An event comes; answers with what is decided.
    fn comes(&mut self, event: Outgoing) -> Vec<Said> {
        let reaction = self.given.take().unwrap().when(event);
        let said = reaction.decisions();
        self.given = Some(reaction.and());
        self.said.extend(said.clone());
        said
    }

    fn passes(&mut self, time: TimeDelta) -> Vec<Said> {
        let reaction = self.given.take().unwrap().when_after(time);
        let said = reaction.decisions();
        self.given = Some(reaction.and());
        self.said.extend(said.clone());
        said
    }

    /// The id of the last call of a tool.
    fn call(&self, tool: &str) -> String {
        let is_it =
            |said: &&Said| said.event_type == "tool.call.requested" && said.data["tool"] == json!(tool);
        let call = self.said.iter().rev().find(is_it);
        call.unwrap_or_else(|| panic!("{tool} was not asked for: {:?}", self.said)).id.clone().unwrap()
    }

    fn arguments(&self, tool: &str) -> Value {
        let id = self.call(tool);
        let call = self.said.iter().find(|said| said.id.as_ref() == Some(&id)).unwrap();
        serde_json::from_str(call.data["arguments"].as_str().unwrap()).unwrap()
    }

    fn names(&self, tool: &str) -> Value {
        json!({
            "call_source": "brainops/agent/devops", "call_id": self.call(tool), "call_subject": format!("devops/{SAGA}"), "tool": tool,
        })
    }

    /// The gate answers the last call of a tool.
    fn answers(&mut self, tool: &str, result: &Value) -> Vec<Said> {
        let mut data = self.names(tool);
        data["attempt"] = json!(1);
        data["result"] = json!(result.to_string());
        (data["result_bytes"], data["duration_ms"]) = (json!(1), json!(1));
        self.comes(ended::<CallCompleted>(&data))
    }

    fn refuses<T: TypedEvent>(&mut self, tool: &str, code: &str) -> Vec<Said> {
        let mut data = self.names(tool);
        (data["attempt"], data["reason_code"]) = (json!(1), json!(code));
        (data["is_without_effect"], data["duration_ms"]) = (json!(true), json!(1));
        (data["principal"], data["policies"]) = (json!("Agent::\"devops\""), json!([]));
        self.comes(ended::<T>(&data))
    }

    /// How the service stands: d-2 serves, or d-1 does, and what is between is told.
    fn is_told(&mut self, serving: &str, rows: &Value, trace: &Value) -> Vec<Said> {
        self.answers("deploy.status", &status(serving, "healthy"));
        self.answers("deploy.logs", trace);
        self.answers("projection.query", &json!({"rows": rows, "is_cut": false}))
    }

    fn given(mut self) -> GivenAgent {
        self.given.take().unwrap()
    }
}

fn ended<T: TypedEvent>(data: &Value) -> Outgoing {
    // Fields that a record has not are left out, as its schema says.
    let id = format!("{} of {}", T::EVENT_TYPE, data["call_id"].as_str().unwrap());
    said::<T>(&id, &format!("devops/{SAGA}"), second(20), data.clone())
}

fn status(serving: &str, state_of_bad: &str) -> Value {
    json!({"url": "http://127.0.0.1:1", "serving": serving, "deployments": [
        deployed("d-2", BAD, state_of_bad), deployed("d-1", GOOD, "healthy"), deployed("d-0", "0000", "stopped"),
    ]})
}

fn deployed(id: &str, sha: &str, state: &str) -> Value {
    let healthy_at = (state != "failed").then(|| format_timestamp(&second(0)));
    json!({"deployment_id": id, "sha": sha, "state": state, "reason": null, "healthy_at": healthy_at, "rolled_back_at": null})
}

fn commit(sha: &str, paths: &[&str]) -> Value {
    json!({
        "repository": "shop-0123", "sha": sha, "committed_at": "2026-01-01T00:00:00+00:00", "insertions": 3, "deletions": 1,
        "paths": paths, "paths_complete": true, "is_whole": true,
    })
}

/// Two commits, of which the second one is what the trace is about.
fn two_commits() -> Value {
    json!([commit(BAD, &["README.md"]), commit("b0b0", &["shop/prices.py"])])
}

fn trace() -> Value {
    json!({"lines": 40, "frames": ["shop/prices.py:7", "app.py:30"], "errors": ["KeyError"]})
}

fn types(said: &[Said]) -> Vec<&str> {
    said.iter().map(|one| one.event_type.as_str()).collect()
}
