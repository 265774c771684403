//! What a record says it is, as far as its verdict needs it: which event, and whether it lies where it belongs.
use std::borrow::Cow;

use brainops_event::{AVRO_MEDIA_TYPE, ContentMode, Partition, PartitionCount, partition_for};
use serde::Deserialize;

use crate::header_name::HeaderName;
use crate::window::{Identity, Misplacement};

/// What a record says of itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    /// Absent when it names no source or no id: then it repeats nothing.
    pub(crate) identity: Option<Identity>,
    /// Whether key, subject and partition agree.
    pub(crate) placed: Result<(), Misplacement>,
}

/// The headers that a claim is made of, as bytes: a malformed id is an id all the same.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ClaimHeaders<'a> {
    content_type: Option<&'a [u8]>,
    source: Option<&'a [u8]>,
    id: Option<&'a [u8]>,
    subject: Option<&'a [u8]>,
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

impl<'a> ClaimHeaders<'a> {
    /// The first of each name counts; a second one makes the record poison elsewhere.
    pub(crate) fn take(&mut self, name: HeaderName<'a>, value: Option<&'a [u8]>) {
        let place = match name {
            HeaderName::SOURCE => &mut self.source,
            HeaderName::ID => &mut self.id,
            HeaderName::SUBJECT => &mut self.subject,
            HeaderName::CONTENT_TYPE => &mut self.content_type,
            HeaderName::Other(name) if name.eq_ignore_ascii_case(b"content-type") => &mut self.content_type,
            _ => return,
        };
        if place.is_none() {
            *place = value;
        }
    }

    /// Which event it is, for a record of which nothing else is wanted.
    pub(crate) fn identity(&self, value: Option<&[u8]>) -> Option<Identity> {
        if self.is_structured() {
            let names = JsonNames::read(value)?;
            return Some(Identity::of(names.source?.as_bytes(), names.id?.as_bytes()));
        }
        Some(Identity::of(self.source?, self.id?))
    }

    pub(crate) fn claim(
        &self,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        partition: Partition,
        count: PartitionCount,
    ) -> Claim {
        let key_belongs = key_belongs(key, partition, count);
        if !self.is_structured() {
            let identity = self.source.zip(self.id).map(|(source, id)| Identity::of(source, id));
            return Claim { identity, placed: placed(key_belongs, self.subject) };
        }
        let Some(names) = JsonNames::read(value) else {
            return Claim { identity: None, placed: key_belongs.map(|_| ()) };
        };
        let identity = names.source.as_ref().zip(names.id.as_ref());
        let identity = identity.map(|(source, id)| Identity::of(source.as_bytes(), id.as_bytes()));
        Claim { identity, placed: placed(key_belongs, names.subject.as_ref().map(|text| text.as_bytes())) }
    }

    /// Whether the envelope stands in the value.
    fn is_structured(&self) -> bool {
        let Some(content_type) = self.content_type.filter(|value| *value != AVRO_MEDIA_TYPE.as_bytes())
        else {
            return false;
        };
        ContentMode::of([("content-type", Some(content_type))]) == Ok(ContentMode::StructuredJson)
    }
}

impl<'a> JsonNames<'a> {
    fn read(value: Option<&'a [u8]>) -> Option<JsonNames<'a>> {
        serde_json::from_slice(value.unwrap_or_default()).ok()
    }
}

fn placed(key_belongs: Result<&[u8], Misplacement>, subject: Option<&[u8]>) -> Result<(), Misplacement> {
    match (key_belongs, subject) {
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

    fn headers<'a>(all: &[(&'a str, Option<&'a [u8]>)]) -> ClaimHeaders<'a> {
        let mut headers = ClaimHeaders::default();
        all.iter().for_each(|(name, value)| headers.take(HeaderName::of(name.as_bytes()), *value));
        headers
    }

    fn claim(key: Option<&[u8]>, subject: Option<&[u8]>, partition: Partition) -> Claim {
        let named = [("ce_source", Some(&b"crm"[..])), ("ce_id", Some(b"1")), ("ce_subject", subject)];
        headers(&named).claim(key, None, partition, count())
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
        let headers = headers(&[("Content-Type", Some(b"application/cloudevents+json; charset=UTF-8"))]);
        let value = br#"{"id": "1", "source": "crm", "subject": "lead-1", "data": {"deep": [1, 2]}}"#;
        let home = partition_for(KEY, count());
        let claim = headers.claim(Some(KEY), Some(value), home, count());
        let identity = Some(Identity::of(b"crm", b"1"));
        assert_eq!(claim, Claim { identity, placed: Ok(()) });
        assert_eq!(headers.identity(Some(value)), identity);
    }

    #[test]
    fn a_value_that_is_no_json_names_nothing_but_lies_by_its_key() {
        let headers = headers(&[("content-type", Some(b"application/cloudevents+json"))]);
        let home = partition_for(KEY, count());
        let claim = headers.claim(Some(KEY), Some(b"{"), home, count());
        assert_eq!(claim, Claim { identity: None, placed: Ok(()) });
    }

    #[test]
    fn without_source_or_id_there_is_no_identity() {
        let home = partition_for(KEY, count());
        let claim = ClaimHeaders::default().claim(Some(KEY), None, home, count());
        assert_eq!(claim, Claim { identity: None, placed: Err(Misplacement::NoSubject) });
    }
}
