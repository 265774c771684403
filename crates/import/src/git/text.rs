//! Texts of a repository are bytes of unknown encoding and any length; events hold bounded UTF-8. What had to be
//! replaced or cut is counted, never hidden.

use chrono::{DateTime, TimeZone, Utc};

/// A commit message keeps this many bytes at most; one record must fit a Kafka message of 1 MB by far.
pub const MESSAGE_BYTES: usize = 65_536;
/// An author's name or e-mail address keeps this many bytes at most.
pub const AUTHOR_BYTES: usize = 1_024;
/// A path keeps this many bytes at most.
pub const PATH_BYTES: usize = 4_096;

/// Counts what texts lost on their way into events.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Losses {
    pub(super) replaced: u64,
    pub(super) shortened: u64,
    pub(super) times: u64,
}

impl Losses {
    /// The text in `bytes`; `whole` says whether the bytes are all there were. What is no UTF-8 becomes U+FFFD.
    pub(super) fn text(&mut self, bytes: &[u8], bound: usize, whole: bool) -> String {
        let cut = bytes.len() > bound || !whole;
        let kept = if cut { up_to_character(bytes, bound) } else { bytes };
        self.shortened += u64::from(cut);
        match std::str::from_utf8(kept) {
            Ok(text) => text.to_owned(),
            Err(_) => {
                self.replaced += 1;
                String::from_utf8_lossy(kept).into_owned()
            }
        }
    }

    /// The time in decimal seconds since the epoch; `None` and counted when there is none that a calendar knows.
    pub(super) fn time(&mut self, bytes: &[u8]) -> Option<DateTime<Utc>> {
        let time = std::str::from_utf8(bytes)
            .ok()
            .and_then(|text| text.trim().parse::<i64>().ok())
            .and_then(|seconds| Utc.timestamp_opt(seconds, 0).single())
            .filter(|time| time.timestamp() >= EARLIEST && time.timestamp() < LATEST);
        self.times += u64::from(time.is_none());
        time
    }
}

/// Years 0001 to 9999, the ones that RFC 3339 and Postgres both can write.
const EARLIEST: i64 = -62_135_596_800;
const LATEST: i64 = 253_402_300_800;

/// The longest start of `bytes` within `bound` that does not cut a UTF-8 character in two.
fn up_to_character(bytes: &[u8], bound: usize) -> &[u8] {
    let mut end = bound.min(bytes.len());
    let is_inside = |at: usize| bytes.get(at).is_some_and(|byte| byte & 0xC0 == 0x80);
    for _ in 0..3 {
        if end == 0 || !is_inside(end) {
            break;
        }
        end -= 1;
    }
    &bytes[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_in_bounds_is_kept() {
        let mut losses = Losses::default();
        assert_eq!(losses.text("żółw".as_bytes(), 100, true), "żółw");
        assert_eq!(losses, Losses::default());
    }

    #[test]
    fn what_is_no_utf8_is_replaced_and_counted() {
        let mut losses = Losses::default();
        assert_eq!(losses.text(b"caf\xe9", 100, true), "caf\u{fffd}");
        assert_eq!(losses.replaced, 1);
    }

    #[test]
    fn a_cut_never_splits_a_character() {
        let mut losses = Losses::default();
        assert_eq!(losses.text("aż".as_bytes(), 2, true), "a");
        assert_eq!((losses.shortened, losses.replaced), (1, 0));
    }

    #[test]
    fn times_out_of_any_calendar_are_counted() {
        let mut losses = Losses::default();
        for text in ["", "x", "99999999999999", "-99999999999999"] {
            assert_eq!(losses.time(text.as_bytes()), None, "{text}");
        }
        assert_eq!(losses.times, 4);
        assert_eq!(losses.time(b"0").map(|time| time.timestamp()), Some(0));
    }
}
