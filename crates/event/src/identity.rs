//! Ids that the platform makes.

use uuid::Uuid;

use crate::ids::{EventId, Source};

/// The namespace of every derived id. It must never change: ids made under it stand in logs.
const NAMESPACE: Uuid = Uuid::from_u128(0x6f0b_9d5e_2c47_4b1a_9a6e_35d1_c8e4_7b02);

/// The id of an event that follows from others: the same source and parts give the same id, anywhere and always
/// (UUIDv5). Parts are kept apart by their lengths, so `["a", "bc"]` and `["ab", "c"]` differ.
#[must_use]
pub fn derived_id(source: &Source, parts: &[&str]) -> EventId {
    let mut name = Vec::new();
    for part in std::iter::once(source.as_str()).chain(parts.iter().copied()) {
        name.extend_from_slice(part.len().to_string().as_bytes());
        name.push(b':');
        name.extend_from_slice(part.as_bytes());
    }
    EventId::from(Uuid::new_v5(&NAMESPACE, &name))
}

/// The id of an event that follows from nothing: the caller brings a fresh UUIDv7, for this crate has no clock.
#[must_use]
pub fn new_id(fresh: Uuid) -> EventId {
    EventId::from(fresh)
}
