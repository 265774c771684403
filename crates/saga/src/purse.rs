//! What an agent may still spend in this hour. Pure.

use std::collections::BTreeSet;

use crate::limits::Limits;
use crate::pen::Written;
use crate::refusal::{Refusal, RefusalClass};

/// Codes of refusals, which name the budget.
pub(crate) const ACTIONS: &str = "actions_per_hour";
pub(crate) const COST: &str = "cost_per_hour";

/// What is left, and which budgets did not suffice. Without a budget there is no end of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Purse {
    actions: Option<u64>,
    cost: Option<u64>,
    exhausted: BTreeSet<&'static str>,
}

/// What something takes out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Price {
    pub(crate) actions: u64,
    pub(crate) cost: u64,
}

impl Purse {
    /// One without an end.
    pub(crate) const UNBOUNDED: Self = Self { actions: None, cost: None, exhausted: BTreeSet::new() };

    /// What is left of the limits once this was spent.
    pub(crate) fn left(limits: &Limits, spent: Price) -> Self {
        Self {
            actions: limits.actions_per_hour.map(|limit| limit.saturating_sub(spent.actions)),
            cost: limits.cost_per_hour.map(|limit| limit.saturating_sub(spent.cost)),
            exhausted: BTreeSet::new(),
        }
    }

    /// Pays a price as a whole, or not at all: what wants less may still fit.
    pub(crate) fn pay(&mut self, price: Price) -> Result<(), Refusal> {
        let over = |left: Option<u64>, wanted: u64| left.is_some_and(|left| wanted > left);
        let code = if over(self.actions, price.actions) {
            ACTIONS
        } else if over(self.cost, price.cost) {
            COST
        } else {
            self.actions = self.actions.map(|left| left - price.actions);
            self.cost = self.cost.map(|left| left - price.cost);
            return Ok(());
        };
        self.exhausted.insert(code);
        Err(Refusal::of(RefusalClass::OverBudget, code))
    }

    /// Takes a price out that a person lets pass, be there so much or not.
    pub(crate) fn charge(&mut self, price: Price) {
        self.actions = self.actions.map(|left| left.saturating_sub(price.actions));
        self.cost = self.cost.map(|left| left.saturating_sub(price.cost));
    }

    /// The budgets that did not suffice.
    pub(crate) const fn exhausted(&self) -> &BTreeSet<&'static str> {
        &self.exhausted
    }
}

impl Price {
    /// That of what was decided; facts cost nothing.
    pub(crate) fn of<'a>(written: impl IntoIterator<Item = &'a Written>) -> Self {
        let acts = written
            .into_iter()
            .filter(|one| !one.is_fact && is_action(one.event.envelope.event_type().as_str()));
        acts.fold(Self::default(), |sum, act| sum.and(Self { actions: 1, cost: act.cost }))
    }

    pub(crate) const fn and(self, other: Self) -> Self {
        Self {
            actions: self.actions.saturating_add(other.actions),
            cost: self.cost.saturating_add(other.cost),
        }
    }
}

/// Whether a decision of this type makes something happen, rather than saying what is so.
fn is_action(event_type: &str) -> bool {
    let prefixes = ["agent.command.", "agent.intent.", "agent.task.", "tool.call.", "approval."];
    prefixes.iter().any(|prefix| event_type.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(actions: u64, cost: u64) -> Price {
        Price { actions, cost }
    }

    #[test]
    fn a_price_is_paid_as_a_whole_or_not_at_all() {
        let limits = Limits { actions_per_hour: Some(5), cost_per_hour: Some(100), ..Limits::DEFAULT };
        let mut purse = Purse::left(&limits, price(1, 30));
        let mut pay = |actions, cost| purse.pay(price(actions, cost)).map_err(|refusal| refusal.code());
        assert_eq!(pay(3, 40), Ok(()));
        assert_eq!(pay(2, 0), Err(ACTIONS));
        assert_eq!(pay(1, 31), Err(COST));
        assert_eq!(pay(1, 30), Ok(()), "what wants less still fits");
        assert_eq!(pay(0, 0), Ok(()), "who only listens pays nothing");
        assert_eq!(pay(u64::MAX, u64::MAX), Err(ACTIONS));
        assert_eq!(purse.exhausted().len(), 2);
        let mut purse = Purse::left(&limits, price(1, 30));
        purse.charge(price(9, 60));
        let mut pay = |actions, cost| purse.pay(price(actions, cost)).map_err(|refusal| refusal.code());
        assert_eq!((pay(1, 0), pay(0, 10)), (Err(ACTIONS), Ok(())), "a person let pass what was not there");
        assert_eq!(
            Purse::left(&limits, price(9, u64::MAX)).pay(price(0, 1)).map_err(|refusal| refusal.code()),
            Err(COST)
        );
        assert!(Purse::left(&Limits::DEFAULT, price(9, 9)).pay(price(u64::MAX, u64::MAX)).is_ok());
    }

    #[test]
    fn facts_are_no_actions() {
        assert!(is_action("agent.task.follow_up") && is_action("tool.call.requested"));
        assert!(!is_action("incident.opened") && !is_action("saga.timer.set"));
    }
}
