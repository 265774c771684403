//! Which policies can apply to a call at all.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{ActionConstraint, EntityUid, Policy, PolicySet, PrincipalConstraint};

use crate::name::Caller;
use crate::spec::Spec;
use crate::toolbox::Toolbox;

/// The policies by tool and caller.
#[derive(Debug, Default)]
pub(super) struct Slices {
    by_tool: BTreeMap<String, ToolSlice>,
    none: PolicySet,
}

/// Those of one tool.
#[derive(Debug)]
struct ToolSlice {
    /// For callers that no policy names.
    others: PolicySet,
    /// For callers that one does, with those for all.
    by_caller: BTreeMap<String, PolicySet>,
}

impl Slices {
    pub(super) fn of(policies: &PolicySet, tools: &Toolbox) -> Self {
        let by_tool =
            tools.specs().map(|spec| (spec.name.to_owned(), ToolSlice::of(policies, spec))).collect();
        Self { by_tool, none: PolicySet::new() }
    }

    pub(super) fn of_call(&self, tool: &str, caller: &Caller) -> &PolicySet {
        let Some(slice) = self.by_tool.get(tool) else { return &self.none };
        slice.by_caller.get(&key(caller.kind.as_str(), &caller.name)).unwrap_or(&slice.others)
    }
}

impl ToolSlice {
    fn of(policies: &PolicySet, spec: &Spec) -> Self {
        let of_tool: Vec<&Policy> = policies.policies().filter(|policy| names(policy, spec)).collect();
        let callers: BTreeSet<String> = of_tool.iter().filter_map(|policy| caller(policy)).collect();
        let set = |wanted: Option<&String>| {
            let fitting = of_tool.iter().filter(|policy| {
                let caller = caller(policy);
                caller.is_none() || caller.as_ref() == wanted
            });
            // Names are distinct, so that none is refused.
            PolicySet::from_policies(fitting.map(|policy| (*policy).clone())).unwrap_or_default()
        };
        let by_caller = callers.iter().map(|caller| (caller.clone(), set(Some(caller)))).collect();
        Self { others: set(None), by_caller }
    }
}

/// Whether a policy names the tool, a group of it, or none.
fn names(policy: &Policy, spec: &Spec) -> bool {
    let is_of = |action: &EntityUid| {
        let name: &str = action.id().unescaped();
        name == spec.name || name == spec.family() || name == spec.effect.as_str()
    };
    match policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(action) => is_of(&action),
        ActionConstraint::In(actions) => actions.iter().any(is_of),
    }
}

/// The one caller to whom a policy can apply; none when it can to several. Callers have no groups, so `in` is `==`.
fn caller(policy: &Policy) -> Option<String> {
    match policy.principal_constraint() {
        PrincipalConstraint::Eq(uid) | PrincipalConstraint::In(uid) => {
            Some(key(&uid.type_name().to_string(), uid.id().unescaped()))
        }
        PrincipalConstraint::Any | PrincipalConstraint::Is(_) | PrincipalConstraint::IsIn(..) => None,
    }
}

fn key(kind: &str, name: &str) -> String {
    format!("{kind}::{name}")
}
