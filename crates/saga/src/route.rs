//! Whom an event concerns.

/// What an event may do with a saga of a correlation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Delivery {
    /// It is for a saga that runs; without one it is for nobody.
    Running,
    /// It is for a saga that runs; without one it is kept until one begins.
    Kept,
    /// It begins the saga of this correlation, if there was none yet.
    Begins,
    /// It begins a saga of this correlation, if none runs.
    BeginsAgain,
}

/// Whom an event concerns: sagas by their correlations. Where a saga runs already, every delivery reaches it alike.
///
/// A correlation is an opaque id, never personal: it becomes a part of subjects and keys.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Route(Vec<(String, Delivery)>);

impl Route {
    /// Nobody.
    #[must_use]
    pub const fn nobody() -> Self {
        Self(Vec::new())
    }

    /// The running saga of this correlation.
    pub fn running(correlation: impl Into<String>) -> Self {
        Self(vec![(correlation.into(), Delivery::Running)])
    }

    /// The saga of this correlation, also if it begins only later: for signals that may overtake the beginning on
    /// another topic. They are kept for as long as it takes.
    pub fn kept(correlation: impl Into<String>) -> Self {
        Self(vec![(correlation.into(), Delivery::Kept)])
    }

    /// The saga of this correlation, which it begins. One that has ended never begins again.
    pub fn begins(correlation: impl Into<String>) -> Self {
        Self(vec![(correlation.into(), Delivery::Begins)])
    }

    /// The running saga of this correlation, or a new one.
    pub fn begins_again(correlation: impl Into<String>) -> Self {
        Self(vec![(correlation.into(), Delivery::BeginsAgain)])
    }

    /// These and those.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Correlations and deliveries.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Delivery)> {
        self.0.iter().map(|(correlation, delivery)| (correlation.as_str(), *delivery))
    }
}
