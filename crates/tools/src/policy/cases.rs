//! A table of calls and what the policy must say to each: `policy test`.

use brainops_event::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use super::{Decision, Policy, Question, Verdict};
use crate::name::Caller;
use crate::toolbox::Toolbox;

/// The table, in TOML: `[[case]]` with `caller`, `tool`, `arguments`, `expect`, and what else the policy may look at.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cases {
    /// The cases.
    #[serde(default)]
    pub case: Vec<Case>,
}

/// One call.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Who asks: `Agent::name`, `Person::name` or `Service::name`.
    pub caller: String,
    /// Name of the tool.
    pub tool: String,
    /// The arguments.
    #[serde(default = "nothing")]
    pub arguments: Value,
    /// Where; as in the gate when nothing is said.
    pub environment: Option<String>,
    /// When, as RFC 3339; the first moment of 2026 when nothing is said.
    pub at: Option<Timestamp>,
    /// How many calls the caller has asked for in this hour. Default: 1.
    pub calls_this_hour: Option<i64>,
    /// What the policy must say: `permitted`, `not_permitted` or `forbidden`.
    pub expect: String,
    /// Ids of the policies that must lead to it; not looked at when nothing is said.
    pub because: Option<Vec<String>>,
}

/// A case cannot be put to the policy.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CaseError {
    /// Who asks is none.
    #[error("caller is {found:?}, accepted are Agent::name, Person::name and Service::name")]
    Caller {
        /// What it says.
        found: String,
    },
    /// There is no such tool.
    #[error("tool is {found:?}, accepted are {known}")]
    Tool {
        /// What it says.
        found: String,
        /// Names of the tools.
        known: String,
    },
    /// The tool does not take these.
    #[error("arguments.{field}: {accepted}")]
    Arguments {
        /// The field.
        field: String,
        /// What it accepts.
        accepted: String,
    },
    /// What is expected is none.
    #[error("expect is {found:?}, accepted are permitted, not_permitted and forbidden")]
    Expect {
        /// What it says.
        found: String,
    },
}

/// How a case came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseOutcome {
    /// What the policy says.
    pub decision: Decision,
    /// Whether that was expected.
    pub is_expected: bool,
}

fn nothing() -> Value {
    Value::Object(serde_json::Map::new())
}

impl Case {
    /// Puts it to a policy.
    ///
    /// # Errors
    /// [`CaseError`].
    pub fn put(&self, policy: &Policy, tools: &Toolbox, environment: &str) -> Result<CaseOutcome, CaseError> {
        let caller = Caller::parse(&self.caller).ok_or(CaseError::Caller { found: self.caller.clone() })?;
        let expected = [Verdict::Permitted, Verdict::NotPermitted, Verdict::Forbidden];
        let expected = expected.into_iter().find(|verdict| verdict.as_str() == self.expect);
        let expected = expected.ok_or(CaseError::Expect { found: self.expect.clone() })?;
        let Some(tool) = tools.tool(&self.tool) else {
            let known = tools.specs().map(|spec| spec.name).collect::<Vec<_>>().join(", ");
            return Err(CaseError::Tool { found: self.tool.clone(), known });
        };
        let bad = |error: crate::tool::BadArguments| CaseError::Arguments {
            field: error.field,
            accepted: error.accepted,
        };
        tool.check(&self.arguments).map_err(bad)?;
        let decision = policy.decide(&Question {
            caller: &caller,
            tool: &self.tool,
            arguments: &self.arguments,
            environment: environment_of(&self.arguments, self.environment.as_deref().unwrap_or(environment)),
            at: self
                .at
                .or_else(|| brainops_event::parse_timestamp("2026-01-01T00:00:00Z").ok())
                .unwrap_or_default(),
            calls_this_hour: self.calls_this_hour.unwrap_or(1),
        });
        let is_because = self.because.as_ref().is_none_or(|because| *because == decision.policies);
        Ok(CaseOutcome { is_expected: decision.verdict == expected && is_because, decision })
    }
}

/// Where a call acts: what its arguments say, or the gate's own place.
pub(crate) fn environment_of<'a>(arguments: &'a Value, default: &'a str) -> &'a str {
    arguments.get("environment").and_then(Value::as_str).unwrap_or(default)
}
