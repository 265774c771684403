//! Tells whether two events of one name say the same.

use brainops_event::Outgoing;
use sha2::{Digest, Sha256};

/// The first 16 bytes of SHA-256 over (type, subject, schema name, datum), each with its length before it. Stable for
/// ever: it stands in reservations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct EventDigest([u8; 16]);

impl EventDigest {
    pub(crate) fn of_outgoing(event: &Outgoing) -> EventDigest {
        let (event_type, subject) = (event.envelope.event_type().as_str(), event.envelope.subject().as_str());
        EventDigest::of(event_type.as_bytes(), subject.as_bytes(), event.schema.name.as_str(), &event.datum)
    }

    pub(crate) fn of(event_type: &[u8], subject: &[u8], schema: &str, datum: &[u8]) -> EventDigest {
        digest(&[event_type, subject, schema.as_bytes(), datum])
    }

    /// Of a record in the log that none of our doors would have written: equal to no event's.
    pub(crate) fn of_foreign(value: &[u8]) -> EventDigest {
        digest(&[value])
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

fn digest(parts: &[&[u8]]) -> EventDigest {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let whole: [u8; 32] = hasher.finalize().into();
    let mut short = [0; 16];
    short.copy_from_slice(&whole[..16]);
    EventDigest(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_changes() {
        // computed apart: sha256 of each length as 8 bytes, big endian, before its part
        let digest = EventDigest::of(b"lead.discovered", b"lead-1", "brainops.lead.LeadDiscovered", b"datum");
        let text: String = digest.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(text, "00dce0fabfc6698dba97f7a13fcdb23e");
    }

    #[test]
    fn every_part_counts_and_parts_do_not_run_together() {
        let all = [
            EventDigest::of(b"t", b"s", "n", b"d"),
            EventDigest::of(b"u", b"s", "n", b"d"),
            EventDigest::of(b"t", b"u", "n", b"d"),
            EventDigest::of(b"t", b"s", "u", b"d"),
            EventDigest::of(b"t", b"s", "n", b"u"),
            EventDigest::of(b"ts", b"", "n", b"d"),
            EventDigest::of(b"t", b"sn", "", b"d"),
            EventDigest::of(b"", b"", "", b""),
            EventDigest::of_foreign(b"d"),
            EventDigest::of_foreign(b""),
        ];
        let distinct: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
    }
}
