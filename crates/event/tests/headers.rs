//! The envelope as record headers, there and back, and what is refused on the way.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use brainops_event::{
    AVRO_MEDIA_TYPE, ContentMode, Envelope, EnvelopeView, EventId, EventType, Flaw, HeaderError, Priority,
    Source, Subject, Trust, parse_timestamp,
};
use proptest::prelude::*;

fn plain() -> Envelope {
    Envelope::new(
        EventId::new("e-1").unwrap(),
        Source::new("brainops/test").unwrap(),
        EventType::new("lead.discovered").unwrap(),
        Subject::new("lead-7").unwrap(),
    )
}

fn full() -> Envelope {
    plain()
        .with_time(parse_timestamp("2026-01-31T08:30:00.123Z").unwrap())
        .with_dataschema("https://registry.example/schemas/7")
        .and_then(|envelope| envelope.with_correlation_id("story-1"))
        .and_then(|envelope| envelope.with_causation_id("e-0"))
        .and_then(|envelope| {
            envelope.with_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        })
        .and_then(|envelope| envelope.with_auth_id("operator"))
        .and_then(|envelope| envelope.with_extension("tenant", "Zürich"))
        .unwrap()
        .with_priority(Priority::Urgent)
        .with_trust(Trust::External)
}

/// Headers as a Kafka client hands them over.
type Raw = Vec<(String, Option<Vec<u8>>)>;

fn raw(envelope: &Envelope) -> Raw {
    let owned = |(name, value): (std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)| {
        (name.into_owned(), Some(value.into_owned().into_bytes()))
    };
    envelope.headers().into_iter().map(owned).collect()
}

fn read(headers: &Raw) -> Result<EnvelopeView<'_>, HeaderError> {
    EnvelopeView::from_headers(headers.iter().map(|(name, value)| (name.as_str(), value.as_deref())))
}

fn with(header: &str, value: Option<&[u8]>) -> Raw {
    let mut headers = raw(&plain());
    headers.retain(|(name, _)| name != header);
    headers.push((header.to_owned(), value.map(<[u8]>::to_vec)));
    headers
}

#[test]
fn a_full_envelope_comes_back_whole() {
    let envelope = full();
    let headers = raw(&envelope);
    assert_eq!(headers[0], ("content-type".to_owned(), Some(AVRO_MEDIA_TYPE.as_bytes().to_vec())));
    assert!(headers.iter().all(|(name, _)| name != "ce_datacontenttype"));
    let view = read(&headers).unwrap();
    assert_eq!(view.to_envelope().unwrap(), envelope);
    assert_eq!(view.priority(), Some(Priority::Urgent));
    assert_eq!(view.extensions().collect::<Vec<_>>(), [("tenant", "Zürich")]);
    assert_eq!(envelope.view().to_envelope().unwrap(), envelope);
    assert_eq!(envelope.clone().into_view().to_envelope().unwrap(), envelope);
}

#[test]
fn the_wire_names_are_those_of_the_contract() {
    let headers = raw(&full());
    let mut names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    let contract = [
        "ce_authid",
        "ce_causationid",
        "ce_correlationid",
        "ce_dataschema",
        "ce_id",
        "ce_priority",
        "ce_source",
        "ce_specversion",
        "ce_subject",
        "ce_tenant",
        "ce_time",
        "ce_traceparent",
        "ce_trust",
        "ce_type",
        "content-type",
    ];
    assert_eq!(names, contract);
}

#[test]
fn foreign_headers_are_ignored_and_unknown_extensions_kept() {
    let mut headers = raw(&plain());
    headers.push(("traceparent".to_owned(), Some(vec![0xff])));
    headers.push(("ce_datacontenttype".to_owned(), Some(b"application/json".to_vec())));
    headers.push(("ce_sequence".to_owned(), Some(b"00000000000000000007".to_vec())));
    headers.push(("ce_empty".to_owned(), None));
    let view = read(&headers).unwrap();
    assert_eq!(view.extensions().collect::<Vec<_>>(), [("sequence", "00000000000000000007")]);
}

#[test]
fn a_missing_required_header_is_named() {
    for header in ["ce_specversion", "ce_id", "ce_source", "ce_type"] {
        let error = read(&with(header, None)).unwrap_err();
        let HeaderError::Attribute { header: named, flaw, .. } = &error else { panic!("{error}") };
        assert_eq!((named.as_str(), *flaw), (header, Flaw::Missing));
    }
    let without_subject = with("ce_subject", None);
    assert_eq!(read(&without_subject).unwrap().subject(), None);
    assert!(read(&without_subject).unwrap().to_envelope().is_err());
}

#[test]
fn a_refused_header_is_named_with_what_is_accepted() {
    let cases: [(&str, &[u8], Flaw, &str); 14] = [
        ("ce_specversion", b"0.3", Flaw::Malformed, "1.0"),
        ("ce_id", b"", Flaw::Empty, "1 to 256"),
        ("ce_id", b"\xff\xfe", Flaw::NotUtf8, "1 to 256"),
        ("ce_id", b"a\nb", Flaw::ControlCharacter { at: 1 }, "1 to 256"),
        ("ce_source", b"a b", Flaw::Malformed, "URI reference"),
        ("ce_type", b"", Flaw::Empty, "1 to 256"),
        ("ce_subject", &[b'x'; 513], Flaw::TooLong { bytes: 513, limit: 512 }, "1 to 512"),
        ("ce_time", b"yesterday", Flaw::Malformed, "RFC 3339"),
        ("ce_time", b"2026-01-31", Flaw::Malformed, "RFC 3339"),
        ("ce_dataschema", b"schemas/7", Flaw::Malformed, "absolute URI"),
        ("ce_priority", b"asap", Flaw::Malformed, "low, normal, high or urgent"),
        ("ce_trust", b"TRUSTED", Flaw::Malformed, "trusted, external or model"),
        ("ce_Tenant", b"x", Flaw::Malformed, "a-z and 0-9"),
        ("ce_tenant", b"\0", Flaw::ControlCharacter { at: 0 }, "4096"),
    ];
    for (header, value, flaw, accepted) in cases {
        let error = read(&with(header, Some(value))).unwrap_err();
        let HeaderError::Attribute { header: named, flaw: found, .. } = &error else { panic!("{error}") };
        assert_eq!((named.as_str(), *found), (header, flaw));
        assert!(error.to_string().contains(accepted), "{error}");
    }
}

#[test]
fn a_header_that_is_there_twice_is_refused() {
    for header in ["ce_id", "ce_tenant"] {
        let mut headers = with(header, Some(b"one"));
        headers.push((header.to_owned(), Some(b"two".to_vec())));
        let error = read(&headers).unwrap_err();
        assert!(matches!(&error, HeaderError::Attribute { flaw: Flaw::Repeated, .. }), "{error}");
    }
}

#[test]
fn the_media_type_tells_where_the_envelope_is() {
    let of = |value: &'static [u8]| ContentMode::of([("Content-Type", Some(value))]);
    assert_eq!(of(b"application/vnd.confluent.avro"), Ok(ContentMode::BinaryAvro));
    assert_eq!(of(b"Application/AVRO"), Ok(ContentMode::BinaryAvro));
    assert_eq!(of(b"application/cloudevents+json; charset=UTF-8"), Ok(ContentMode::StructuredJson));
    assert!(matches!(of(b"application/json"), Err(HeaderError::ContentType { .. })));
    assert!(matches!(of(b"application/cloudevents+avro"), Err(HeaderError::ContentType { .. })));
    assert!(matches!(of(b"\xff"), Err(HeaderError::ContentType { .. })));
    assert_eq!(ContentMode::of([]), Ok(ContentMode::BinaryAvro));
    assert!(read(&with("content-type", Some(b"application/avro"))).is_ok());
    let structured = with("content-type", Some(b"application/cloudevents+json"));
    assert_eq!(read(&structured), Err(HeaderError::Structured));
}

#[test]
fn a_time_with_an_offset_is_the_same_moment() {
    let headers = with("ce_time", Some(b"2026-01-31T09:30:00.123456+01:00"));
    let time = read(&headers).unwrap().time().unwrap();
    assert_eq!(brainops_event::format_timestamp(&time), "2026-01-31T08:30:00.123Z");
}

#[test]
fn an_extension_cannot_take_the_place_of_an_attribute() {
    for name in ["id", "data", "priority", "datacontenttype", "with-dash", "with_underscore", "Upper", ""] {
        assert!(plain().with_extension(name, "x").is_err(), "{name}");
    }
    assert!(plain().with_extension("tenant", "").is_err());
    assert_eq!(plain().with_extension("tenant", "\n").unwrap_err().attribute, "tenant");
}

proptest! {
    #[test]
    fn no_headers_make_the_reader_panic(headers: Vec<(String, Option<Vec<u8>>)>) {
        let _ = read(&headers);
    }

    #[test]
    fn no_attribute_value_makes_the_reader_panic(
        name in "ce_(id|source|type|subject|time|dataschema|priority|trust|x)|content-type",
        value: Vec<u8>,
    ) {
        let _ = read(&with(&name, Some(&value)));
    }

    #[test]
    fn what_is_accepted_comes_back_the_same(id in "\\PC{1,60}", subject in "\\PC{1,60}", value in "\\PC{1,60}") {
        prop_assume!([&id, &subject, &value].iter().all(|text| !text.chars().any(char::is_control)));
        let envelope = Envelope::new(
            EventId::new(id).unwrap(),
            Source::new("s").unwrap(),
            EventType::new("a.b").unwrap(),
            Subject::new(subject).unwrap(),
        )
        .with_extension("x", value)
        .unwrap();
        prop_assert_eq!(read(&raw(&envelope)).unwrap().to_envelope().unwrap(), envelope);
    }
}
