//! The policy: who may call which tool, with which arguments, where and when. A file in Cedar; nothing is permitted that it
//! does not permit, and what it forbids stays forbidden whatever it permits.
//!
//! | in the file | is |
//! |---|---|
//! | `principal` | `Agent::"name"`, `Person::"login"` or `Service::"source"` |
//! | `action` | `Action::"files.read"`; groups of them: the family `Action::"files"`, and `Action::"reads"`, `"writes"`, `"critical"` |
//! | `resource` | `Environment::"production"`: the argument `environment`, or the gate's own |
//! | `context.arguments` | the arguments of the call, typed as the tool types them |
//! | `context.calls_this_hour` | how many calls the caller has asked for in this hour of the log, with this one |
//! | `context.hour`, `context.weekday` | of the time at which the log recorded the call, in UTC; Monday is 1 |
//!
//! **Checked before it serves.** Cedar's validator knows every tool and its arguments, so a name that is misspelt is refused
//! when the file is read. Every policy needs an `@id`, by which decisions name it.
//!
//! **Fails closed.** A policy that cannot be evaluated makes the decision a denial: Cedar itself would leave out a `forbid`
//! that fails.
//!
//! **Sliced.** A decision looks only at the policies that name the tool (or a group of it, or none) and the caller (or none): of
//! a thousand rules, a handful. What is left out could not have applied.

mod cases;
mod context;
mod schema;
mod slices;

use std::collections::BTreeMap;
use std::str::FromStr as _;

use cedar_policy::{
    Authorizer, Decision as CedarDecision, Entities, EntityId, EntityTypeName, EntityUid, PolicyId,
    PolicySet, Request, Schema, ValidationMode, Validator,
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

pub(crate) use cases::environment_of;
pub use cases::{Case, CaseError, CaseOutcome, Cases};
pub use context::Question;
use slices::Slices;

use crate::name::CallerKind;
use crate::toolbox::Toolbox;

/// A policy that was read and checked.
pub struct Policy {
    digest: String,
    words: Words,
    entities: Entities,
    slices: Slices,
    authorizer: Authorizer,
    policies: usize,
}

/// A policy cannot be used.
#[derive(Debug, Error)]
pub enum PolicyError {
    /// It is not Cedar.
    #[error("the policy cannot be read: {0}")]
    Syntax(String),
    /// A policy is a template, which nothing would fill in.
    #[error("the policy has templates (with ?principal or ?resource), accepted are policies")]
    Template,
    /// A policy has no name.
    #[error("a policy has no @id(\"...\"), accepted is one of its own in front of each: {policy}")]
    Nameless {
        /// The beginning of its text.
        policy: String,
    },
    /// Two policies have one name.
    #[error("two policies have the @id {id:?}")]
    Twice {
        /// The name.
        id: String,
    },
    /// It names tools, arguments or callers that there are none of, or compares what cannot be compared.
    #[error("the policy does not fit the tools: {}", .0.join("; "))]
    Unfit(Vec<String>),
    /// What is known of the tools makes no schema: a fault of this program.
    #[error("the tools cannot be described to the policy: {0}")]
    Schema(String),
}

/// Names that every question needs, parsed once.
struct Words {
    /// By kind, in the order of [`CallerKind::ALL`].
    callers: [EntityTypeName; 3],
    environment: EntityTypeName,
    tools: BTreeMap<&'static str, ToolWords>,
}

/// Those of one tool.
struct ToolWords {
    action: EntityUid,
    /// Its arguments as the schema has them; none where it has none of them.
    arguments: Option<Value>,
}

impl Words {
    fn of(tools: &Toolbox) -> Result<Self, String> {
        let kind = |name: &str| EntityTypeName::from_str(name).map_err(|error| error.to_string());
        let action = kind("Action")?;
        let words = |spec: &crate::spec::Spec| ToolWords {
            action: EntityUid::from_type_name_and_id(action.clone(), EntityId::new(spec.name)),
            arguments: schema::record(spec.arguments.as_value()),
        };
        let [agent, person, service] = CallerKind::ALL.map(CallerKind::as_str);
        Ok(Self {
            callers: [kind(agent)?, kind(person)?, kind(service)?],
            environment: kind("Environment")?,
            tools: tools.specs().map(|spec| (spec.name, words(spec))).collect(),
        })
    }
}

/// What the policy says to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may be done.
    Permitted,
    /// Nothing permits it.
    NotPermitted,
    /// It is forbidden.
    Forbidden,
    /// Policies could not be evaluated, or the question could not be put: it may not be done.
    Failed,
}

impl Verdict {
    /// Its word in the log; `permitted` for what is not denied.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Permitted => "permitted",
            Self::NotPermitted => "not_permitted",
            Self::Forbidden => "forbidden",
            Self::Failed => "policy_error",
        }
    }
}

/// A decision, with the policies that led to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What.
    pub verdict: Verdict,
    /// Ids of the policies that permit, forbid, or could not be evaluated, in order.
    pub policies: Vec<String>,
    /// What went wrong, for people.
    pub errors: Vec<String>,
}

impl Policy {
    /// Reads a policy for these tools.
    ///
    /// # Errors
    /// [`PolicyError`].
    pub fn read(text: &str, tools: &Toolbox) -> Result<Self, PolicyError> {
        let read = PolicySet::from_str(text).map_err(|error| PolicyError::Syntax(told(&error)))?;
        if read.templates().next().is_some() {
            return Err(PolicyError::Template);
        }
        let named = named(&read)?;
        let schema = schema::schema(tools).map_err(PolicyError::Schema)?;
        check(&named, &schema)?;
        let entities = schema.action_entities().map_err(|error| PolicyError::Schema(error.to_string()))?;
        let slices = Slices::of(&named, tools);
        let words = Words::of(tools).map_err(PolicyError::Schema)?;
        Ok(Self {
            digest: hex::encode(Sha256::digest(text.as_bytes())),
            policies: named.policies().count(),
            authorizer: Authorizer::new(),
            words,
            entities,
            slices,
        })
    }

    /// SHA-256 of its text, 64 hexadecimal digits: its version.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// How many policies it has.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.policies
    }

    /// Whether it permits nothing, for it has no policies.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.policies == 0
    }

    /// Decides about a call. Pure: the same question has the same answer.
    #[must_use]
    pub fn decide(&self, question: &Question<'_>) -> Decision {
        match self.request(question) {
            Ok(request) => self.judge(question, &request),
            Err(error) => Decision { verdict: Verdict::Failed, policies: Vec::new(), errors: vec![error] },
        }
    }

    fn request(&self, question: &Question<'_>) -> Result<Request, String> {
        let tool = self.words.tools.get(question.tool);
        let tool = tool.ok_or_else(|| format!("the policy was read without the tool {:?}", question.tool))?;
        let context = context::context(question, tool)?;
        let kind = self.words.callers[question.caller.kind as usize].clone();
        let principal = EntityUid::from_type_name_and_id(kind, EntityId::new(&question.caller.name));
        let environment = self.words.environment.clone();
        let resource = EntityUid::from_type_name_and_id(environment, EntityId::new(question.environment));
        // The context has the types of the schema by its making.
        let request = Request::new(principal, tool.action.clone(), resource, context, None);
        request.map_err(|error| error.to_string())
    }

    fn judge(&self, question: &Question<'_>, request: &Request) -> Decision {
        let slice = self.slices.of_call(question.tool, question.caller);
        let response = self.authorizer.is_authorized(request, slice, &self.entities);
        let diagnostics = response.diagnostics();
        let errors: Vec<String> = diagnostics.errors().map(ToString::to_string).collect();
        let mut policies: Vec<String> = diagnostics.reason().map(ToString::to_string).collect();
        policies.sort();
        let verdict = match response.decision() {
            _ if !errors.is_empty() => Verdict::Failed,
            CedarDecision::Allow => Verdict::Permitted,
            CedarDecision::Deny if policies.is_empty() => Verdict::NotPermitted,
            CedarDecision::Deny => Verdict::Forbidden,
        };
        Decision { verdict, policies, errors }
    }
}

impl std::fmt::Debug for Policy {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Policy")
            .field("digest", &self.digest)
            .field("policies", &self.policies)
            .finish_non_exhaustive()
    }
}

/// The policies under the names that their authors gave them.
fn named(read: &PolicySet) -> Result<PolicySet, PolicyError> {
    let mut named = PolicySet::new();
    for policy in read.policies() {
        let id = policy.annotation("id").filter(|id| !id.is_empty());
        let Some(id) = id.map(str::to_owned) else {
            let policy = policy.to_string().chars().take(120).collect();
            return Err(PolicyError::Nameless { policy });
        };
        let renamed = policy.new_id(PolicyId::new(&id));
        named.add(renamed).map_err(|_| PolicyError::Twice { id })?;
    }
    Ok(named)
}

fn check(policies: &PolicySet, schema: &Schema) -> Result<(), PolicyError> {
    let result = Validator::new(schema.clone()).validate(policies, ValidationMode::Strict);
    let flaws: Vec<String> = result
        .validation_errors()
        .map(ToString::to_string)
        .chain(result.validation_warnings().map(ToString::to_string))
        .collect();
    if flaws.is_empty() { Ok(()) } else { Err(PolicyError::Unfit(flaws)) }
}

/// The whole of what a parser says.
fn told(errors: &cedar_policy::ParseErrors) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests;
