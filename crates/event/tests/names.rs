//! What the names of events, places and frontiers accept, refuse and look like.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::str::FromStr;

use brainops_event::{
    EventId, EventType, Flaw, Frontier, Offset, Partition, PartitionCount, Position, Source, Subject,
    TopicId, TopicName,
};

#[test]
fn bounds_are_those_that_the_contract_states() {
    assert!(EventId::new("i".repeat(256)).is_ok());
    assert!(Source::new("s".repeat(512)).is_ok());
    assert!(EventType::new("t".repeat(256)).is_ok());
    assert!(Subject::new("s".repeat(512)).is_ok());
    let too_long = EventId::new("i".repeat(257)).unwrap_err();
    assert_eq!(too_long.flaw, Flaw::TooLong { bytes: 257, limit: 256 });
    assert_eq!(Source::new("s".repeat(513)).unwrap_err().attribute, "source");
    assert_eq!(EventType::new("t".repeat(257)).unwrap_err().attribute, "type");
    assert_eq!(Subject::new("s".repeat(513)).unwrap_err().attribute, "subject");
    assert_eq!(Subject::new("").unwrap_err().flaw, Flaw::Empty);
}

#[test]
fn a_refusal_names_the_attribute_and_what_is_accepted_but_not_the_value() {
    let error = Source::new("not a source").unwrap_err().to_string();
    assert_eq!(error, "source is malformed, accepted is a URI reference (RFC 3986) of 1 to 512 bytes");
    let error = Subject::new("jane@example.org\n").unwrap_err();
    assert_eq!(error.flaw, Flaw::ControlCharacter { at: 16 });
    assert!(!error.to_string().contains("jane"));
    assert!(Subject::new("a\u{85}b").is_err(), "control characters beyond ASCII too");
    assert!(Subject::new("Zürich").is_ok());
}

#[test]
fn an_event_type_may_be_named_by_others() {
    for good in ["lead.discovered", "ping", "com.example.thing", "Vendor.Storage/BlobCreated", "ü.b"] {
        assert!(EventType::new(good).is_ok(), "{good}");
    }
    for bad in ["", "lead\nwon", "lead\u{0}"] {
        assert!(EventType::new(bad).is_err(), "{bad}");
    }
    assert_eq!(EventType::new("lead.demo.scheduled").unwrap().domain(), "lead");
}

#[test]
fn a_source_is_a_uri_reference() {
    let good = [
        "brainops/import/git/shop-0123456789ab",
        "https://example.org/crm?x=1#y",
        "urn:uuid:01900000-0000-7000-8000-000000000001",
        "mailto:a@example.org",
        "/sensors/tn-1234567/alerts",
        "//host/path",
        "1-555-123-4567",
        "a/b:c",
        "with%20escape",
        "?q",
    ];
    for source in good {
        assert!(Source::new(source).is_ok(), "{source}");
    }
    let bad = [
        "a b", "a%2", "a%zz", "<a>", "a\\b", "ü", "1a:b", ":a", "a#b#c", "a\"b", "{a}", "a|b", "a^b", "a`b",
        "",
    ];
    for source in bad {
        assert!(Source::new(source).is_err(), "{source}");
    }
}

#[test]
fn ids_are_checked_when_they_are_read_from_json() {
    let id: EventId = serde_json::from_str("\"a-1\"").unwrap();
    assert_eq!(serde_json::to_string(&id).unwrap(), "\"a-1\"");
    assert!(serde_json::from_str::<EventId>("\"\"").is_err());
    assert!(serde_json::from_str::<Source>("\"a b\"").is_err());
    assert!(serde_json::from_str::<EventType>("\"lead\\nwon\"").is_err());
    assert!(serde_json::from_str::<Subject>("\"a\\u0000\"").is_err());
    assert!(serde_json::from_str::<TopicName>("\"a/b\"").is_err());
    assert!(serde_json::from_str::<Partition>("-1").is_err());
    assert!(serde_json::from_str::<PartitionCount>("0").is_err());
    assert!(serde_json::from_str::<TopicId>("\"\"").is_err());
    assert_eq!(serde_json::from_str::<Offset>("\"1042\"").unwrap(), Offset::new(1042).unwrap());
    assert!(serde_json::from_str::<Offset>("1042").is_err(), "offsets travel as strings");
}

#[test]
fn a_position_reads_as_it_is_written() {
    let text = "brainops.lead/3@1042";
    let position: Position = text.parse().unwrap();
    assert_eq!(position.topic.as_str(), "brainops.lead");
    assert_eq!((position.partition.get(), position.offset.get()), (3, 1042));
    assert_eq!(position.to_string(), text);
    assert_eq!(serde_json::to_string(&position).unwrap(), format!("\"{text}\""));
    let bad = [
        "",
        "brainops.lead",
        "brainops.lead/3",
        "/3@1",
        "a/@1",
        "a/1@",
        "a/-1@0",
        "a/1@-1",
        "a/1@+1",
        "a/01@1",
        "a/1@01",
        "a/1@9223372036854775808",
        "a/2147483648@1",
        "a b/1@1",
        "a/1@1 ",
        "a/1/2@3",
    ];
    for text in bad {
        assert!(Position::from_str(text).is_err(), "{text}");
    }
    let error = Position::from_str("x").unwrap_err().to_string();
    assert!(error.contains("brainops.lead/3@1042"), "{error}");
}

#[test]
fn topic_names_are_those_that_kafka_takes() {
    assert!(TopicName::new(&"t".repeat(249)).is_ok());
    for bad in ["", ".", "..", "a/b", "ä", "a b", &"t".repeat(250)] {
        assert!(TopicName::new(bad).is_err(), "{bad}");
    }
}

fn lead() -> TopicName {
    TopicName::new("brainops.lead").unwrap()
}

fn place(partition: i32, next: i64) -> (TopicName, Partition, Offset) {
    (lead(), Partition::new(partition).unwrap(), Offset::new(next).unwrap())
}

#[test]
fn a_frontier_is_a_sorted_object_with_offsets_as_strings() {
    let mut frontier: Frontier = [place(10, 7), place(3, 1042)].into_iter().collect();
    frontier.set(TopicName::new("brainops.git").unwrap(), Partition::new(0).unwrap(), Offset::ZERO);
    let json = serde_json::to_string(&frontier).unwrap();
    assert_eq!(json, r#"{"brainops.git/0":"0","brainops.lead/3":"1042","brainops.lead/10":"7"}"#);
    assert_eq!(serde_json::from_str::<Frontier>(&json).unwrap(), frontier);
    assert_eq!(frontier.to_string(), "brainops.git/0@0 brainops.lead/3@1042 brainops.lead/10@7");
}

#[test]
fn a_frontier_keeps_topic_ids_where_they_are_known() {
    let mut frontier: Frontier = [place(0, 5)].into_iter().collect();
    frontier.set_topic_id(lead(), TopicId::new("mJ0xvEq0QGKTSUM0aHqf1w").unwrap());
    let json = serde_json::to_string(&frontier).unwrap();
    assert_eq!(json, r#"{"brainops.lead":"mJ0xvEq0QGKTSUM0aHqf1w","brainops.lead/0":"5"}"#);
    let read: Frontier = serde_json::from_str(&json).unwrap();
    assert_eq!(read, frontier);
    assert_eq!(read.topic_id(&lead()).unwrap().as_str(), "mJ0xvEq0QGKTSUM0aHqf1w");
}

#[test]
fn a_frontier_refuses_what_it_cannot_mean() {
    for bad in [
        r#"{"a/0":5}"#,
        r#"{"a/0":"-5"}"#,
        r#"{"a/x":"5"}"#,
        r#"{"a/0":"5","a/0":"6"}"#,
        "[]",
        r#"{"/0":"5"}"#,
    ] {
        assert!(serde_json::from_str::<Frontier>(bad).is_err(), "{bad}");
    }
}

#[test]
fn reaching_a_frontier_means_every_partition_of_it() {
    let goal: Frontier = [place(0, 5), place(1, 0)].into_iter().collect();
    let mut way = Frontier::new();
    assert!(!way.has_reached(&goal));
    way.advance(&lead(), Partition::new(0).unwrap(), Offset::new(5).unwrap());
    assert!(way.has_reached(&goal), "a partition that is not known has not begun, and the goal there is 0");
    way.advance(&lead(), Partition::new(0).unwrap(), Offset::new(3).unwrap());
    assert_eq!(way.get(&lead(), Partition::new(0).unwrap()), Some(Offset::new(5).unwrap()));
    way.set(lead(), Partition::new(0).unwrap(), Offset::new(4).unwrap());
    assert!(!way.has_reached(&goal));
    assert_eq!(goal.topics().collect::<Vec<_>>(), [&lead()]);
}
