//! The events of the bench: any of them by its number, without those before it.
//!
//! An event sets one line of an order. Its thirteen fields are the thirteen columns of the tables that are filled.

use brainops_event::{Partition, PartitionCount, partition_for};
use clap::ValueEnum;

/// How many different lines there are of [`Kind::Uniform`] and [`Kind::Zipf`].
const LINES: u32 = 1_000_000;
/// How many there are of [`Kind::Steady`].
const STEADY_LINES: u64 = 20_000;
/// How many events a subject of [`Kind::Tenfold`] and [`Kind::Long`] has on average.
const EVENTS_OF_SUBJECT: u64 = 10;
/// Lines of one order.
const LINES_OF_ORDER: u32 = 5;
/// The exponent of [`Kind::Zipf`].
const EXPONENT: f64 = 1.1;
/// Prime to [`LINES`]: spreads the ranks over orders and partitions.
const SPREAD: u64 = 618_033;
/// When event 0 happened, in milliseconds since 1970; each later one a millisecond later.
const BEGINNING_MILLIS: i64 = 1_790_000_000_000;

const NOTE: &str = "the quick brown fox jumps over the lazy dog, and then again, slowly: pack my box with five dozen liquor jugs today";

/// Which lines the events are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Each of a million lines as likely as the other.
    Uniform,
    /// The line of rank r as likely as r to the power of -1.1.
    Zipf,
    /// A new line each time.
    Fresh,
    /// Each subject one line, told about ten times, at any place of history.
    Tenfold,
    /// The same, over a history that is longer than the others.
    #[value(name = "long")]
    Long,
    /// As many subjects however long history is, one line each.
    Steady,
    /// None of these: the small messages of the ways in.
    #[value(name = "said")]
    Said,
    /// None of these: a topic for records without meaning.
    #[value(name = "raw")]
    Raw,
}

impl Kind {
    /// The topic, without prefix.
    pub(crate) fn topic(self) -> &'static str {
        match self {
            Self::Uniform => "bench_uniform",
            Self::Zipf => "bench_zipf",
            Self::Fresh => "bench_fresh",
            Self::Tenfold => "bench_tenfold",
            Self::Long => "bench_long",
            Self::Steady => "bench_steady",
            Self::Said => crate::said::TOPIC,
            Self::Raw => "bench_raw",
        }
    }
}

/// One event, as it was said.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    pub(crate) event_id: String,
    pub(crate) subject: String,
    pub(crate) line: i32,
    pub(crate) seq: i64,
    pub(crate) occurred_at_millis: i64,
    pub(crate) amount: f64,
    pub(crate) price: f64,
    pub(crate) qty: i64,
    pub(crate) version: i64,
    pub(crate) status: &'static str,
    pub(crate) currency: &'static str,
    pub(crate) actor: String,
    pub(crate) note: &'static str,
}

/// Makes events.
pub(crate) struct Generator {
    kind: Kind,
    /// How many different lines there are.
    lines: u64,
    /// For each rank, how likely it or a lower one is.
    cumulated: Vec<f64>,
}

impl Generator {
    /// Of a history of so many events.
    pub(crate) fn new(kind: Kind, events: u64) -> Self {
        let cumulated = if kind == Kind::Zipf { cumulated() } else { Vec::new() };
        let lines = match kind {
            Kind::Uniform | Kind::Zipf => u64::from(LINES),
            Kind::Tenfold | Kind::Long => (events / EVENTS_OF_SUBJECT).max(1),
            Kind::Steady => STEADY_LINES,
            Kind::Fresh | Kind::Said | Kind::Raw => events,
        };
        Self { kind, lines, cumulated }
    }

    /// How many different keys the events can have.
    fn keys(&self) -> usize {
        usize::try_from(self.lines).unwrap_or(usize::MAX)
    }

    /// The number of the line that an event is about.
    pub(crate) fn key(&self, number: u64) -> u64 {
        let chance = mix(number ^ 0x5eed);
        match self.kind {
            Kind::Uniform | Kind::Tenfold | Kind::Long | Kind::Steady => chance % self.lines,
            Kind::Zipf => {
                let wanted = (chance >> 11) as f64 / (1_u64 << 53) as f64;
                let rank = self.cumulated.partition_point(|so_far| *so_far < wanted) as u64;
                (rank * SPREAD) % self.lines
            }
            Kind::Fresh | Kind::Said | Kind::Raw => number,
        }
    }

    /// Of each key, the last of the first events that is about it.
    pub(crate) fn last(&self, events: u64) -> Vec<Option<u64>> {
        let mut last = vec![None; self.keys()];
        for number in 0..events {
            let key = usize::try_from(self.key(number)).unwrap_or(usize::MAX);
            if let Some(place) = last.get_mut(key) {
                *place = Some(number);
            }
        }
        last
    }

    /// How many lines an order has.
    fn lines_of_order(&self) -> u64 {
        match self.kind {
            Kind::Tenfold | Kind::Long | Kind::Steady => 1,
            _ => u64::from(LINES_OF_ORDER),
        }
    }

    /// The subject of a line: its order.
    pub(crate) fn subject(&self, key: u64) -> String {
        format!("order-{:08}", key / self.lines_of_order())
    }

    /// An event.
    pub(crate) fn line(&self, number: u64) -> Line {
        let key = self.key(number);
        let (one, two) = (mix(number), mix(number ^ 0xfeed_f00d));
        Line {
            event_id: format!(
                "{:08x}-{:04x}-4{:03x}-8{:03x}-{number:012x}",
                two as u32,
                one & 0xffff,
                (one >> 16) & 0xfff,
                (one >> 28) & 0xfff
            ),
            subject: self.subject(key),
            line: i32::try_from(key % self.lines_of_order()).unwrap_or_default(),
            seq: i64::try_from(number).unwrap_or_default(),
            occurred_at_millis: BEGINNING_MILLIS + i64::try_from(number).unwrap_or_default(),
            amount: (one % 1_000_000) as f64 / 100.0,
            price: ((one >> 20) & 0xffff) as f64 / 7.0,
            qty: ((one >> 8) & 0xff) as i64,
            version: ((one >> 3) & 0xffff_ffff) as i64,
            status: ["placed", "confirmed", "shipped", "cancelled"][(one & 3) as usize],
            currency: ["EUR", "USD", "CHF"][(one % 3) as usize],
            actor: format!("user-{:010}@example.org", one % 9_000_000),
            note: &NOTE[..60 + (one % 50) as usize],
        }
    }

    /// The partition of a subject.
    pub(crate) fn partition(subject: &str, count: PartitionCount) -> Partition {
        partition_for(subject.as_bytes(), count)
    }
}

fn cumulated() -> Vec<f64> {
    let mut so_far = 0.0;
    let mut sums: Vec<f64> = (1..=LINES)
        .map(|rank| {
            so_far += f64::from(rank).powf(-EXPONENT);
            so_far
        })
        .collect();
    sums.iter_mut().for_each(|sum| *sum /= so_far);
    sums
}

/// A number that looks like chance (splitmix64).
pub(crate) fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

impl Line {
    /// Appends the event in Avro (`line.avsc`).
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        text(out, &self.event_id);
        text(out, &self.subject);
        long(out, i64::from(self.line));
        long(out, self.seq);
        long(out, self.occurred_at_millis);
        out.extend_from_slice(&self.amount.to_le_bytes());
        out.extend_from_slice(&self.price.to_le_bytes());
        long(out, self.qty);
        long(out, self.version);
        text(out, self.status);
        text(out, self.currency);
        text(out, &self.actor);
        text(out, self.note);
    }
}

fn long(out: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

fn text(out: &mut Vec<u8>, value: &str) {
    long(out, i64::try_from(value.len()).unwrap_or_default());
    out.extend_from_slice(value.as_bytes());
}

/// An event as a plain loop reads it: by hand, borrowed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Wire<'a> {
    pub(crate) event_id: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) line: i32,
    pub(crate) seq: i64,
    pub(crate) occurred_at_millis: i64,
    pub(crate) amount: f64,
    pub(crate) price: f64,
    pub(crate) qty: i64,
    pub(crate) version: i64,
    pub(crate) status: &'a str,
    pub(crate) currency: &'a str,
    pub(crate) actor: &'a str,
    pub(crate) note: &'a str,
}

/// Reads an event; nothing when the bytes are none.
pub(crate) fn decode(datum: &[u8]) -> Option<Wire<'_>> {
    let mut rest = datum;
    Some(Wire {
        event_id: take_text(&mut rest)?,
        subject: take_text(&mut rest)?,
        line: i32::try_from(take_long(&mut rest)?).ok()?,
        seq: take_long(&mut rest)?,
        occurred_at_millis: take_long(&mut rest)?,
        amount: take_double(&mut rest)?,
        price: take_double(&mut rest)?,
        qty: take_long(&mut rest)?,
        version: take_long(&mut rest)?,
        status: take_text(&mut rest)?,
        currency: take_text(&mut rest)?,
        actor: take_text(&mut rest)?,
        note: take_text(&mut rest)?,
    })
}

fn take_long(rest: &mut &[u8]) -> Option<i64> {
    let (mut value, mut shift) = (0_u64, 0);
    loop {
        let (first, others) = rest.split_first()?;
        *rest = others;
        value |= u64::from(first & 0x7f) << shift;
        shift += 7;
        if first & 0x80 == 0 || shift > 63 {
            return Some((value >> 1) as i64 ^ -((value & 1) as i64));
        }
    }
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let length = usize::try_from(take_long(rest)?).ok()?;
    let (text, others) = rest.split_at_checked(length)?;
    *rest = others;
    std::str::from_utf8(text).ok()
}

fn take_double(rest: &mut &[u8]) -> Option<f64> {
    let (bytes, others) = rest.split_first_chunk::<8>()?;
    *rest = others;
    Some(f64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for kind in [Kind::Uniform, Kind::Zipf, Kind::Fresh, Kind::Tenfold, Kind::Steady] {
            let generator = Generator::new(kind, 2_000_000);
            for number in [0, 1, 77, 1_999_999] {
                let line = generator.line(number);
                let mut datum = Vec::new();
                line.encode(&mut datum);
                let wire = decode(&datum).unwrap();
                assert_eq!((wire.subject, wire.line, wire.seq), (line.subject.as_str(), line.line, line.seq));
                assert_eq!((wire.amount, wire.price, wire.note), (line.amount, line.price, line.note));
                assert_eq!(decode(&datum[..datum.len() - 1]), None);
            }
        }
    }

    #[test]
    fn the_likeliest_line_of_zipf_is_about_an_eighth_of_all() {
        let generator = Generator::new(Kind::Zipf, 10_000);
        let first = (0..10_000).filter(|number| generator.key(*number) == 0).count();
        assert!((900..1_700).contains(&first), "{first}");
    }
}
