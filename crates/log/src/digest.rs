//! A short digest of one record, by which a checkpoint notices that the log under it is another.
use std::fmt;

use sha2::{Digest, Sha256};

/// The first 16 bytes of SHA-256 over a record's key, value and headers, each with its length before it and null
/// told from empty. Stable for ever: it stands in checkpoints.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecordDigest([u8; 16]);

impl RecordDigest {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Digest of what a record holds.
    pub(crate) fn of<'a>(
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
    ) -> RecordDigest {
        let mut hasher = Sha256::new();
        update(&mut hasher, key);
        update(&mut hasher, value);
        for (name, value) in headers {
            update(&mut hasher, Some(name));
            update(&mut hasher, value);
        }
        let whole: [u8; 32] = hasher.finalize().into();
        let mut short = [0; 16];
        short.copy_from_slice(&whole[..16]);
        RecordDigest(short)
    }
}

impl From<[u8; 16]> for RecordDigest {
    fn from(bytes: [u8; 16]) -> RecordDigest {
        RecordDigest(bytes)
    }
}

impl fmt::Display for RecordDigest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl fmt::Debug for RecordDigest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "RecordDigest({self})")
    }
}

/// -1 for null, else the length, then the bytes.
fn update(hasher: &mut Sha256, part: Option<&[u8]>) {
    let length = part.map_or(-1, |part| part.len() as i64);
    hasher.update(length.to_be_bytes());
    hasher.update(part.unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(key: Option<&[u8]>, value: Option<&[u8]>, headers: &[(&[u8], Option<&[u8]>)]) -> String {
        RecordDigest::of(key, value, headers.iter().copied()).to_string()
    }

    #[test]
    fn it_never_changes() {
        // computed apart: sha256 of the lengths as 8 bytes, big endian, each before its part
        let headers: &[(&[u8], Option<&[u8]>)] = &[(b"ce_id", Some(b"1")), (b"empty", None)];
        assert_eq!(digest(Some(b"lead-1"), Some(b"value"), headers), "4a00eab8045082b501735ebdba4451a4");
    }

    #[test]
    fn null_is_not_empty_and_parts_do_not_run_together() {
        let all = [
            digest(None, Some(b""), &[]),
            digest(Some(b""), None, &[]),
            digest(Some(b""), Some(b""), &[]),
            digest(Some(b"ab"), Some(b"c"), &[]),
            digest(Some(b"a"), Some(b"bc"), &[]),
            digest(Some(b"a"), Some(b"b"), &[(b"c", None)]),
        ];
        let distinct: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
    }
}
