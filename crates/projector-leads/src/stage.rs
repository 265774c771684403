//! The stages of a lead.

use std::fmt;
use std::str::FromStr;

/// Where a lead stands. In this order a lead goes forward; the last three end it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Somebody knows of it.
    Discovered,
    /// It fits what is sold.
    Qualified,
    /// A message went to it.
    Contacted,
    /// It answered.
    Replied,
    /// A demonstration was agreed on.
    Demo,
    /// It does not fit.
    Disqualified,
    /// It will not buy.
    Lost,
    /// It bought.
    Won,
}

/// A stored stage that is none; the word stands for itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no stage of a lead, accepted is discovered, qualified, contacted, replied, demo, won, lost or disqualified"
)]
pub struct UnknownStage(pub String);

impl Stage {
    /// All stages, the ends last.
    pub const ALL: [Self; 8] = [
        Self::Discovered,
        Self::Qualified,
        Self::Contacted,
        Self::Replied,
        Self::Demo,
        Self::Disqualified,
        Self::Lost,
        Self::Won,
    ];

    /// The word in the tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Discovered => "discovered",
            Self::Qualified => "qualified",
            Self::Contacted => "contacted",
            Self::Replied => "replied",
            Self::Demo => "demo",
            Self::Disqualified => "disqualified",
            Self::Lost => "lost",
            Self::Won => "won",
        }
    }

    /// Whether the stage ends a lead.
    #[must_use]
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Disqualified | Self::Lost | Self::Won)
    }

    /// The stage that an event of this type means; none when it moves nothing.
    pub(crate) fn of_event_type(event_type: &str) -> Option<Self> {
        match event_type {
            "lead.discovered" => Some(Self::Discovered),
            "lead.qualified" => Some(Self::Qualified),
            "outreach.sent" => Some(Self::Contacted),
            "outreach.replied" => Some(Self::Replied),
            "lead.demo.scheduled" => Some(Self::Demo),
            "lead.disqualified" => Some(Self::Disqualified),
            "lead.lost" => Some(Self::Lost),
            "lead.won" => Some(Self::Won),
            _ => None,
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Stage {
    type Err = UnknownStage;

    fn from_str(text: &str) -> Result<Self, UnknownStage> {
        Self::ALL
            .into_iter()
            .find(|known| known.as_str() == text)
            .ok_or_else(|| UnknownStage(text.to_owned()))
    }
}
