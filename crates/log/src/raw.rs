//! Records as they stand in the log, for a person who looks at what nobody can decode.

use crate::batch::Batch;
use crate::records::{RawRecord, Records};

/// Key, headers and value of a record, byte for byte as its producer sent them.
#[derive(Clone, Copy)]
pub struct Raw<'a> {
    records: &'a Records,
    record: &'a RawRecord,
}

impl Batch {
    /// Every record as it stands, in the order of [`Batch::items`].
    pub fn raw_records(&self) -> impl Iterator<Item = Raw<'_>> {
        self.records.list.iter().map(|record| Raw { records: &self.records, record })
    }
}

impl<'a> Raw<'a> {
    /// The key; `None` when it is null.
    pub fn key(self) -> Option<&'a [u8]> {
        self.records.key(self.record)
    }

    /// The value; `None` when it is null.
    pub fn value(self) -> Option<&'a [u8]> {
        self.records.value(self.record)
    }

    /// Names and values of the headers, in order. A name need not be text.
    pub fn headers(self) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> {
        self.records.headers(self.record).map(|(name, value)| (name.bytes(), value))
    }
}
