//! How values of read models are shown.
use brainops_event::{Timestamp, format_timestamp};
use serde::{Serialize, Serializer};

/// A sealed text as a read model stores it; shown as `{"sealed": "sealed.v1..."}`.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(transparent)]
pub struct SealedText(String);

impl Serialize for SealedText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([("sealed", &self.0)])
    }
}

/// Writes a moment with milliseconds, as all our answers do.
pub fn moment<S: Serializer>(moment: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format_timestamp(moment))
}

/// Writes a moment, or null.
pub fn optional_moment<S: Serializer>(moment: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match moment {
        Some(moment) => serializer.serialize_some(&format_timestamp(moment)),
        None => serializer.serialize_none(),
    }
}
