//! One line of a lead list, its columns turned into values that mean something.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

use super::amount::{decimals, is_currency, minor_units};

/// Every column there is, the required ones first.
pub(super) const COLUMNS: &[&str] = &[
    "email",
    "channel",
    "discovered_at",
    "name",
    "company",
    "qualified_at",
    "score",
    "outreach_sent_at",
    "replied_at",
    "demo_at",
    "won_at",
    "lost_at",
    "disqualified_at",
    "amount",
    "currency",
];
/// How many of [`COLUMNS`] must be there.
pub(super) const REQUIRED: usize = 3;

/// No field is longer than this, in bytes.
const FIELD_BYTES: usize = 1_024;
const TIME_FORMS: &str = "accepted is 2026-01-31T10:00:00Z or 2026-01-31 (midnight UTC)";

/// One person of the list and what became of them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lead {
    pub(super) email: String,
    pub(super) name: Option<String>,
    pub(super) company: Option<String>,
    pub(super) channel: String,
    pub(super) discovered_at: DateTime<Utc>,
    pub(super) qualified_at: Option<DateTime<Utc>>,
    pub(super) score: Option<f64>,
    pub(super) outreach_sent_at: Option<DateTime<Utc>>,
    pub(super) replied_at: Option<DateTime<Utc>>,
    pub(super) demo_at: Option<DateTime<Utc>>,
    pub(super) won_at: Option<DateTime<Utc>>,
    pub(super) lost_at: Option<DateTime<Utc>>,
    pub(super) disqualified_at: Option<DateTime<Utc>>,
    pub(super) amount_minor: Option<i64>,
    pub(super) currency: Option<String>,
}

/// What is wrong in a line, by column.
pub(super) type Problems = Vec<(&'static str, String)>;

/// Reads the columns of one line through `field`, which answers `None` for an absent or empty one.
pub(super) fn lead<'a>(field: &dyn Fn(&str) -> Option<&'a str>) -> Result<Lead, Problems> {
    let mut reader = Reader { field, problems: Vec::new() };
    let discovered_at = reader.time("discovered_at");
    let lead = Lead {
        email: reader.email(),
        name: reader.text("name"),
        company: reader.text("company"),
        channel: reader.required("channel"),
        discovered_at: discovered_at.unwrap_or_default(),
        qualified_at: reader.later_time("qualified_at", discovered_at),
        score: reader.score(),
        outreach_sent_at: reader.later_time("outreach_sent_at", discovered_at),
        replied_at: reader.later_time("replied_at", discovered_at),
        demo_at: reader.later_time("demo_at", discovered_at),
        won_at: reader.later_time("won_at", discovered_at),
        lost_at: reader.later_time("lost_at", discovered_at),
        disqualified_at: reader.later_time("disqualified_at", discovered_at),
        amount_minor: reader.amount(),
        currency: reader.currency(),
    };
    if discovered_at.is_none() && (reader.field)("discovered_at").is_none() {
        reader.problem("discovered_at", format!("is empty; {TIME_FORMS}"));
    }
    reader.needs("score", "qualified_at");
    reader.needs("amount", "won_at");
    reader.needs("amount", "currency");
    reader.needs("currency", "amount");
    if reader.problems.is_empty() { Ok(lead) } else { Err(reader.problems) }
}

struct Reader<'r, 'a> {
    field: &'r dyn Fn(&str) -> Option<&'a str>,
    problems: Problems,
}

impl Reader<'_, '_> {
    fn problem(&mut self, column: &'static str, problem: String) {
        self.problems.push((column, problem));
    }

    fn needs(&mut self, column: &'static str, other: &'static str) {
        if (self.field)(column).is_some() && (self.field)(other).is_none() {
            self.problem(column, format!("is given without {other}"));
        }
    }

    fn text(&mut self, column: &'static str) -> Option<String> {
        let text = (self.field)(column)?;
        if text.len() > FIELD_BYTES || text.chars().any(char::is_control) {
            let accepted =
                format!("is refused; accepted are at most {FIELD_BYTES} bytes without control characters");
            self.problem(column, accepted);
            return None;
        }
        Some(text.to_owned())
    }

    fn required(&mut self, column: &'static str) -> String {
        if (self.field)(column).is_none() {
            self.problem(column, "is empty; it is required".to_owned());
        }
        self.text(column).unwrap_or_default()
    }

    /// Lower-case, because that is what a lead's id is made from.
    fn email(&mut self) -> String {
        let email = self.required("email").to_lowercase();
        let is_address = email.split_once('@').is_some_and(|(user, host)| {
            !user.is_empty()
                && !host.is_empty()
                && !host.contains('@')
                && !email.contains(char::is_whitespace)
        });
        if !email.is_empty() && !is_address {
            self.problem("email", "is no address; accepted is one like user@host".to_owned());
        }
        email
    }

    fn time(&mut self, column: &'static str) -> Option<DateTime<Utc>> {
        let text = (self.field)(column)?;
        let time = parse_time(text);
        if time.is_none() {
            self.problem(column, format!("{text:?} is no time; {TIME_FORMS}"));
        }
        time
    }

    fn later_time(
        &mut self,
        column: &'static str,
        discovered: Option<DateTime<Utc>>,
    ) -> Option<DateTime<Utc>> {
        let time = self.time(column)?;
        if discovered.is_some_and(|discovered| time < discovered) {
            self.problem(column, "is before discovered_at".to_owned());
        }
        Some(time)
    }

    fn score(&mut self) -> Option<f64> {
        let text = (self.field)("score")?;
        let score = text.parse::<f64>().ok().filter(|score| (0.0..=1.0).contains(score));
        if score.is_none() {
            self.problem("score", format!("{text:?} is no score; accepted is a number from 0 to 1"));
        }
        score
    }

    fn currency(&mut self) -> Option<String> {
        let text = (self.field)("currency")?;
        if is_currency(text) {
            return Some(text.to_owned());
        }
        self.problem(
            "currency",
            format!("{text:?} is no currency; accepted are codes of ISO 4217 such as EUR"),
        );
        None
    }

    fn amount(&mut self) -> Option<i64> {
        let text = (self.field)("amount")?;
        let currency = (self.field)("currency").filter(|currency| is_currency(currency))?;
        let amount = minor_units(text, currency);
        if amount.is_none() {
            let places = decimals(currency);
            let accepted =
                format!("accepted is a number like 1234 with at most {places} decimals after a point");
            self.problem("amount", format!("{text:?} is no amount of {currency}; {accepted}"));
        }
        amount
    }
}

/// An RFC 3339 time, to the millisecond, or a day; years 0001 to 9999.
fn parse_time(text: &str) -> Option<DateTime<Utc>> {
    let time = DateTime::parse_from_rfc3339(text).map(|time| time.with_timezone(&Utc)).ok();
    let time = time.or_else(|| {
        let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
        Some(day.and_time(NaiveTime::MIN).and_utc())
    })?;
    DateTime::from_timestamp_millis(time.timestamp_millis())
        .filter(|time| (1..=9999).contains(&chrono::Datelike::year(time)))
}
