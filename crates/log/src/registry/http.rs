//! Asks the registry by HTTP: never follows redirects, never waits for ever, never reads without bound.
use std::fs;
use std::time::Duration;

use reqwest::{Certificate, Method, RequestBuilder, Response, StatusCode, Url, redirect};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::RegistryError;
use super::wire::Complaint;
use crate::config::{ConfigError, RegistryConfig};
use crate::secret::{Secret, SecretError};

const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";
const CONNECT_LIMIT: Duration = Duration::from_secs(3);
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// A schema is rarely a hundredth of this.
const BODY_LIMIT_BYTES: usize = 4 * 1024 * 1024;
/// How much of a complaint is worth repeating, in characters.
const COMPLAINT_LIMIT: usize = 2000;

pub(super) struct RegistryHttp {
    client: reqwest::Client,
    url: Url,
    login: Option<(String, Secret)>,
}

impl RegistryHttp {
    pub(super) fn new(config: RegistryConfig) -> Result<RegistryHttp, ConfigError> {
        let login = match (config.username, config.password_file) {
            (None, None) => None,
            (Some(username), Some(path)) => Some((username, read_secret(&path)?)),
            (Some(_), None) => return Err(missing("registry.password_file", "registry.username")),
            (None, Some(_)) => return Err(missing("registry.username", "registry.password_file")),
        };
        let refused = |found: &str| ConfigError::Value {
            field: "registry.url",
            found: found.to_owned(),
            accepted: "an http or https URL without login, query and fragment",
        };
        let url = Url::parse(&config.url).map_err(|_| refused(&config.url))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("a URL with a login in it"));
        }
        if !matches!(url.scheme(), "http" | "https")
            || url.cannot_be_a_base()
            || url.query().is_some()
            || url.fragment().is_some()
        {
            return Err(refused(&config.url));
        }
        let authorities = match &config.ca_file {
            Some(path) => Some(read_authorities(path)?),
            None if url.scheme() == "http" => Some(Vec::new()), // none needed, none looked for
            None => None,
        };
        let client = build_client(authorities).map_err(|error| ConfigError::Value {
            field: "registry.ca_file",
            found: error.to_string(),
            accepted: "a PEM file of certificates",
        })?;
        Ok(RegistryHttp { client, url, login })
    }

    pub(super) fn url(&self) -> &str {
        self.url.as_str()
    }

    /// GET; nothing when the registry has no such thing.
    pub(super) async fn find<A: DeserializeOwned>(&self, path: &[&str]) -> Result<Option<A>, RegistryError> {
        self.ask(self.request(Method::GET, path)).await
    }

    /// GET; nothing also when the registry does not know the question, which older ones do not all.
    pub(super) async fn find_if_offered<A: DeserializeOwned>(
        &self,
        path: &[&str],
    ) -> Result<Option<A>, RegistryError> {
        match self.find(path).await {
            Err(RegistryError::Gibberish { status: Some(404), .. }) => Ok(None),
            answer => answer,
        }
    }

    /// POST; nothing when the registry has no such thing.
    pub(super) async fn post_find<A: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        body: &impl Serialize,
    ) -> Result<Option<A>, RegistryError> {
        self.ask(self.request(Method::POST, path).query(query).json(body)).await
    }

    /// POST to something that must exist.
    pub(super) async fn post<A: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &impl Serialize,
    ) -> Result<A, RegistryError> {
        let answer = self.post_find(path, &[], body).await?;
        answer.ok_or_else(|| RegistryError::Refused {
            url: self.url().to_owned(),
            status: StatusCode::NOT_FOUND.as_u16(),
            message: format!("there is no {}", path.join("/")),
        })
    }

    /// PUT; nothing when the registry has no such thing.
    pub(super) async fn put<A: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &impl Serialize,
    ) -> Result<Option<A>, RegistryError> {
        self.ask(self.request(Method::PUT, path).json(body)).await
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path); // encodes what a segment cannot hold
        }
        let request = self.client.request(method, url).header("accept", MEDIA_TYPE);
        match &self.login {
            Some((username, password)) => request.basic_auth(username, Some(password.reveal())),
            None => request,
        }
    }

    async fn ask<A: DeserializeOwned>(&self, request: RequestBuilder) -> Result<Option<A>, RegistryError> {
        let response = request.send().await.map_err(|source| self.unreachable(source))?;
        let status = response.status();
        let body = self.body(response).await?;
        if status.is_success() {
            let answer = serde_json::from_slice(&body);
            return answer.map(Some).map_err(|error| self.gibberish(Some(status), error.to_string()));
        }
        // only a registry complains in JSON: a stray server's 404 says nothing about schemas
        let complaint = serde_json::from_slice(&body).ok();
        let complaint = complaint.map(|Complaint { message }| shortened(&message));
        Err(match (status, complaint) {
            (StatusCode::NOT_FOUND, Some(_)) => return Ok(None),
            (status, complaint) if passes(status) => RegistryError::Trouble {
                url: self.url().to_owned(),
                status: status.as_u16(),
                message: complaint.unwrap_or_default(),
            },
            (status, Some(message)) => {
                RegistryError::Refused { url: self.url().to_owned(), status: status.as_u16(), message }
            }
            (status, None) => self.gibberish(Some(status), "it gives no reason".to_owned()),
        })
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, RegistryError> {
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|source| self.unreachable(source))? {
            if body.len() + piece.len() > BODY_LIMIT_BYTES {
                return Err(self.gibberish(None, format!("more than {BODY_LIMIT_BYTES} bytes")));
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }

    fn unreachable(&self, source: reqwest::Error) -> RegistryError {
        RegistryError::Unreachable { url: self.url().to_owned(), source: source.without_url() }
    }

    fn gibberish(&self, status: Option<StatusCode>, reason: String) -> RegistryError {
        let status = status.map(|status| status.as_u16());
        RegistryError::Gibberish { url: self.url().to_owned(), status, reason }
    }
}

/// Whether a status speaks of the registry's state, not of the question.
fn passes(status: StatusCode) -> bool {
    let busy = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
    status.is_server_error() || busy.contains(&status)
}

fn build_client(authorities: Option<Vec<Certificate>>) -> Result<reqwest::Client, reqwest::Error> {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // the client cannot even be built without one; an error means that somebody was quicker
        rustls::crypto::ring::default_provider().install_default().ok();
    }
    let client = reqwest::Client::builder()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT_LIMIT)
        .timeout(ANSWER_LIMIT);
    match authorities {
        Some(authorities) => client.tls_certs_only(authorities).build(),
        None => client.build(),
    }
}

fn read_secret(path: &std::path::Path) -> Result<Secret, ConfigError> {
    let field = "registry.password_file";
    Secret::read(path).map_err(|source| ConfigError::Secret { field, source })
}

fn read_authorities(path: &std::path::Path) -> Result<Vec<Certificate>, ConfigError> {
    let field = "registry.ca_file";
    let accepted = "a PEM file of certificates";
    let pem = fs::read(path).map_err(|source| ConfigError::Secret {
        field,
        source: SecretError::Unreadable { path: path.to_owned(), source },
    })?;
    let found = || path.display().to_string();
    match Certificate::from_pem_bundle(&pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(ConfigError::Value { field, found: found(), accepted }),
    }
}

fn missing(field: &'static str, because: &'static str) -> ConfigError {
    ConfigError::Missing { field, because }
}

fn shortened(message: &str) -> String {
    message.chars().take(COMPLAINT_LIMIT).collect()
}
