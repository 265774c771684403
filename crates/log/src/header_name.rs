//! Names of headers that every event has or may have, each one byte long in memory.

/// A header's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeaderName<'a> {
    /// Its place in the list of names that are known here.
    Known(u8),
    /// As it stands in the record; need not be UTF-8.
    Other(&'a [u8]),
}

const KNOWN: [&str; 15] = [
    "content-type",
    "ce_specversion",
    "ce_id",
    "ce_source",
    "ce_type",
    "ce_subject",
    "ce_time",
    "ce_dataschema",
    "ce_correlationid",
    "ce_causationid",
    "ce_traceparent",
    "ce_authid",
    "ce_priority",
    "ce_trust",
    "__value_schema_id",
];

impl<'a> HeaderName<'a> {
    pub(crate) const CONTENT_TYPE: HeaderName<'static> = HeaderName::Known(0);
    pub(crate) const ID: HeaderName<'static> = HeaderName::Known(2);
    pub(crate) const SOURCE: HeaderName<'static> = HeaderName::Known(3);
    pub(crate) const TYPE: HeaderName<'static> = HeaderName::Known(4);
    pub(crate) const SUBJECT: HeaderName<'static> = HeaderName::Known(5);
    pub(crate) const SCHEMA_ID: HeaderName<'static> = HeaderName::Known(14);

    /// Only names that are the same byte for byte are known: digests are of what stands in the record.
    pub(crate) fn of(name: &'a [u8]) -> HeaderName<'a> {
        let known = match name {
            b"content-type" => 0,
            b"ce_specversion" => 1,
            b"ce_id" => 2,
            b"ce_source" => 3,
            b"ce_type" => 4,
            b"ce_subject" => 5,
            b"ce_time" => 6,
            b"ce_dataschema" => 7,
            b"ce_correlationid" => 8,
            b"ce_causationid" => 9,
            b"ce_traceparent" => 10,
            b"ce_authid" => 11,
            b"ce_priority" => 12,
            b"ce_trust" => 13,
            b"__value_schema_id" => 14,
            _ => return HeaderName::Other(name),
        };
        HeaderName::Known(known)
    }

    /// All names that are known, in their places.
    pub(crate) fn known() -> impl Iterator<Item = &'static str> {
        KNOWN.into_iter()
    }

    pub(crate) fn bytes(self) -> &'a [u8] {
        match self {
            HeaderName::Known(known) => KNOWN.get(usize::from(known)).map_or(&[], |name| name.as_bytes()),
            HeaderName::Other(name) => name,
        }
    }

    /// Nothing when it is not UTF-8.
    pub(crate) fn text(self) -> Option<&'a str> {
        match self {
            HeaderName::Known(known) => KNOWN.get(usize::from(known)).copied(),
            HeaderName::Other(name) => std::str::from_utf8(name).ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use brainops_event::{CONTENT_TYPE_HEADER, SCHEMA_ID_HEADER};

    use super::*;

    #[test]
    fn every_known_name_is_itself() {
        for (place, name) in KNOWN.iter().enumerate() {
            let known = HeaderName::of(name.as_bytes());
            assert_eq!(known, HeaderName::Known(place as u8));
            assert_eq!((known.text(), known.bytes()), (Some(*name), name.as_bytes()));
        }
        let named = [
            (HeaderName::CONTENT_TYPE, CONTENT_TYPE_HEADER),
            (HeaderName::ID, "ce_id"),
            (HeaderName::SOURCE, "ce_source"),
            (HeaderName::TYPE, "ce_type"),
            (HeaderName::SUBJECT, "ce_subject"),
            (HeaderName::SCHEMA_ID, SCHEMA_ID_HEADER),
        ];
        assert!(named.iter().all(|(known, name)| known.text() == Some(*name)));
    }

    #[test]
    fn others_are_kept_as_they_are() {
        for name in [&b"Content-Type"[..], b"CE_ID", b"", b"\xff"] {
            assert_eq!(HeaderName::of(name), HeaderName::Other(name));
            assert_eq!(HeaderName::of(name).bytes(), name);
        }
    }
}
