//! What a held record holds, as it is printed when a person asks for it.

use std::fmt::Write as _;

use brainops_projection::{Beginning, Payload, RecordBytes};
use serde::Serialize;
use serde_json::value::RawValue;

/// How many bytes stand in a line of a dump.
const LINE: usize = 16;

/// What a record holds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// The event as a CloudEvent in JSON; what is sealed stays sealed.
    Event(Box<RawValue>),
    /// The record as it stands in the log.
    Record(Bytes),
    /// Why there is nothing.
    LeftOut(&'static str),
}

/// A record as it stands in the log.
#[derive(Debug, Serialize)]
pub struct Bytes {
    /// Why it is not shown as an event; null when that was not asked for.
    undecoded: Option<String>,
    key: Option<Part>,
    headers: Vec<Header>,
    /// How many headers come behind those.
    more_headers: usize,
    value: Option<Part>,
}

#[derive(Debug, Serialize)]
struct Header {
    name: String,
    value: Option<Part>,
}

/// Bytes of a record.
#[derive(Debug, Serialize)]
struct Part {
    /// How many there are.
    bytes: usize,
    /// All of them, or the first 4,096.
    hex: String,
    #[serde(skip)]
    beginning: Vec<u8>,
}

impl Shown {
    /// What is printed of it.
    pub fn of(payload: &Payload) -> Shown {
        match payload {
            Payload::Event(text) => match RawValue::from_string(text.clone()) {
                Ok(event) => Shown::Event(event),
                Err(_) => Shown::LeftOut("its text is no JSON"),
            },
            Payload::Bytes(record) => Shown::Record(Bytes::of(record)),
            Payload::LeftOut => Shown::LeftOut("the answer is full; ask for fewer records with --limit"),
        }
    }

    /// For people.
    pub fn text(&self, position: &str) -> String {
        match self {
            Shown::Event(event) => {
                let value: Result<serde_json::Value, _> = serde_json::from_str(event.get());
                let pretty = value.and_then(|value| serde_json::to_string_pretty(&value));
                format!("{position}\n{}\n", pretty.unwrap_or_else(|_| event.get().to_owned()))
            }
            Shown::Record(record) => record.text(position),
            Shown::LeftOut(why) => format!("{position}: left out, {why}\n"),
        }
    }
}

impl Bytes {
    fn of(record: &RecordBytes) -> Bytes {
        let header = |(name, value): &(Beginning, Option<Beginning>)| Header {
            name: String::from_utf8_lossy(&name.bytes).into_owned(),
            value: value.as_ref().map(Part::of),
        };
        Bytes {
            undecoded: record.undecoded.clone(),
            key: record.key.as_ref().map(Part::of),
            headers: record.headers.iter().map(header).collect(),
            more_headers: record.more_headers,
            value: record.value.as_ref().map(Part::of),
        }
    }

    fn text(&self, position: &str) -> String {
        let mut text = match &self.undecoded {
            Some(why) => format!("{position}, as it stands: {why}\n"),
            None => format!("{position}, as it stands\n"),
        };
        text.push_str(&part("key", self.key.as_ref()));
        for header in &self.headers {
            text.push_str(&part(&format!("header {}", header.name.escape_debug()), header.value.as_ref()));
        }
        if self.more_headers > 0 {
            text.push_str(&format!("{} more headers\n", self.more_headers));
        }
        text.push_str(&part("value", self.value.as_ref()));
        text
    }
}

impl Part {
    fn of(beginning: &Beginning) -> Part {
        let (bytes, beginning) = (beginning.length, beginning.bytes.clone());
        Part { bytes, hex: hex(&beginning), beginning }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _never_fails = write!(text, "{byte:02x}");
        text
    })
}

/// A part under its name: its length, then its bytes.
fn part(name: &str, part: Option<&Part>) -> String {
    let Some(part) = part else { return format!("{name}: null\n") };
    let cut = if part.bytes > part.beginning.len() {
        format!(", the first {} of which are", part.beginning.len())
    } else {
        String::new()
    };
    format!("{name}: {} bytes{cut}\n{}", part.bytes, dump(&part.beginning))
}

/// Lines of an offset, bytes, and letters where bytes are letters.
fn dump(bytes: &[u8]) -> String {
    let line = |(number, line): (usize, &[u8])| {
        let pairs: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        let letter = |byte: &u8| if (b' '..=b'~').contains(byte) { char::from(*byte) } else { '.' };
        let letters: String = line.iter().map(letter).collect();
        format!("  {:08x}  {:width$}  |{letters}|\n", number * LINE, pairs.join(" "), width = 3 * LINE - 1)
    };
    bytes.chunks(LINE).enumerate().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_with_their_length_and_never_as_control_characters() {
        let bytes = b"\x00\x1b[31mlead-7 and so on".to_vec();
        let shown = Part::of(&Beginning { length: 5_000, bytes });
        assert_eq!(shown.hex.len(), 2 * 22);
        assert_eq!(
            part("value", Some(&shown)),
            "value: 5000 bytes, the first 22 of which are\n  \
               00000000  00 1b 5b 33 31 6d 6c 65 61 64 2d 37 20 61 6e 64  |..[31mlead-7 and|\n  \
               00000010  20 73 6f 20 6f 6e                                | so on|\n"
        );
        assert_eq!(part("key", None), "key: null\n");
    }
}
