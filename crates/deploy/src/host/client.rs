//! A host in another process, as a provider.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::{RequestBuilder, StatusCode, Url};
use serde::de::DeserializeOwned;

use super::api::{Lines, Refusal, Rollback};
use crate::provider::{Deployed, Provider, ProviderError, ServiceKey, ServiceStatus, StartRequest};

/// How long a host may take to answer: what takes longer goes on beside its answers.
const LIMIT: Duration = Duration::from_secs(10);

/// The client of a host. Cheap to clone.
#[derive(Clone)]
pub struct HostClient {
    client: reqwest::Client,
    url: Url,
    token: String,
}

impl std::fmt::Debug for HostClient {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("HostClient").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

impl HostClient {
    /// That of the host at this address.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`]: no client can be made.
    pub fn new(listen: std::net::SocketAddr, token: String) -> Result<Self, ProviderError> {
        let client = reqwest::Client::builder().no_proxy().timeout(LIMIT).build().map_err(unavailable)?;
        let url = Url::parse(&format!("http://{listen}/")).map_err(unavailable)?;
        Ok(Self { client, url, token })
    }

    fn at(&self, service: &ServiceKey, more: &[&str]) -> Url {
        let mut url = self.url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["services", &service.service, &service.environment]).extend(more);
        }
        url
    }

    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ProviderError> {
        let answer = request.bearer_auth(&self.token).send().await.map_err(unavailable)?;
        match answer.status() {
            status if status.is_success() => answer.json().await.map_err(unavailable),
            StatusCode::NOT_FOUND => {
                let Refusal { what, accepted } = answer.json().await.map_err(unavailable)?;
                Err(ProviderError::Unknown { what, accepted })
            }
            StatusCode::CONFLICT => {
                let Refusal { what, .. } = answer.json().await.map_err(unavailable)?;
                Err(ProviderError::Refused(what))
            }
            status => Err(ProviderError::Unavailable(format!("the host answers {status}").into())),
        }
    }
}

fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> ProviderError {
    ProviderError::Unavailable(Box::new(error))
}

#[async_trait]
impl Provider for HostClient {
    async fn status(&self, service: &ServiceKey) -> Result<ServiceStatus, ProviderError> {
        self.answer(self.client.get(self.at(service, &[]))).await
    }

    async fn start(&self, service: &ServiceKey, request: &StartRequest) -> Result<Deployed, ProviderError> {
        self.answer(self.client.post(self.at(service, &["deployments"])).json(request)).await
    }

    async fn rollback(&self, service: &ServiceKey, from: &str) -> Result<Deployed, ProviderError> {
        let body = Rollback { from: from.to_owned() };
        self.answer(self.client.post(self.at(service, &["rollback"])).json(&body)).await
    }

    async fn logs(
        &self,
        service: &ServiceKey,
        deployment: &str,
        lines: usize,
    ) -> Result<Vec<String>, ProviderError> {
        let url = self.at(service, &["deployments", deployment, "logs"]);
        self.answer(self.client.get(url).query(&Lines { lines })).await
    }
}
