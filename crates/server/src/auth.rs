//! Who asks: the bearer token stands for a principal, whose name goes into what it appends.
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::doors::Doors;
use crate::problem::{Kind, Problem};

/// Who asks, by the opaque name that events carry as `authid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Principal(pub &'static str);

/// The holder of the token that `brainops init` made.
pub const OPERATOR: Principal = Principal("operator");

/// Lets a request through only with the operator's token, and tells the handler who asks.
pub async fn require_bearer(State(doors): State<Arc<Doors>>, mut request: Request, next: Next) -> Response {
    let known = bearer(request.headers()).is_some_and(|token| doors.secrets.operator_token.is(token));
    if !known {
        let problem =
            Problem::new(Kind::Unauthenticated, "expected the header Authorization: Bearer <token>");
        return problem.into_response();
    }
    request.extensions_mut().insert(OPERATOR);
    next.run(request).await
}

/// The token, when there is exactly one Authorization header and it has the scheme Bearer.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (Some(header), None) = (all.next(), all.next()) else { return None };
    let (scheme, token) = header.as_bytes().split_at_checked(b"Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn token_of(values: &[&'static str]) -> Option<Vec<u8>> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_static(value));
        }
        bearer(&headers).map(<[u8]>::to_vec)
    }

    #[test]
    fn only_one_header_of_the_scheme_bearer_counts() {
        assert_eq!(token_of(&["Bearer abc"]), Some(b"abc".to_vec()));
        assert_eq!(token_of(&["bearer abc"]), Some(b"abc".to_vec()));
        for values in [&[][..], &["abc"], &["Basic abc"], &["Bearer"], &["Bearer a", "Bearer a"]] {
            assert_eq!(token_of(values), None, "{values:?}");
        }
    }
}
