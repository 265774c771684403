//! Decisions of small policies, and that slices change none of them.

use async_trait::async_trait;
use cedar_policy::PolicySet;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::*;
use crate::name::Caller;
use crate::spec::{Effect, Repeat};
use crate::tool::{Act, Tool, ToolError};

macro_rules! tool {
    ($name:ident, $tool:literal, $effect:expr) => {
        struct $name;

        #[async_trait]
        impl Tool for $name {
            type Arguments = Told;
            type Result = ();

            const NAME: &'static str = $tool;
            const SUMMARY: &'static str = "Nothing.";
            const EFFECT: Effect = $effect;
            const REPEAT: Repeat = Repeat::Once;

            async fn act(&self, _: Told, _: &Act) -> Result<(), ToolError> {
                Ok(())
            }
        }
    };
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "its schema is what matters")]
struct Told {
    path: String,
    lines: Option<i64>,
    words: Option<Vec<String>>,
    environment: Option<String>,
    /// What policies cannot compare.
    weights: Option<std::collections::BTreeMap<String, f64>>,
}

tool!(Look, "shelf.look", Effect::Reads);
tool!(Put, "shelf.put", Effect::Writes);
tool!(Burn, "fire.burn", Effect::Critical);

fn tools() -> Toolbox {
    Toolbox::default().with(Look).unwrap().with(Put).unwrap().with(Burn).unwrap()
}

fn decide(policy: &str, caller: &str, tool: &str, arguments: &Value, calls: i64) -> Decision {
    let tools = tools();
    let policy = Policy::read(policy, &tools).unwrap();
    policy.decide(&Question {
        caller: &Caller::parse(caller).unwrap(),
        tool,
        arguments,
        environment: environment_of(arguments, "local"),
        at: brainops_event::parse_timestamp("2026-11-27T14:30:00Z").unwrap(),
        calls_this_hour: calls,
    })
}

const POLICY: &str = r#"
@id("all-look") permit(principal, action in Action::"reads", resource);
@id("devops") permit(principal == Agent::"devops", action in [Action::"shelf", Action::"fire"], resource);
@id("few-lines") forbid(principal, action, resource) when { context.arguments has lines && context.arguments.lines > 100 };
@id("night") forbid(principal is Agent, action in Action::"writes", resource) when { context.hour < 6 || context.weekday > 5 };
@id("production") forbid(principal, action in Action::"writes", resource == Environment::"production");
@id("often") forbid(principal, action, resource) when { context.calls_this_hour > 10 };
@id("word") forbid(principal, action == Action::"shelf.put", resource) when { context.arguments has words && context.arguments.words.contains("no") };
"#;

#[test]
fn what_is_not_permitted_is_denied_and_what_is_forbidden_stays_so() {
    let path = json!({"path": "a"});
    for (caller, tool, arguments, calls, verdict, policies) in [
        ("Person::kim", "shelf.look", path.clone(), 1, Verdict::Permitted, vec!["all-look"]),
        ("Person::kim", "shelf.put", path.clone(), 1, Verdict::NotPermitted, vec![]),
        ("Agent::devops", "shelf.put", path.clone(), 1, Verdict::Permitted, vec!["devops"]),
        ("Service::devops", "shelf.put", path.clone(), 1, Verdict::NotPermitted, vec![]),
        ("Agent::devops", "shelf.look", path.clone(), 1, Verdict::Permitted, vec!["all-look", "devops"]),
        ("Agent::devops", "fire.burn", path.clone(), 1, Verdict::Permitted, vec!["devops"]),
        (
            "Person::kim",
            "shelf.look",
            json!({"path": "a", "lines": 101}),
            1,
            Verdict::Forbidden,
            vec!["few-lines"],
        ),
        (
            "Person::kim",
            "shelf.look",
            json!({"path": "a", "lines": null}),
            1,
            Verdict::Permitted,
            vec!["all-look"],
        ),
        (
            "Person::kim",
            "shelf.look",
            json!({"path": "a", "weights": {"b": 0.5}}),
            1,
            Verdict::Permitted,
            vec!["all-look"],
        ),
        (
            "Agent::devops",
            "shelf.put",
            json!({"path": "a", "words": ["yes", "no"]}),
            1,
            Verdict::Forbidden,
            vec!["word"],
        ),
        (
            "Agent::devops",
            "shelf.put",
            json!({"path": "a", "environment": "production"}),
            1,
            Verdict::Forbidden,
            vec!["production"],
        ),
        ("Person::kim", "shelf.look", path.clone(), 11, Verdict::Forbidden, vec!["often"]),
    ] {
        let decision = decide(POLICY, caller, tool, &arguments, calls);
        assert_eq!((decision.verdict, &decision.errors), (verdict, &vec![]), "{caller} {tool} {arguments}");
        assert_eq!(decision.policies, policies, "{caller} {tool} {arguments}");
    }
    assert_eq!(decide("", "Person::kim", "shelf.look", &path, 1).verdict, Verdict::NotPermitted);
}

#[test]
fn a_policy_that_cannot_be_evaluated_permits_nothing() {
    let policy = r#"
        @id("all") permit(principal, action, resource);
        @id("sum") forbid(principal, action, resource) when { context.calls_this_hour + 9223372036854775807 == 0 };
    "#;
    let decision = decide(policy, "Person::kim", "shelf.look", &json!({"path": "a"}), 1);
    assert_eq!(decision.verdict, Verdict::Failed);
    assert_eq!(decision.errors.len(), 1, "{decision:?}");
    // A number that the policy language does not have cannot be asked about either.
    let huge = json!({"path": "a", "lines": 18_446_744_073_709_551_615_u64});
    assert_eq!(decide(POLICY, "Person::kim", "shelf.look", &huge, 1).verdict, Verdict::Failed);
}

#[test]
fn slices_leave_out_nothing_that_could_apply() {
    let tools = tools();
    let policy = Policy::read(POLICY, &tools).unwrap();
    let whole = named(&PolicySet::from_str(POLICY).unwrap()).unwrap();
    for caller in ["Agent::devops", "Agent::other", "Person::kim", "Person::devops", "Service::shop"] {
        for spec in tools.specs() {
            for (lines, words, environment, calls) in [
                (1, "yes", "local", 1),
                (200, "yes", "local", 1),
                (1, "no", "local", 1),
                (1, "yes", "production", 20),
            ] {
                let arguments =
                    json!({"path": "a", "lines": lines, "words": [words], "environment": environment});
                let question = Question {
                    caller: &Caller::parse(caller).unwrap(),
                    tool: spec.name,
                    arguments: &arguments,
                    environment,
                    at: brainops_event::parse_timestamp("2026-11-28T03:00:00Z").unwrap(),
                    calls_this_hour: calls,
                };
                let request = policy.request(&question).unwrap();
                let sliced = policy.decide(&question);
                let response = policy.authorizer.is_authorized(&request, &whole, &policy.entities);
                let mut all: Vec<String> = response.diagnostics().reason().map(ToString::to_string).collect();
                all.sort();
                assert_eq!(sliced.policies, all, "{caller} {} {arguments}", spec.name);
                let is_allowed = response.decision() == CedarDecision::Allow;
                assert_eq!(sliced.verdict == Verdict::Permitted, is_allowed);
            }
        }
    }
}

#[test]
fn a_policy_of_a_thousand_rules_looks_at_a_handful() {
    let mut text = String::new();
    for number in 0..1_000 {
        text.push_str(&format!(
            "@id(\"r{number}\") permit(principal == Agent::\"agent-{}\", action == Action::\"{}\", resource) when {{ context.arguments.path like \
             \"p{number}/*\" }};\n",
            number % 300,
            ["shelf.look", "shelf.put", "fire.burn"][number % 3],
        ));
    }
    let tools = tools();
    let policy = Policy::read(&text, &tools).unwrap();
    let caller = Caller::parse("Agent::agent-4").unwrap();
    let slice = policy.slices.of_call("shelf.put", &caller);
    assert_eq!(slice.policies().count(), 4);
    let question = Question {
        caller: &caller,
        tool: "shelf.put",
        arguments: &json!({"path": "p304/x"}),
        environment: "local",
        at: brainops_event::parse_timestamp("2026-11-27T14:30:00Z").unwrap(),
        calls_this_hour: 1,
    };
    assert_eq!(policy.decide(&question).policies, ["r304"]);
}
