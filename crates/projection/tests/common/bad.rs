//! Records that can never be folded, one of each kind.

use brainops_event::types::business::MetricRecorded;
use brainops_event::types::lead::LeadQualified;
use brainops_event::{Catalog, SchemaId, TypedEvent as _, encode_datum, frame};
use brainops_testkit::{Namespace, RawRecord};

use super::{PANIC, REFUSED, figure};

/// A record that can never be folded.
pub struct Bad {
    /// Its kind, and the end of its subject.
    pub kind: &'static str,
    /// The class under which it is parked.
    pub class: &'static str,
    /// Some of the reason.
    pub reason: &'static str,
    pub value: Option<Vec<u8>>,
    /// A header that is left out.
    pub without: &'static str,
}

impl Bad {
    pub fn subject(&self) -> String {
        format!("bad/{}", self.kind)
    }

    pub async fn append(&self, namespace: &Namespace) {
        let (topic, subject, id) =
            (namespace.topic("business"), self.subject(), format!("bad-{}", self.kind));
        let all = [
            ("ce_specversion", "1.0"),
            ("ce_id", id.as_str()),
            ("ce_source", "tests/raw"),
            ("ce_type", MetricRecorded::EVENT_TYPE),
            ("ce_subject", subject.as_str()),
            ("content-type", "application/vnd.confluent.avro"),
        ];
        let headers: Vec<(&str, &[u8])> = all
            .iter()
            .filter(|(name, _)| *name != self.without)
            .map(|(name, value)| (*name, value.as_bytes()))
            .collect();
        let key = Some(subject.as_bytes());
        let value = self.value.as_deref();
        namespace
            .append_raw(RawRecord { topic: &topic, partition: None, key, headers: &headers, value })
            .await;
    }
}

/// One of each kind that is a record's own fault, the others being those of its place.
pub async fn every_kind_of_bad(namespace: &Namespace) -> Vec<Bad> {
    let good = figure("any", "any", 1.0, "EUR");
    let id = namespace.registry().id_for(good.schema).await.unwrap();
    let framed = frame(id, &good.datum);
    let truncated = framed[..framed.len() - 3].to_vec();
    let trailing = [framed.as_slice(), &[0, 0]].concat();
    // A string of 2^62 bytes, says its length.
    let endless =
        [&framed[..5], &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01, b'x'][..]].concat();
    let foreign = Catalog::builtin().by_name(LeadQualified::SCHEMA).unwrap();
    let qualified = LeadQualified { lead_id: "l-1".to_owned(), score: None, segment: None };
    let other = encode_datum(&foreign.fast, &qualified).unwrap();
    let other = frame(namespace.registry().id_for(foreign).await.unwrap(), &other);
    let refused = frame(id, &figure("any", "any", 1.0, REFUSED).datum);
    let panic = frame(id, &figure("any", "any", 1.0, PANIC).datum);
    let unstorable = frame(id, &figure("any", "any", 1.0, "a\0b").datum);
    let unknown = frame(SchemaId::new(2_000_000_000), &good.datum);
    let bad = |kind, class, reason, value: Option<Vec<u8>>| Bad { kind, class, reason, value, without: "" };
    vec![
        Bad { without: "ce_id", ..bad("headers", "EventSerialization", "id", Some(framed.clone())) },
        bad("frame", "EventSerialization", "which schema wrote it", Some(b"\x01 no frame".to_vec())),
        bad("empty", "EventSerialization", "which schema wrote it", Some(Vec::new())),
        bad("short", "EventSerialization", "which schema wrote it", Some(vec![0, 0, 0])),
        bad("truncated", "EventSerialization", "cannot be decoded", Some(truncated)),
        bad("trailing", "EventSerialization", "cannot be decoded", Some(trailing)),
        bad("endless", "EventSerialization", "cannot be decoded", Some(endless)),
        bad("tombstone", "EventSerialization", "no data", None),
        bad("other-schema", "EventSerialization", "wants brainops.business.MetricRecorded", Some(other)),
        bad("unknown-schema", "UnknownEventType", "the registry has no schema", Some(unknown)),
        bad("refused", "ApplyEvent", "its unit says so", Some(refused)),
        bad("unstorable", "ApplyEvent", "it has a NUL character", Some(unstorable)),
        bad("panic", "ApplyEvent", "the fold panicked: the fold cannot bear this unit", Some(panic)),
        bad("want-panic", "ApplyEvent", "the fold panicked: an id that cannot be borne", Some(framed)),
    ]
}
