//! Requests to the HTTP API of a provider: JSON, with a token.

use std::time::Duration;

use reqwest::{Method, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::provider::ProviderError;

/// How long a provider may take to answer.
const LIMIT: Duration = Duration::from_secs(20);
/// How much of a refusal is told, in characters.
const MAX_TOLD: usize = 300;

/// An API.
#[derive(Clone)]
pub(crate) struct Api {
    client: reqwest::Client,
    url: Url,
    token: String,
}

impl Api {
    pub(crate) fn new(url: &str, token: String) -> Result<Self, ProviderError> {
        let client = reqwest::Client::builder().timeout(LIMIT).build().map_err(unavailable)?;
        let url = Url::parse(url).map_err(unavailable)?;
        Ok(Self { client, url, token })
    }

    /// What a path below the address answers to GET.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, ProviderError> {
        self.ask(Method::GET, path, query, None).await
    }

    /// What it answers to POST.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        body: &Value,
    ) -> Result<T, ProviderError> {
        self.ask(Method::POST, path, query, Some(body)).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<T, ProviderError> {
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        let mut request = self.client.request(method, url).query(query).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.map_err(unavailable)?;
        let status = answer.status();
        let text = answer.text().await.map_err(unavailable)?;
        if status.is_success() {
            // Some answer an act with nothing at all.
            let text = if text.trim().is_empty() { "null" } else { &text };
            return serde_json::from_str(text).map_err(unavailable);
        }
        Err(refused(status, &text))
    }
}

/// What a provider refuses, in its own words as far as they are short.
fn refused(status: StatusCode, text: &str) -> ProviderError {
    let told: Value = serde_json::from_str(text).unwrap_or_default();
    let message = told.get("message").or_else(|| told.pointer("/error/message")).and_then(Value::as_str);
    let message: String = message.unwrap_or("it does not say why").chars().take(MAX_TOLD).collect();
    match status {
        StatusCode::NOT_FOUND => ProviderError::Unknown {
            what: "the service or the deployment".to_owned(),
            accepted: "what the provider has under the configured token".to_owned(),
        },
        status if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS => {
            ProviderError::Refused(format!("the provider answers {status}: {message}"))
        }
        status => ProviderError::Unavailable(format!("the provider answers {status}").into()),
    }
}

pub(crate) fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> ProviderError {
    ProviderError::Unavailable(Box::new(error))
}

/// Refuses what is no full commit id: hosted providers deploy commits, and resolve no names.
pub(crate) fn full_commit(revision: &str) -> Result<&str, ProviderError> {
    let is_full = matches!(revision.len(), 40 | 64)
        && revision.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if is_full {
        return Ok(revision);
    }
    Err(ProviderError::Unknown {
        what: "the revision".to_owned(),
        accepted: "a full commit id, 40 or 64 lower-case hexadecimal digits".to_owned(),
    })
}
