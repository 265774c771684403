//! Which release a cluster has agreed on. The Kafka client knows what each broker can do and does not tell, so one
//! question is asked here in plain: `ApiVersions`, which needs no login.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const API_VERSIONS: i16 = 18;
const VERSION: i16 = 3;
const CORRELATION: i32 = 1;
/// More is no answer to this question.
const ANSWER_LIMIT_BYTES: usize = 64 * 1024;
/// The tagged field with the features that all brokers have agreed on.
const FINALIZED_FEATURES: u64 = 2;
const FEATURE: &[u8] = b"metadata.version";

/// The level of `metadata.version`; nothing when the broker does not tell within the limit.
pub(super) async fn metadata_level(broker: &str, limit: Duration) -> Option<i16> {
    let answer = tokio::time::timeout(limit, ask(broker)).await.ok()?.ok()?;
    level(&answer)
}

async fn ask(broker: &str) -> std::io::Result<Vec<u8>> {
    let mut connection = TcpStream::connect(broker).await?;
    connection.write_all(&question()).await?;
    let size = usize::try_from(connection.read_i32().await?).unwrap_or(0).min(ANSWER_LIMIT_BYTES);
    let mut answer = vec![0; size];
    connection.read_exact(&mut answer).await?;
    Ok(answer)
}

fn question() -> Vec<u8> {
    let mut body = Vec::new();
    body.extend(API_VERSIONS.to_be_bytes());
    body.extend(VERSION.to_be_bytes());
    body.extend(CORRELATION.to_be_bytes());
    body.extend((-1_i16).to_be_bytes()); // no client id
    body.push(0); // no tagged fields in the header
    for text in ["brainops", env!("CARGO_PKG_VERSION")] {
        body.push(u8::try_from(text.len() + 1).unwrap_or(1));
        body.extend(text.as_bytes());
    }
    body.push(0); // nor in the body
    let mut question = i32::try_from(body.len()).unwrap_or(0).to_be_bytes().to_vec();
    question.extend(body);
    question
}

fn level(answer: &[u8]) -> Option<i16> {
    let mut rest = Bytes(answer);
    if rest.i32()? != CORRELATION || rest.i16()? != 0 {
        return None;
    }
    for _ in 1..rest.varint()? {
        rest.take(6)?; // an API with its lowest and highest version
        rest.tags()?;
    }
    rest.take(4)?; // throttling
    for _ in 0..rest.varint()? {
        let (tag, size) = (rest.varint()?, rest.varint()?);
        let field = rest.take(usize::try_from(size).ok()?)?;
        if tag == FINALIZED_FEATURES {
            return feature(Bytes(field));
        }
    }
    None
}

fn feature(mut field: Bytes<'_>) -> Option<i16> {
    for _ in 1..field.varint()? {
        let length = usize::try_from(field.varint()?).ok()?.checked_sub(1)?;
        let name = field.take(length)?;
        let (highest, _lowest) = (field.i16()?, field.i16()?);
        field.tags()?;
        if name == FEATURE {
            return Some(highest);
        }
    }
    None
}

/// What is left of an answer; every step ends with nothing where the answer is too short.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, size: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(size)?;
        self.0 = rest;
        Some(taken)
    }

    fn i16(&mut self) -> Option<i16> {
        Some(i16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn i32(&mut self) -> Option<i32> {
        Some(i32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..35).step_by(7) {
            let byte = *self.take(1)?.first()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn tags(&mut self) -> Option<()> {
        for _ in 0..self.varint()? {
            self.varint()?;
            let size = usize::try_from(self.varint()?).ok()?;
            self.take(size)?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(feature: &[u8], level: i16) -> Vec<u8> {
        let mut field = vec![2, u8::try_from(feature.len() + 1).expect("short")];
        field.extend(feature);
        field.extend(level.to_be_bytes());
        field.extend([0, 1, 0]);
        let mut answer = vec![0, 0, 0, 1, 0, 0];
        answer.extend([2, 0, 18, 0, 0, 0, 4, 0]); // one API
        answer.extend([0, 0, 0, 0, 2, 1, 1, 0]); // throttling; two tagged fields, the first of one byte
        answer.extend([2, u8::try_from(field.len()).expect("short")]);
        answer.extend(field);
        answer
    }

    #[test]
    fn the_level_is_found_behind_what_stands_before_it() {
        assert_eq!(level(&answer(FEATURE, 29)), Some(29));
        assert_eq!(level(&answer(b"kraft.version", 1)), None);
    }

    #[test]
    fn an_answer_that_is_cut_short_says_nothing() {
        let whole = answer(FEATURE, 29);
        assert!((0..whole.len() - 2).all(|size| level(&whole[..size]).is_none()));
    }
}
