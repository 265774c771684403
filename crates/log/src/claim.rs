//! What a record says it is, as far as its verdict needs it: which event, and whether it lies where it belongs.
use std::borrow::Cow;

use brainops_event::{ContentMode, Partition, PartitionCount, partition_for};
use rdkafka::message::{BorrowedMessage, Message};
use serde::Deserialize;

use crate::native::each_header;
use crate::window::{Identity, Misplacement};

/// What a record says of itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    /// Absent when it names no source or no id: then it repeats nothing.
    pub(crate) identity: Option<Identity>,
    /// Whether key, subject and partition agree.
    pub(crate) placed: Result<(), Misplacement>,
}

/// The names in an envelope, as bytes: a malformed id is an id all the same.
#[derive(Default)]
struct Names<'a> {
    source: Option<Cow<'a, [u8]>>,
    id: Option<Cow<'a, [u8]>>,
    subject: Option<Cow<'a, [u8]>>,
}

/// The names in an envelope that stands in the value.
#[derive(Deserialize)]
struct JsonNames<'a> {
    #[serde(borrow)]
    source: Option<Cow<'a, str>>,
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    subject: Option<Cow<'a, str>>,
}

impl Claim {
    pub(crate) fn of(message: &BorrowedMessage<'_>, partition: Partition, count: PartitionCount) -> Claim {
        let mut headers = Headers::default();
        each_header(message, |name, value| headers.take(name, value));
        Claim::from_parts(message.key(), message.payload(), headers, partition, count)
    }

    fn from_parts(
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: Headers,
        partition: Partition,
        count: PartitionCount,
    ) -> Claim {
        let content_type = headers.content_type.as_deref();
        let mode = ContentMode::of(content_type.map(|value| ("content-type", Some(value))));
        let names = match mode {
            Ok(ContentMode::StructuredJson) => match Names::from_json(value.unwrap_or_default()) {
                Some(names) => names,
                None => {
                    return Claim { identity: None, placed: key_belongs(key, partition, count).map(|_| ()) };
                }
            },
            Ok(ContentMode::BinaryAvro) | Err(_) => Names {
                source: headers.source.map(Cow::Owned),
                id: headers.id.map(Cow::Owned),
                subject: headers.subject.map(Cow::Owned),
            },
        };
        let identity = names.source.as_deref().zip(names.id.as_deref());
        let identity = identity.map(|(source, id)| Identity::of(source, id));
        Claim { identity, placed: placed(key, names.subject.as_deref(), partition, count) }
    }
}

#[derive(Default)]
struct Headers {
    content_type: Option<Vec<u8>>,
    source: Option<Vec<u8>>,
    id: Option<Vec<u8>>,
    subject: Option<Vec<u8>>,
}

impl Headers {
    /// The first of each name counts; a second one makes the record poison elsewhere.
    fn take(&mut self, name: &[u8], value: Option<&[u8]>) {
        let place = match name {
            b"ce_source" => &mut self.source,
            b"ce_id" => &mut self.id,
            b"ce_subject" => &mut self.subject,
            name if name.eq_ignore_ascii_case(b"content-type") => &mut self.content_type,
            _ => return,
        };
        if place.is_none() {
            *place = value.map(<[u8]>::to_vec);
        }
    }
}

impl<'a> Names<'a> {
    fn from_json(value: &'a [u8]) -> Option<Names<'a>> {
        let names: JsonNames<'a> = serde_json::from_slice(value).ok()?;
        let bytes = |text: Option<Cow<'a, str>>| {
            text.map(|text| match text {
                Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                Cow::Owned(text) => Cow::Owned(text.into_bytes()),
            })
        };
        let JsonNames { source, id, subject } = names;
        Some(Names { source: bytes(source), id: bytes(id), subject: bytes(subject) })
    }
}

fn placed(
    key: Option<&[u8]>,
    subject: Option<&[u8]>,
    partition: Partition,
    count: PartitionCount,
) -> Result<(), Misplacement> {
    let key = key_belongs(key, partition, count);
    match (key, subject) {
        (Err(Misplacement::NullKey), _) => Err(Misplacement::NullKey),
        (_, None) => Err(Misplacement::NoSubject),
        (Ok(key), Some(subject)) if key != subject => Err(Misplacement::KeyIsNotSubject),
        (Ok(_), Some(_)) => Ok(()),
        (Err(reason), Some(_)) => Err(reason),
    }
}

fn key_belongs(
    key: Option<&[u8]>,
    partition: Partition,
    count: PartitionCount,
) -> Result<&[u8], Misplacement> {
    let key = key.ok_or(Misplacement::NullKey)?;
    let expected = partition_for(key, count);
    if expected == partition { Ok(key) } else { Err(Misplacement::WrongPartition { expected }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"lead-1";

    fn count() -> PartitionCount {
        PartitionCount::new(8).expect("at least 1")
    }

    fn binary(subject: Option<&[u8]>) -> Headers {
        let mut headers = Headers::default();
        headers.take(b"ce_source", Some(b"crm"));
        headers.take(b"ce_id", Some(b"1"));
        headers.take(b"ce_subject", subject);
        headers
    }

    fn claim(key: Option<&[u8]>, subject: Option<&[u8]>, partition: Partition) -> Claim {
        Claim::from_parts(key, None, binary(subject), partition, count())
    }

    #[test]
    fn key_subject_and_partition_must_agree() {
        let home = partition_for(KEY, count());
        let elsewhere = Partition::new((home.get() + 1) % 8).expect("in range");
        let other_home = partition_for(b"lead-2", count());
        for (claim, expected) in [
            (claim(Some(KEY), Some(KEY), home), Ok(())),
            (claim(None, Some(KEY), home), Err(Misplacement::NullKey)),
            (claim(None, None, home), Err(Misplacement::NullKey)),
            (claim(Some(KEY), None, home), Err(Misplacement::NoSubject)),
            (claim(Some(b"lead-2"), Some(KEY), other_home), Err(Misplacement::KeyIsNotSubject)),
            (claim(Some(KEY), Some(KEY), elsewhere), Err(Misplacement::WrongPartition { expected: home })),
        ] {
            assert_eq!(claim.placed, expected);
            assert_eq!(claim.identity, Some(Identity::of(b"crm", b"1")));
        }
    }

    #[test]
    fn a_structured_record_is_named_by_its_value() {
        let mut headers = Headers::default();
        headers.take(b"Content-Type", Some(b"application/cloudevents+json; charset=UTF-8"));
        let value = br#"{"id": "1", "source": "crm", "subject": "lead-1", "data": {"deep": [1, 2]}}"#;
        let home = partition_for(KEY, count());
        let claim = Claim::from_parts(Some(KEY), Some(value), headers, home, count());
        assert_eq!(claim, Claim { identity: Some(Identity::of(b"crm", b"1")), placed: Ok(()) });
    }

    #[test]
    fn a_value_that_is_no_json_names_nothing_but_lies_by_its_key() {
        let mut headers = Headers::default();
        headers.take(b"content-type", Some(b"application/cloudevents+json"));
        let home = partition_for(KEY, count());
        let claim = Claim::from_parts(Some(KEY), Some(b"{"), headers, home, count());
        assert_eq!(claim, Claim { identity: None, placed: Ok(()) });
    }

    #[test]
    fn without_source_or_id_there_is_no_identity() {
        let claim =
            Claim::from_parts(Some(KEY), None, Headers::default(), partition_for(KEY, count()), count());
        assert_eq!(claim, Claim { identity: None, placed: Err(Misplacement::NoSubject) });
    }
}
