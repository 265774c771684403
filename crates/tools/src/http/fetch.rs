//! The tool.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::target::Target;
use crate::spec::{Effect, Repeat};
use crate::tool::{Act, Tool, ToolError};

/// How many redirects are followed.
const MAX_HOPS: usize = 5;
/// How long a request may take, with its redirects and its body.
const LIMIT: Duration = Duration::from_secs(30);
/// How much of a body is told, in bytes.
const MAX_BODY: usize = 4 * 1024 * 1024;

/// What may be fetched: the section `[tools.http]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FetchConfig {
    /// Hosts, such as `api.example.com`, `*.example.org` (not the domain itself) or `build.example.net:8443`. Default: none.
    pub allow: Vec<String>,
    /// Hosts with their ports that may stand at addresses which are not public, such as `127.0.0.1:9090`. Default: none.
    pub private: Vec<String>,
}

/// Looks hosts up.
#[async_trait]
pub trait Lookup: Send + Sync + 'static {
    /// The addresses of a host.
    ///
    /// # Errors
    /// It has none, or nobody can say.
    async fn lookup(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

/// As this machine looks them up.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemLookup;

#[async_trait]
impl Lookup for SystemLookup {
    async fn lookup(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }
}

/// Fetches what a host serves.
#[derive(Clone)]
pub struct HttpFetch {
    config: FetchConfig,
    lookup: Arc<dyn Lookup>,
}

/// What it is told.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FetchArguments {
    /// What is fetched, by GET.
    url: String,
    /// Name of a secret that is shown as a bearer token, to the hosts that it is for. Default: none.
    bearer: Option<String>,
}

/// What comes of it.
#[derive(Debug, Serialize)]
pub struct FetchResult {
    /// Where it was found, after redirects.
    url: String,
    status: u16,
    content_type: Option<String>,
    /// The body, 4 MiB at most; what is no text is replaced.
    body: String,
    /// Whether there is more of it.
    is_cut: bool,
}

impl HttpFetch {
    /// From these hosts.
    #[must_use]
    pub fn new(config: FetchConfig, lookup: impl Lookup) -> Self {
        Self { config, lookup: Arc::new(lookup) }
    }

    async fn fetch(&self, asked: FetchArguments, act: &Act) -> Result<FetchResult, ToolError> {
        let mut url = parsed(&asked.url)?;
        for hop in 0..=MAX_HOPS {
            let target = Target::of(url, &self.config, &*self.lookup).await?;
            let token = match &asked.bearer {
                None => None,
                // To be sent elsewhere is no reason to show a secret there.
                Some(name) if hop > 0 => {
                    act.secret(name, &target.place()).ok().filter(|_| target.is_sealed())
                }
                Some(name) if target.is_sealed() => Some(act.secret(name, &target.place())?),
                Some(_) => {
                    let accepted = "bearer: accepted is https, or a host of tools.http.private";
                    return Err(ToolError::nothing_done("secret_over_http").with(accepted));
                }
            };
            let response = get(&target, token).await?;
            let location = response.headers().get(LOCATION).filter(|_| response.status().is_redirection());
            let Some(location) = location else { return told(target.url, response).await };
            let location = location.to_str().ok().and_then(|location| target.url.join(location).ok());
            url = location.ok_or_else(|| ToolError::nothing_done("bad_redirect"))?;
        }
        Err(ToolError::nothing_done("too_many_redirects").with(format!("accepted are {MAX_HOPS}")))
    }
}

impl std::fmt::Debug for HttpFetch {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("HttpFetch").field("config", &self.config).finish_non_exhaustive()
    }
}

#[async_trait]
impl Tool for HttpFetch {
    type Arguments = FetchArguments;
    type Result = FetchResult;

    const NAME: &'static str = "http.fetch";
    const SUMMARY: &'static str = "Gets what an allowed host serves at a URL, for 30 s at most. Hosts at addresses that are not public are \
                                   refused, after redirects too. Sends no credentials but a secret that is named, to the hosts that it is for; changes nothing but what the host makes of a GET.";
    const EFFECT: Effect = Effect::Reads;
    const REPEAT: Repeat = Repeat::Idempotent;

    async fn act(&self, asked: FetchArguments, act: &Act) -> Result<FetchResult, ToolError> {
        let fetched = tokio::time::timeout(LIMIT, self.fetch(asked, act)).await;
        fetched.unwrap_or_else(|_| Err(ToolError::nothing_done("timed_out")))
    }
}

fn parsed(url: &str) -> Result<Url, ToolError> {
    Url::parse(url).map_err(|error| ToolError::nothing_done("bad_url").with(format!("url: {error}")))
}

/// Asks at the addresses that were looked at, and nowhere else.
async fn get(target: &Target, token: Option<&str>) -> Result<Response, ToolError> {
    let failed = |error: reqwest::Error| {
        ToolError::nothing_done("no_answer").with(brainops_event::error_chain(&error).to_string())
    };
    let client = Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .resolve_to_addrs(&target.host, &target.addresses)
        .user_agent("brainops")
        .build()
        .map_err(failed)?;
    let request = client.get(target.url.clone());
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    request.send().await.map_err(failed)
}

async fn told(url: Url, mut response: Response) -> Result<FetchResult, ToolError> {
    let status = response.status().as_u16();
    let content_type =
        response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (mut body, mut is_cut) = (Vec::new(), false);
    loop {
        let chunk = response.chunk().await;
        let chunk = chunk.map_err(|error| ToolError::nothing_done("no_answer").with(error.to_string()))?;
        let Some(chunk) = chunk else { break };
        let room = MAX_BODY - body.len();
        body.extend_from_slice(&chunk[..room.min(chunk.len())]);
        if chunk.len() > room {
            is_cut = true;
            break;
        }
    }
    let body = String::from_utf8_lossy(&body).into_owned();
    Ok(FetchResult { url: url.to_string(), status, content_type, body, is_cut })
}
