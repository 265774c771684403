//! Moments: milliseconds since the Unix epoch in UTC inside, RFC 3339 outside.

use chrono::{DateTime, Datelike, SecondsFormat, Utc};

use crate::text::{AttributeError, Flaw, TIME};

/// A moment in UTC. What crosses the wire has milliseconds; what is finer is cut off.
pub type Timestamp = DateTime<Utc>;

/// A moment from milliseconds since the Unix epoch; none when the year is not within 0 to 9999.
#[must_use]
pub fn timestamp_from_millis(millis: i64) -> Option<Timestamp> {
    DateTime::from_timestamp_millis(millis).filter(has_four_digit_year)
}

/// Reads an RFC 3339 timestamp with any offset.
///
/// # Errors
/// The text is no RFC 3339 timestamp.
pub fn parse_timestamp(text: &str) -> Result<Timestamp, AttributeError> {
    TIME.check(text)?;
    let parsed = DateTime::parse_from_rfc3339(text).ok().map(|moment| moment.with_timezone(&Utc));
    parsed.filter(has_four_digit_year).ok_or_else(|| TIME.error(Flaw::Malformed))
}

/// Writes a moment as `2026-01-31T08:30:00.000Z`.
#[must_use]
pub fn format_timestamp(moment: &Timestamp) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// RFC 3339 has no years beyond four digits.
pub(crate) fn has_four_digit_year(moment: &Timestamp) -> bool {
    (0..=9999).contains(&moment.year())
}
