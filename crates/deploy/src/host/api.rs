//! The host over HTTP, for the roles of other processes: JSON, on loopback, with a token.
//!
//! | request | answer |
//! |---|---|
//! | `GET /services/{service}/{environment}` | [`crate::ServiceStatus`] |
//! | `POST /services/{service}/{environment}/deployments` with a [`crate::StartRequest`] | [`crate::Deployed`] |
//! | `POST /services/{service}/{environment}/rollback` with `{"from": id}` | the [`crate::Deployed`] that serves |
//! | `GET /services/{service}/{environment}/deployments/{id}/logs?lines=200` | an array of lines |
//!
//! What is unknown is 404 and what is refused 409, each with `{"what": …, "accepted": …}`; without the token it is 401.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::run::LocalHost;
use crate::provider::{Deployed, Provider as _, ProviderError, ServiceKey, ServiceStatus, StartRequest};

/// How many lines of a log are told at most.
pub(super) const MAX_LINES: usize = 10_000;

/// The host does not take requests.
#[derive(Debug, Error)]
pub enum ApiError {
    /// Others than this machine could reach it.
    #[error(
        "deploy.host.listen is {0}, accepted is an address of this machine alone, such as 127.0.0.1:7421"
    )]
    NotLoopback(SocketAddr),
    /// The address cannot be had, or is lost.
    #[error("requests to the host cannot be taken at {listen}")]
    Listen {
        /// Where.
        listen: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

/// The door of a host that is open.
#[derive(Debug)]
pub struct HostApi {
    listener: TcpListener,
    listen: SocketAddr,
    app: Router,
}

impl HostApi {
    /// Opens it, for who shows the token.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn bind(host: LocalHost, listen: SocketAddr, token: &str) -> Result<Self, ApiError> {
        if !listen.ip().is_loopback() {
            return Err(ApiError::NotLoopback(listen));
        }
        let listener = TcpListener::bind(listen).await;
        let listener = listener.map_err(|source| ApiError::Listen { listen, source })?;
        let listen = listener.local_addr().map_err(|source| ApiError::Listen { listen, source })?;
        let app = Router::new()
            .route("/services/{service}/{environment}", get(status))
            .route("/services/{service}/{environment}/deployments", post(start))
            .route("/services/{service}/{environment}/rollback", post(rollback))
            .route("/services/{service}/{environment}/deployments/{deployment}/logs", get(logs))
            .layer(from_fn_with_state(Arc::<str>::from(token), who_shows_the_token))
            .with_state(host);
        Ok(Self { listener, listen, app })
    }

    /// Where it is.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.listen
    }

    /// Answers until it is told to stop.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn run(self, stop: CancellationToken) -> Result<(), ApiError> {
        let listen = self.listen;
        let serving = axum::serve(self.listener, self.app)
            .with_graceful_shutdown(async move { stop.cancelled().await });
        serving.await.map_err(|source| ApiError::Listen { listen, source })
    }
}

async fn who_shows_the_token(State(token): State<Arc<str>>, request: Request, next: Next) -> Response {
    let shown = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let shown = shown.and_then(|text| text.strip_prefix("Bearer ")).unwrap_or_default();
    if bool::from(shown.as_bytes().ct_eq(token.as_bytes())) {
        return next.run(request).await;
    }
    let refusal = Refusal { what: "the token".to_owned(), accepted: "that of this installation".to_owned() };
    (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")], Json(refusal)).into_response()
}

/// Why something was not done, as it is told over HTTP.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Refusal {
    pub(super) what: String,
    pub(super) accepted: String,
}

impl IntoResponse for ProviderError {
    fn into_response(self) -> Response {
        let (status, what, accepted) = match self {
            Self::Unknown { what, accepted } => (StatusCode::NOT_FOUND, what, accepted),
            Self::Refused(what) => (StatusCode::CONFLICT, what, String::new()),
            Self::Unavailable(error) => {
                tracing::error!(%error, "the host cannot do what it is asked for");
                (StatusCode::INTERNAL_SERVER_ERROR, "the host".to_owned(), String::new())
            }
        };
        (status, Json(Refusal { what, accepted })).into_response()
    }
}

type Named = Path<(String, String)>;

fn key(Path((service, environment)): Named) -> ServiceKey {
    ServiceKey { service, environment }
}

async fn status(State(host): State<LocalHost>, named: Named) -> Result<Json<ServiceStatus>, ProviderError> {
    host.status(&key(named)).await.map(Json)
}

async fn start(
    State(host): State<LocalHost>,
    named: Named,
    Json(request): Json<StartRequest>,
) -> Result<Json<Deployed>, ProviderError> {
    host.start(&key(named), &request).await.map(Json)
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rollback {
    pub(super) from: String,
}

async fn rollback(
    State(host): State<LocalHost>,
    named: Named,
    Json(Rollback { from }): Json<Rollback>,
) -> Result<Json<Deployed>, ProviderError> {
    host.rollback(&key(named), &from).await.map(Json)
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lines {
    pub(super) lines: usize,
}

async fn logs(
    State(host): State<LocalHost>,
    Path((service, environment, deployment)): Path<(String, String, String)>,
    Query(Lines { lines }): Query<Lines>,
) -> Result<Json<Vec<String>>, ProviderError> {
    host.logs(&ServiceKey { service, environment }, &deployment, lines.min(MAX_LINES)).await.map(Json)
}
