//! Splits a stream at NUL bytes without ever holding more of a token than its bound.

use std::io::{self, BufRead};

/// One piece between two NUL bytes.
#[derive(Debug, Default)]
pub(super) struct Token {
    /// Its first bytes, up to the bound.
    pub(super) bytes: Vec<u8>,
    /// False when bytes beyond the bound were dropped.
    pub(super) whole: bool,
}

/// Reads the next token, or `None` at the end of the stream. Bytes after the last NUL are a token too.
pub(super) fn next_token(reader: &mut impl BufRead, bound: usize) -> io::Result<Option<Token>> {
    let mut token = Token { bytes: Vec::new(), whole: true };
    let mut seen_any = false;
    loop {
        let available = match reader.fill_buf() {
            Ok(available) => available,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if available.is_empty() {
            return Ok(seen_any.then_some(token));
        }
        seen_any = true;
        let end = available.iter().position(|byte| *byte == 0);
        let piece = &available[..end.unwrap_or(available.len())];
        let room = bound.saturating_sub(token.bytes.len());
        token.whole &= piece.len() <= room;
        token.bytes.extend_from_slice(&piece[..piece.len().min(room)]);
        let used = end.map_or(available.len(), |end| end + 1);
        reader.consume(used);
        if end.is_some() {
            return Ok(Some(token));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn tokens(input: &[u8], bound: usize) -> Vec<(String, bool)> {
        let mut reader = BufReader::with_capacity(2, input);
        let mut found = Vec::new();
        while let Some(token) = next_token(&mut reader, bound).unwrap() {
            found.push((String::from_utf8(token.bytes).unwrap(), token.whole));
        }
        found
    }

    #[test]
    fn splits_at_nul_over_buffer_borders() {
        let found = tokens(b"abc\0\0de", 10);
        assert_eq!(found, [("abc".into(), true), (String::new(), true), ("de".into(), true)]);
    }

    #[test]
    fn drops_what_is_beyond_the_bound() {
        assert_eq!(tokens(b"abcdef\0gh\0", 4), [("abcd".into(), false), ("gh".into(), true)]);
    }

    #[test]
    fn an_empty_stream_has_no_token() {
        assert!(tokens(b"", 4).is_empty());
    }
}
