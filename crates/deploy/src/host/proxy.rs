//! Sends requests to the deployment that serves, and notes how each was answered: when, by whom, with which status, in which time.
//! Paths are not noted, for they may say who asked.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::uri::{Authority, Scheme, Uri};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use chrono::{SecondsFormat, Utc};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Who is sent requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Serving {
    pub(super) deployment_id: String,
    pub(super) port: u16,
}

#[derive(Clone)]
struct Proxy {
    client: Client<HttpConnector, Body>,
    serving: watch::Receiver<Option<Serving>>,
    log: Arc<Mutex<std::fs::File>>,
}

/// Takes requests until it is told to stop.
pub(super) async fn run(
    listener: TcpListener,
    serving: watch::Receiver<Option<Serving>>,
    access_log: PathBuf,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let log = std::fs::File::options().create(true).append(true).open(access_log)?;
    let client = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
    let proxy = Proxy { client, serving, log: Arc::new(Mutex::new(log)) };
    let app = Router::new().fallback(pass).with_state(proxy);
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(async move { stop.cancelled().await }).await
}

async fn pass(State(proxy): State<Proxy>, request: Request) -> Response {
    let (serving, began) = (proxy.serving.borrow().clone(), Instant::now());
    let Some(serving) = serving else {
        return (StatusCode::SERVICE_UNAVAILABLE, "no deployment serves\n").into_response();
    };
    let response = forward(&proxy, &serving, request).await;
    proxy.note(&serving, response.status(), began);
    response
}

async fn forward(proxy: &Proxy, serving: &Serving, mut request: Request) -> Response {
    let unavailable = |text: &'static str| (StatusCode::BAD_GATEWAY, text).into_response();
    let authority = format!("127.0.0.1:{}", serving.port);
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = authority.parse::<Authority>().ok();
    let Ok(uri) = Uri::from_parts(parts) else { return unavailable("the request has no path\n") };
    *request.uri_mut() = uri;
    if let Ok(host) = HeaderValue::from_str(&authority) {
        request.headers_mut().entry(header::HOST).or_insert(host);
    }
    match proxy.client.request(request).await {
        Ok(response) => response.map(Body::new),
        Err(_) => unavailable("the deployment that serves does not answer\n"),
    }
}

impl Proxy {
    fn note(&self, serving: &Serving, status: StatusCode, began: Instant) {
        let line = serde_json::json!({
            "at": Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true),
            "deployment_id": serving.deployment_id,
            "status": status.as_u16(),
            "ms": u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        });
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = log.write_all(format!("{line}\n").as_bytes()) {
            tracing::warn!(%error, "how a request was answered cannot be noted");
        }
    }
}
