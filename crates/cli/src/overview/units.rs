//! Numbers as people read them.

use brainops_event::{Frontier, Offset};

/// `1234567` as `1,234,567`.
pub fn count(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if number < 0 { format!("-{text}") } else { text }
}

/// Seconds in the largest unit that makes them at least one: `3.2 d`, `45 min`, `0.4 s`.
pub fn duration(seconds: f64) -> String {
    const UNITS: [(f64, &str); 3] = [(86_400.0, "d"), (3_600.0, "h"), (60.0, "min")];
    let unit = UNITS.into_iter().find(|(length, _)| seconds >= *length);
    let (number, unit) = unit.map_or((seconds, "s"), |(length, unit)| (seconds / length, unit));
    match number {
        0.0 => format!("0 {unit}"),
        ..10.0 => format!("{number:.1} {unit}"),
        _ => format!("{number:.0} {unit}"),
    }
}

/// Bytes in the largest unit that makes them at least one: `3.2 MB`.
pub fn bytes(bytes: i64) -> String {
    let mut unit = "B";
    #[allow(clippy::cast_precision_loss, reason = "two digits are shown")]
    let mut number = bytes as f64;
    for larger in ["kB", "MB", "GB", "TB"] {
        if number < 1_000.0 {
            break;
        }
        (number, unit) = (number / 1_000.0, larger);
    }
    if number < 10.0 && unit != "B" { format!("{number:.1} {unit}") } else { format!("{number:.0} {unit}") }
}

/// A frontier without the partitions that were not begun: read as a question, they count as that.
pub fn brief(frontier: &Frontier) -> String {
    let begun: Frontier = frontier
        .iter()
        .filter(|(.., next)| *next > Offset::ZERO)
        .map(|(topic, partition, next)| (topic.clone(), partition, next))
        .collect();
    if begun.is_empty() { "the beginning of the log".to_owned() } else { begun.to_string() }
}

/// A share of one as percent.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// A number of things, such as `1 week` and `1,200 weeks`.
pub(super) fn things(number: i64, one: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {one}{plural}", count(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_not_many() {
        assert_eq!((things(1, "week"), things(0, "week")), ("1 week".to_owned(), "0 weeks".to_owned()));
    }

    #[test]
    fn counts_have_groups_of_three() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (-1_234_567, "-1,234,567")] {
            assert_eq!(count(number), text);
        }
    }

    #[test]
    fn durations_have_the_unit_that_fits() {
        for (seconds, text) in [
            (0.0, "0 s"),
            (0.44, "0.4 s"),
            (59.0, "59 s"),
            (90.0, "1.5 min"),
            (7_200.0, "2.0 h"),
            (864_000.0, "10 d"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn bytes_have_the_unit_that_fits() {
        for (number, text) in
            [(0, "0 B"), (999, "999 B"), (1_234, "1.2 kB"), (45_600_000, "46 MB"), (3_200_000_000, "3.2 GB")]
        {
            assert_eq!(bytes(number), text);
        }
    }

    #[test]
    fn shares_are_percent() {
        assert_eq!(percent(0.125), "12.5 %");
    }
}
