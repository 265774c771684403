//! A past moment as people write it: a time, a day, or a place in the log.

use std::str::FromStr;

use brainops_event::{Frontier, Position, PositionError, parse_timestamp};
use thiserror::Error;

use super::resolve::MomentAt;

/// Why a text names no moment.
#[derive(Debug, Error)]
pub enum MomentTextError {
    /// It is no time.
    #[error(
        "{found:?} is no time; accepted are times such as 2026-10-01T00:00Z and days such as 2026-10-01, UTC"
    )]
    Time {
        /// The text.
        found: String,
    },
    /// A part of it is no place in the log.
    #[error("{found:?} is no place in the log; accepted is topic/partition@offset")]
    Place {
        /// The part.
        found: String,
        /// Why.
        source: PositionError,
    },
    /// It begins like JSON, and is no frontier.
    #[error("the frontier cannot be read as JSON")]
    Json(#[source] serde_json::Error),
    /// It is a frontier of nothing.
    #[error("the frontier names no partition; accepted is topic/partition@offset")]
    NoPlace,
}

impl MomentAt {
    /// A time as RFC 3339 has it, with or without seconds, or a day: its beginning, UTC.
    ///
    /// # Errors
    /// [`MomentTextError::Time`].
    pub fn time(text: &str) -> Result<Self, MomentTextError> {
        let refused = || MomentTextError::Time { found: text.chars().take(100).collect() };
        written_out(text).and_then(|text| parse_timestamp(&text).ok()).map(Self::Time).ok_or_else(refused)
    }

    /// A frontier as answers show it: `topic/partition@offset` with spaces or commas between, or JSON.
    ///
    /// # Errors
    /// [`MomentTextError`] when it is none, or names no partition.
    pub fn frontier(text: &str) -> Result<Self, MomentTextError> {
        let frontier: Frontier = if is_json(text) {
            serde_json::from_str(text).map_err(MomentTextError::Json)?
        } else {
            let places = text.split([' ', ',']).filter(|place| !place.is_empty());
            let places = places.map(|place| {
                let refused = |source| MomentTextError::Place { found: place.to_owned(), source };
                let at: Position = place.parse().map_err(refused)?;
                Ok((at.topic, at.partition, at.offset))
            });
            places.collect::<Result<_, MomentTextError>>()?
        };
        if frontier.is_empty() { Err(MomentTextError::NoPlace) } else { Ok(Self::Frontier(frontier)) }
    }
}

/// A time, a day or a frontier, whichever it looks like.
impl FromStr for MomentAt {
    type Err = MomentTextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains('@') || is_json(text) { Self::frontier(text) } else { Self::time(text) }
    }
}

fn is_json(text: &str) -> bool {
    text.trim_start().starts_with('{')
}

/// The time with what may be left out: seconds, or all after the day.
fn written_out(text: &str) -> Option<String> {
    const DAY: usize = "2026-10-01".len();
    const MINUTE: usize = "2026-10-01T00:00".len();
    if text.len() == DAY {
        return Some(format!("{text}T00:00:00Z"));
    }
    let (minute, rest) = text.split_at_checked(MINUTE)?;
    let seconds = if rest.starts_with(['Z', 'z', '+', '-']) { ":00" } else { "" };
    Some(format!("{minute}{seconds}{rest}"))
}

#[cfg(test)]
mod tests {
    use brainops_event::Timestamp;

    use super::*;

    fn time(text: &str) -> Result<Timestamp, MomentTextError> {
        match text.parse()? {
            MomentAt::Time(time) => Ok(time),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn times_may_be_short() {
        for (text, expected) in [
            ("2026-10-01T00:00Z", "2026-10-01T00:00:00Z"),
            ("2026-10-01T01:30+02:00", "2026-09-30T23:30:00Z"),
            ("2026-10-01", "2026-10-01T00:00:00Z"),
            ("2026-10-01T12:30:15.5+02:00", "2026-10-01T10:30:15.500Z"),
        ] {
            assert_eq!(time(text).unwrap(), parse_timestamp(expected).unwrap(), "{text}");
        }
        for text in [
            "yesterday",
            "2026-13-01",
            "1759276800",
            "",
            "2026-10-01T00:00",
            "2026-10-01T24:00Z",
            "+26200-1-1",
            "ééééé",
        ] {
            assert!(time(text).unwrap_err().to_string().contains("2026-10-01T00:00Z"), "{text}");
        }
    }

    #[test]
    fn a_frontier_is_read_as_it_is_shown() {
        let MomentAt::Frontier(shown) = "brainops.lead/0@17 brainops.lead/3@1042".parse().unwrap() else {
            panic!("no frontier")
        };
        assert_eq!(shown.to_string(), "brainops.lead/0@17 brainops.lead/3@1042");
        let json = serde_json::to_string(&shown).unwrap();
        assert_eq!(json.parse::<MomentAt>().unwrap(), MomentAt::Frontier(shown));
        for text in ["brainops.lead/0", "  ", "{", "{}", "brainops.lead/x@1"] {
            assert!(MomentAt::frontier(text).is_err(), "{text}");
        }
        assert!("brainops.lead/x@1".parse::<MomentAt>().is_err());
    }
}
