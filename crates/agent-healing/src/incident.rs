//! One incident: what its saga remembers.

use std::collections::BTreeMap;

use brainops_event::Timestamp;
use serde::{Deserialize, Serialize};

use crate::body;
use crate::terms::MAX_ALERTS;

/// What the agent remembers of an incident. It is opened by the first input of its saga.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Incident {
    /// Its id; empty until it is opened.
    pub id: String,
    /// When the log recorded the alert that opened it.
    pub opened_at: Timestamp,
    /// The last firing of each of its alerts, by the alert's subject.
    pub alerts: BTreeMap<String, Firing>,
    /// How many alerts it has gathered, counted each time one fired.
    pub gathered: i32,
    /// Who has taken charge.
    pub acknowledged_by: Option<String>,
    /// How often it was escalated.
    pub level: i32,
}

/// One firing of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Firing {
    /// When it began.
    pub starts_at: Timestamp,
    /// When it ended; none while it lasts.
    pub ends_at: Option<Timestamp>,
}

impl Incident {
    /// Takes an alert that fires; false if that is no news: it was said before, it has ended, or the alert has fired anew
    /// since. One alert cannot fire twice at once, so a new firing ends the one before.
    pub(crate) fn fires(&mut self, alert: &str, fired: &body::Fired) -> bool {
        let starts_at = fired.starts_at;
        let known = self.alerts.get(alert);
        let is_old = known.is_some_and(|known| known.starts_at >= starts_at);
        if is_old || (known.is_none() && self.is_full()) {
            return false;
        }
        self.alerts.insert(alert.to_owned(), Firing { starts_at, ends_at: None });
        self.gathered += 1;
        true
    }

    /// Takes the end of an alert. Of several ends the latest holds. The end of a firing that nobody told of is kept too: if
    /// its beginning is told later, it is over already.
    pub(crate) fn ends(&mut self, alert: &str, resolved: &body::Resolved) {
        let body::Resolved { starts_at, ends_at } = *resolved;
        let is_full = self.is_full();
        match self.alerts.get_mut(alert) {
            Some(known) if known.starts_at > starts_at => {}
            Some(known) if known.starts_at == starts_at => known.ends_at = known.ends_at.max(Some(ends_at)),
            None if is_full => {}
            _ => {
                self.alerts.insert(alert.to_owned(), Firing { starts_at, ends_at: Some(ends_at) });
            }
        }
    }

    /// Whether one of its alerts fires.
    #[must_use]
    pub fn is_firing(&self) -> bool {
        self.alerts.values().any(|firing| firing.ends_at.is_none())
    }

    /// When its last alert ended; none while one fires.
    #[must_use]
    pub fn ended_at(&self) -> Option<Timestamp> {
        if self.is_firing() { None } else { self.alerts.values().filter_map(|firing| firing.ends_at).max() }
    }

    fn is_full(&self) -> bool {
        self.alerts.len() >= MAX_ALERTS
    }
}
