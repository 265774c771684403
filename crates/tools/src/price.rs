//! What acts cost, by a price list: so that people see what their agents spend.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What an act of a tool costs, in millionths of the unit of money that the installation reckons in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Price {
    /// Each act, however it ends. Default: 0.
    pub call_micros: u32,
    /// Each second that it takes; parts of one count as such. Default: 0.
    pub second_micros: u32,
}

impl Price {
    /// What an act costs that took so long, in millionths; parts of a millionth are left out.
    pub(crate) fn of(self, took: Duration) -> i64 {
        let time = u128::from(self.second_micros) * took.as_millis() / 1_000;
        i64::try_from(u128::from(self.call_micros) + time).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_act_costs_by_itself_and_by_its_time() {
        let price = Price { call_micros: 1_000, second_micros: 50 };
        assert_eq!(price.of(Duration::ZERO), 1_000);
        assert_eq!(price.of(Duration::from_millis(2_500)), 1_125);
        assert_eq!(Price::default().of(Duration::from_secs(1_000_000)), 0);
        let dear = Price { call_micros: u32::MAX, second_micros: u32::MAX };
        assert_eq!(dear.of(Duration::MAX), i64::MAX);
    }
}
