//! What an agent allows itself. Pure.

use brainops_event::CausePath;
use serde::{Deserialize, Serialize};

use crate::refusal::{Refusal, RefusalClass};

/// What an agent allows itself: beyond it, sagas park instead of reacting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How many reactions of sagas the chain of causes may have, this one among them. Default: 100.
    pub hops: u32,
    /// How often one saga may be woken again by what it has said itself, through whatever other sagas. Default: 30.
    ///
    /// Timers and people begin a chain anew, so that reminders and retries are no loops.
    pub rounds: u32,
    /// How many actions all sagas of the agent may decide in an hour of the clock: commands, intents, tasks, calls of tools,
    /// approvals. Default: `None`, as many as it likes.
    pub actions_per_hour: Option<u64>,
    /// What these may cost together in an hour, in the unit that the agent uses for [`crate::Say::costing`], such as millionths
    /// of a euro. Default: `None`.
    pub cost_per_hour: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Limits {
    /// What an agent allows itself that says nothing of it.
    pub const DEFAULT: Self = Self { hops: 100, rounds: 30, actions_per_hour: None, cost_per_hour: None };

    /// Whether a saga may decide anything about an input with this path.
    pub(crate) fn check_chain(&self, before: &CausePath, saga: &str) -> Result<(), Refusal> {
        if before.times(saga) > self.rounds {
            return Err(Refusal::of(RefusalClass::Looping, "too_many_rounds"));
        }
        if before.hops() >= self.hops {
            return Err(Refusal::of(RefusalClass::Looping, "too_many_hops"));
        }
        Ok(())
    }
}

/// What an installation lets an agent do instead of what its code says: the section `[agents.<name>.budget]`. What is not
/// given stays as the code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BudgetConfig {
    /// In place of [`Limits::actions_per_hour`].
    pub actions_per_hour: Option<u64>,
    /// In place of [`Limits::cost_per_hour`].
    pub cost_per_hour: Option<u64>,
    /// In place of [`Limits::hops`].
    pub hops: Option<u32>,
}

impl BudgetConfig {
    pub(crate) fn over(self, limits: Limits) -> Limits {
        Limits {
            hops: self.hops.unwrap_or(limits.hops),
            actions_per_hour: self.actions_per_hour.or(limits.actions_per_hour),
            cost_per_hour: self.cost_per_hour.or(limits.cost_per_hour),
            rounds: limits.rounds,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_configured_holds_and_the_rest_is_as_the_code_says() {
        let code = Limits { hops: 16, rounds: 3, actions_per_hour: Some(5), cost_per_hour: None };
        assert_eq!(BudgetConfig::default().over(code), code);
        let budget =
            BudgetConfig { actions_per_hour: Some(9), cost_per_hour: Some(70), ..BudgetConfig::default() };
        let expected = Limits { actions_per_hour: Some(9), cost_per_hour: Some(70), ..code };
        assert_eq!(budget.over(code), expected);
        assert_eq!(BudgetConfig { hops: Some(2), ..budget }.over(code), Limits { hops: 2, ..expected });
    }

    #[test]
    fn a_chain_may_be_as_long_and_come_around_as_often_as_is_said() {
        let limits = Limits { hops: 5, rounds: 1, ..Limits::DEFAULT };
        let path = |sagas: &[&str]| sagas.iter().fold(CausePath::default(), |path, saga| path.through(saga));
        let check =
            |sagas: &[&str]| limits.check_chain(&path(sagas), "a/1").map_err(|refusal| refusal.code());
        assert_eq!(check(&["a/1", "b/1"]), Ok(()));
        assert_eq!(check(&["a/1", "b/1", "a/1", "b/1"]), Err("too_many_rounds"));
        assert_eq!(check(&["b/1", "c/1", "d/1", "e/1"]), Ok(()));
        assert_eq!(check(&["b/1", "c/1", "d/1", "e/1", "f/1"]), Err("too_many_hops"));
    }
}
