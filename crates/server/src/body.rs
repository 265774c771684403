//! Takes a request's body: only of a media type that the door accepts, and never more of it than the door's limit.
use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use futures::StreamExt;

use crate::problem::{Kind, Problem};

/// Room that is made for a body before any of it has come, bytes at most; a declared length is only a claim.
const FIRST_BYTES: usize = 64 * 1_024;

/// The media type of the body, in lower case and without its parameters.
///
/// # Errors
/// 415 naming the accepted ones, also when the text is said to be in another encoding than UTF-8.
pub fn media_type(headers: &HeaderMap, accepted: &'static [&'static str]) -> Result<&'static str, Problem> {
    let refused = || Problem::media_type(accepted);
    let header = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).ok_or_else(refused)?;
    let mut parts = header.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    let utf8 = parts.all(|parameter| match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    });
    accepted.iter().copied().find(|candidate| utf8 && *candidate == essence).ok_or_else(refused)
}

/// Reads the whole body, at most `limit` bytes.
///
/// # Errors
/// 413 when there is more, before anything is read if the length is declared; 422 when the body breaks off.
pub async fn read_body(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Problem> {
    let declared = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > limit) {
        return Err(Problem::too_large(limit));
    }
    let mut whole = Vec::with_capacity(declared.unwrap_or_default().min(FIRST_BYTES));
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Problem::new(Kind::Invalid, "the body broke off"))?;
        if whole.len() + chunk.len() > limit {
            return Err(Problem::too_large(limit));
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.into())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const ACCEPTED: &[&str] = &["application/json", "application/cloudevents+json"];

    fn typed(value: &'static str) -> Option<&'static str> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(value));
        media_type(&headers, ACCEPTED).ok()
    }

    #[test]
    fn media_types_are_compared_without_their_parameters() {
        assert_eq!(typed("application/json"), Some("application/json"));
        assert_eq!(typed("Application/JSON ; charset=\"UTF-8\""), Some("application/json"));
        assert_eq!(
            typed("application/cloudevents+json; charset=utf-8"),
            Some("application/cloudevents+json")
        );
        for refused in ["text/plain", "application/json; charset=latin1", "application/jsonx", "", ";"] {
            assert_eq!(typed(refused), None, "{refused}");
        }
        assert!(media_type(&HeaderMap::new(), ACCEPTED).is_err());
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit_also_when_its_length_is_not_declared() {
        for (size, fits) in [(0, true), (9, true), (10, true), (11, false), (1_000, false)] {
            let bytes = (0..size).map(|_| Ok::<_, std::io::Error>(b"x".to_vec()));
            let body = Body::from_stream(futures::stream::iter(bytes));
            assert_eq!(read_body(&HeaderMap::new(), body, 10).await.is_ok(), fits, "{size}");
        }
    }

    #[tokio::test]
    async fn a_declared_length_over_the_limit_is_refused_unread() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("11"));
        assert!(read_body(&headers, Body::empty(), 10).await.is_err());
    }
}
