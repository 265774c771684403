//! Reads the rows of a binary COPY one at a time, however it was cut on its way, and makes the digest of all its bytes.

use std::ops::Range;

use futures::{Stream, StreamExt as _};
use sha2::{Digest as _, Sha256};

/// What a binary COPY begins with.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// Signature, flags, and the length of an extension.
const HEADER_BYTES: usize = SIGNATURE.len() + 8;

/// Why no row can be read.
#[derive(Debug)]
pub(super) enum TupleError {
    Database(sqlx::Error),
    NotACopy(&'static str),
}

/// One row, as it came.
#[derive(Debug, Clone, Default)]
pub(super) struct Tuple {
    bytes: Vec<u8>,
    /// Where each value lies; `None` for NULL.
    fields: Vec<Option<Range<usize>>>,
}

impl Tuple {
    /// The value of a column; `None` for NULL.
    pub(super) fn field(&self, column: usize) -> Option<&[u8]> {
        let range = self.fields.get(column)?.clone()?;
        self.bytes.get(range)
    }
}

/// The rows of one COPY. It holds what came in one message, and no more.
pub(super) struct Tuples<S> {
    chunks: S,
    /// What has come; before `taken` it was given out.
    pending: Vec<u8>,
    taken: usize,
    begun: bool,
    ended: bool,
    columns: usize,
    rows: u64,
    digest: Sha256,
}

impl<S, B> Tuples<S>
where
    S: Stream<Item = Result<B, sqlx::Error>> + Unpin,
    B: AsRef<[u8]>,
{
    pub(super) fn new(chunks: S, columns: usize) -> Self {
        let (pending, digest) = (Vec::new(), Sha256::new());
        Self { chunks, pending, taken: 0, begun: false, ended: false, columns, rows: 0, digest }
    }

    /// How many rows were given out.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// SHA-256 of all that came, hexadecimal; to be asked when there is no row left.
    pub(super) fn digest(self) -> String {
        self.digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Takes the next row; false when there is none left.
    pub(super) async fn next(&mut self, into: &mut Tuple) -> Result<bool, TupleError> {
        while !self.ended {
            match self.take(into)? {
                Taken::Tuple => {
                    self.rows += 1;
                    return Ok(true);
                }
                Taken::End => self.end().await?,
                Taken::TooLittle if self.receive().await? => {}
                Taken::TooLittle => return Err(TupleError::NotACopy("it ends in the middle")),
            }
        }
        Ok(false)
    }

    /// Waits for more bytes; false when there are none left.
    async fn receive(&mut self) -> Result<bool, TupleError> {
        let Some(chunk) = self.chunks.next().await else { return Ok(false) };
        let chunk = chunk.map_err(TupleError::Database)?;
        self.digest.update(chunk.as_ref());
        self.pending.drain(..self.taken);
        self.taken = 0;
        self.pending.extend_from_slice(chunk.as_ref());
        Ok(true)
    }

    /// Nothing may follow; and only a stream that was read to its end leaves the connection free.
    async fn end(&mut self) -> Result<(), TupleError> {
        while self.receive().await? {}
        self.ended = true;
        if self.taken == self.pending.len() { Ok(()) } else { Err(TupleError::NotACopy("it goes on")) }
    }

    fn take(&mut self, into: &mut Tuple) -> Result<Taken, TupleError> {
        let mut reader = Reader { bytes: &self.pending, at: self.taken };
        if !self.begun {
            let Some(header) = reader.take(HEADER_BYTES) else { return Ok(Taken::TooLittle) };
            if !header.starts_with(SIGNATURE) || header.get(SIGNATURE.len()..) != Some([0; 8].as_slice()) {
                return Err(TupleError::NotACopy("it begins with something else"));
            }
            self.begun = true;
            self.taken = reader.at;
        }
        let begin = reader.at;
        let Some(count) = reader.number::<2>() else { return Ok(Taken::TooLittle) };
        let count = i16::from_be_bytes(count);
        if count == -1 {
            self.taken = reader.at;
            return Ok(Taken::End);
        }
        if usize::try_from(count) != Ok(self.columns) {
            return Err(TupleError::NotACopy("a row has another number of columns"));
        }
        into.fields.clear();
        for _ in 0..self.columns {
            let Some(length) = reader.number::<4>() else { return Ok(Taken::TooLittle) };
            let Ok(length) = usize::try_from(i32::from_be_bytes(length)) else {
                into.fields.push(None); // -1: NULL
                continue;
            };
            let from = reader.at - begin;
            if reader.take(length).is_none() {
                return Ok(Taken::TooLittle);
            }
            into.fields.push(Some(from..from + length));
        }
        into.bytes.clear();
        into.bytes.extend_from_slice(self.pending.get(begin..reader.at).unwrap_or_default());
        self.taken = reader.at;
        Ok(Taken::Tuple)
    }
}

enum Taken {
    Tuple,
    End,
    TooLittle,
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(taken)
    }

    fn number<const BYTES: usize>(&mut self) -> Option<[u8; BYTES]> {
        self.take(BYTES)?.try_into().ok()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What Postgres sends for these rows.
    pub(in crate::compare) fn copy(rows: &[Vec<Option<Vec<u8>>>]) -> Vec<u8> {
        let mut bytes = [SIGNATURE, &[0; 8]].concat();
        for row in rows {
            bytes.extend(i16::try_from(row.len()).unwrap().to_be_bytes());
            for field in row {
                match field {
                    Some(value) => {
                        bytes.extend(i32::try_from(value.len()).unwrap().to_be_bytes());
                        bytes.extend(value);
                    }
                    None => bytes.extend((-1_i32).to_be_bytes()),
                }
            }
        }
        bytes.extend((-1_i16).to_be_bytes());
        bytes
    }

    async fn read(
        bytes: &[u8],
        cut: usize,
        columns: usize,
    ) -> Result<(Vec<Vec<Option<Vec<u8>>>>, String), TupleError> {
        let chunks: Vec<Result<Vec<u8>, sqlx::Error>> =
            bytes.chunks(cut).map(|chunk| Ok(chunk.to_vec())).collect();
        let mut tuples = Tuples::new(futures::stream::iter(chunks), columns);
        let (mut tuple, mut rows) = (Tuple::default(), Vec::new());
        while tuples.next(&mut tuple).await? {
            rows.push((0..columns).map(|column| tuple.field(column).map(<[u8]>::to_vec)).collect());
        }
        assert_eq!(tuples.rows(), u64::try_from(rows.len()).unwrap());
        Ok((rows, tuples.digest()))
    }

    proptest! {
        #[test]
        fn rows_come_whole_however_the_stream_was_cut(
            rows in prop::collection::vec(prop::collection::vec(prop::option::of(prop::collection::vec(any::<u8>(), 0..9)), 3), 0..6),
            cut in 1_usize..40,
        ) {
            let bytes = copy(&rows);
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let (found, digest) = runtime.block_on(read(&bytes, cut, 3)).unwrap();
            prop_assert_eq!(found, rows);
            let expected: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            prop_assert_eq!(digest, expected);
        }
    }

    #[tokio::test]
    async fn what_is_no_copy_is_refused() {
        let whole = copy(&[vec![Some(b"a".to_vec())]]);
        let mut other = whole.clone();
        other[0] = b'X';
        for bad in [&whole[..whole.len() - 1], &other, &[&whole[..], b"more"].concat()] {
            assert!(matches!(read(bad, 7, 1).await, Err(TupleError::NotACopy(_))), "{bad:?}");
        }
        assert!(read(&whole, 7, 2).await.is_err(), "another number of columns");
        assert!(read(&whole, 7, 1).await.is_ok());
    }
}
