//! Is this text a URI reference (RFC 3986)? Only the form is judged; nothing is resolved or normalised.

/// A URI, or a path relative to one: what CloudEvents wants of `source`.
pub(crate) fn is_reference(text: &str) -> bool {
    let first_segment = text.split(['/', '?', '#']).next().unwrap_or_default();
    let scheme_fits = match first_segment.split_once(':') {
        Some((scheme, _)) => is_scheme(scheme), // a relative path must not look like a scheme
        None => true,
    };
    scheme_fits && has_only_uri_characters(text)
}

/// A URI with a scheme: what CloudEvents wants of `dataschema`.
pub(crate) fn is_absolute(text: &str) -> bool {
    text.split(['/', '?', '#']).next().is_some_and(|first| first.contains(':')) && is_reference(text)
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

fn has_only_uri_characters(text: &str) -> bool {
    let bytes = text.as_bytes();
    let escaped =
        |at: usize| bytes.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    bytes.iter().enumerate().all(|(at, byte)| match byte {
        b'%' => escaped(at),
        b'-' | b'.' | b'_' | b'~' => true,
        b':' | b'/' | b'?' | b'#' | b'[' | b']' | b'@' => true,
        b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' => true,
        other => other.is_ascii_alphanumeric(),
    }) && text.matches('#').count() <= 1
}
