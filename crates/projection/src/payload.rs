//! What a held record holds, for a person who asks for it. It is read from the log each time; nothing here is stored
//! or logged, and what is sealed stays sealed.

use std::fmt;

use brainops_event::json::to_cloudevent_json;
use brainops_log::{Item, Raw};

use crate::batch::chain;

/// The most bytes that are shown of a key, of a header's name or value, and of a record's value.
const BEGINNING: usize = 4_096;

/// The most headers that are shown of a record.
const HEADERS: usize = 64;

/// The most bytes of payload that are gathered for one answer; further records are left out of it.
const GATHERED: usize = 16 * 1024 * 1024;

/// What is to be shown of records beside where they stand and what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ShowPayload {
    /// Nothing.
    #[default]
    No,
    /// The event, read with the schema that wrote it; bytes when it cannot be read.
    Decoded,
    /// Bytes.
    Bytes,
}

/// What a record holds.
#[derive(Clone, PartialEq, Eq)]
pub enum Payload {
    /// The event as a CloudEvent in JSON; what is sealed is shown as a token.
    Event(String),
    /// The record as it stands.
    Bytes(RecordBytes),
    /// Nothing of it: what came before it is as much as one answer holds.
    LeftOut,
}

/// A record as it stands in the log.
#[derive(Clone, PartialEq, Eq)]
pub struct RecordBytes {
    /// Why there is no event in its place, if one was asked for.
    pub undecoded: Option<String>,
    /// The key; `None` when it is null.
    pub key: Option<Beginning>,
    /// The first headers, names and values.
    pub headers: Vec<(Beginning, Option<Beginning>)>,
    /// How many headers come behind those.
    pub more_headers: usize,
    /// The value; `None` when it is null.
    pub value: Option<Beginning>,
}

/// The first bytes of something.
#[derive(Clone, PartialEq, Eq)]
pub struct Beginning {
    /// Its length, in bytes.
    pub length: usize,
    /// All of it, or its first 4,096 bytes.
    pub bytes: Vec<u8>,
}

/// Takes payloads for one answer.
#[derive(Debug)]
pub(crate) struct Payloads {
    show: ShowPayload,
    room: usize,
}

impl Payloads {
    pub(crate) fn new(show: ShowPayload) -> Self {
        Self { show, room: GATHERED }
    }

    /// What the record holds, as far as it is asked for and there is room.
    pub(crate) fn take(&mut self, item: &Item<'_>, raw: Raw<'_>) -> Option<Payload> {
        let payload = match self.show {
            ShowPayload::No => return None,
            ShowPayload::Bytes => Payload::Bytes(record_bytes(raw, None)),
            ShowPayload::Decoded => decoded(item, raw),
        };
        let taken = payload.bytes();
        if taken > self.room {
            self.room = 0;
            return Some(Payload::LeftOut);
        }
        self.room -= taken;
        Some(payload)
    }
}

fn decoded(item: &Item<'_>, raw: Raw<'_>) -> Payload {
    let why = match item {
        Item::Event(event) => match to_cloudevent_json(event) {
            Ok(text) => return Payload::Event(text),
            Err(error) => chain(&error),
        },
        Item::Poison { error, .. } => chain(error),
        Item::Misplaced { reason, .. } => reason.to_string(),
        Item::Duplicate { first, .. } => format!("a repeat of {first}"),
    };
    Payload::Bytes(record_bytes(raw, Some(why)))
}

fn record_bytes(raw: Raw<'_>, undecoded: Option<String>) -> RecordBytes {
    let header = |(name, value): (&[u8], Option<&[u8]>)| (Beginning::of(name), value.map(Beginning::of));
    RecordBytes {
        undecoded,
        key: raw.key().map(Beginning::of),
        headers: raw.headers().take(HEADERS).map(header).collect(),
        more_headers: raw.headers().skip(HEADERS).count(),
        value: raw.value().map(Beginning::of),
    }
}

impl Beginning {
    fn of(bytes: &[u8]) -> Self {
        Self { length: bytes.len(), bytes: bytes[..bytes.len().min(BEGINNING)].to_vec() }
    }
}

impl Payload {
    fn bytes(&self) -> usize {
        let part = |part: &Option<Beginning>| part.as_ref().map_or(0, |part| part.bytes.len());
        match self {
            Self::Event(text) => text.len(),
            Self::Bytes(record) => {
                let headers = record.headers.iter().map(|(name, value)| name.bytes.len() + part(value));
                part(&record.key) + part(&record.value) + headers.sum::<usize>()
            }
            Self::LeftOut => 0,
        }
    }
}

/// Says how much there is, never what: what is formatted for a message must not carry payloads into it.
impl fmt::Debug for Payload {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Payload({} bytes)", self.bytes())
    }
}

/// As that of [`Payload`].
impl fmt::Debug for RecordBytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { undecoded, headers, more_headers, .. } = self;
        let headers = headers.len() + more_headers;
        formatter
            .debug_struct("RecordBytes")
            .field("undecoded", undecoded)
            .field("headers", &headers)
            .finish()
    }
}

/// As that of [`Payload`].
impl fmt::Debug for Beginning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Beginning({} of {} bytes)", self.bytes.len(), self.length)
    }
}
