//! A bucket that speaks S3: which, where, and with which key.

use std::fmt;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::client::{HttpClient, HttpConnector};
use object_store::path::Path as ObjectPath;
use object_store::{BackoffConfig, ClientOptions, RetryConfig};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::Zeroizing;

use super::ObjectError;
use crate::http::is_this_machine;

/// How often a request is made again that came to nothing.
const RETRIES: usize = 3;
/// After this long nothing is begun again. With one request more it stays below the limit of all.
const RETRY_LIMIT: Duration = Duration::from_secs(15);
/// How long the store may take to be reached.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long one request may take, with its body.
const REQUEST_LIMIT: Duration = Duration::from_secs(10);

/// A bucket, and who we are there.
#[derive(Debug, Clone)]
pub struct S3Config {
    /// Its name: 3 to 63 letters, digits, dots, dashes and underscores.
    pub bucket: String,
    /// What stands before the names of all objects there. Default: nothing.
    pub prefix: Option<String>,
    /// Where it is, such as `eu-central-1`; other stores than Amazon's say what they want to see.
    pub region: String,
    /// Where the store is. Default: Amazon's of the region.
    pub endpoint: Option<S3Endpoint>,
    /// The name of the key.
    pub access_key_id: String,
    /// The key, which is never sent and never shown.
    pub secret_key: S3SecretKey,
}

/// What requests are signed with. Never shown.
#[derive(Clone)]
pub struct S3SecretKey(Zeroizing<String>);

/// Where a store is: reached over https, or over http on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct S3Endpoint {
    text: String,
    is_here: bool,
}

/// An endpoint is none. Trying again does not help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum S3EndpointError {
    /// It is no address of a service.
    #[error(
        "`endpoint` is no address, accepted is one such as https://s3.example.com, without login or query"
    )]
    NoAddress,
    /// Whoever is on the way could read and alter results.
    #[error(
        "`endpoint` is plain http to another machine, accepted is https, or http to 127.0.0.1, [::1] or localhost"
    )]
    Plain,
}

impl From<String> for S3SecretKey {
    fn from(key: String) -> Self {
        Self(Zeroizing::new(key))
    }
}

impl fmt::Debug for S3SecretKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("S3SecretKey(***)")
    }
}

impl TryFrom<String> for S3Endpoint {
    type Error = S3EndpointError;

    fn try_from(text: String) -> Result<Self, S3EndpointError> {
        let url = Url::parse(&text).map_err(|_| S3EndpointError::NoAddress)?;
        let host = url.host_str().ok_or(S3EndpointError::NoAddress)?;
        let has_login = !url.username().is_empty() || url.password().is_some();
        if has_login || url.query().is_some() || url.fragment().is_some() {
            return Err(S3EndpointError::NoAddress);
        }
        let is_here = is_this_machine(host.trim_start_matches('[').trim_end_matches(']')); // as IPv6 stands in one
        match url.scheme() {
            "https" => Ok(Self { text, is_here }),
            "http" if is_here => Ok(Self { text, is_here }),
            "http" => Err(S3EndpointError::Plain),
            _ => Err(S3EndpointError::NoAddress),
        }
    }
}

impl From<S3Endpoint> for String {
    fn from(endpoint: S3Endpoint) -> Self {
        endpoint.text
    }
}

impl S3Config {
    /// A client of the bucket.
    pub(super) fn bucket(&self) -> Result<AmazonS3, ObjectError> {
        let accepted = "3 to 63 letters, digits, dots, dashes and underscores";
        let is_meant = |letter: char| letter.is_ascii_alphanumeric() || "-._".contains(letter);
        if !(3..=63).contains(&self.bucket.len()) || !self.bucket.chars().all(is_meant) {
            return Err(ObjectError::Config { field: "bucket", value: self.bucket.clone(), accepted });
        }
        let is_here = self.endpoint.as_ref().is_some_and(|endpoint| endpoint.is_here);
        let builder = AmazonS3Builder::new()
            .with_bucket_name(&self.bucket)
            .with_region(&self.region)
            .with_access_key_id(&self.access_key_id)
            .with_secret_access_key(self.secret_key.0.as_str())
            .with_allow_http(is_here)
            .with_retry(retries())
            .with_http_connector(Connector { is_here });
        let builder = match &self.endpoint {
            None => builder,
            Some(endpoint) => builder.with_endpoint(&endpoint.text),
        };
        Ok(builder.build()?)
    }

    /// Where in the bucket objects are.
    pub(super) fn prefix(&self) -> Result<ObjectPath, ObjectError> {
        let prefix = self.prefix.as_deref().unwrap_or_default();
        ObjectPath::parse(prefix).map_err(|_| ObjectError::Config {
            field: "prefix",
            value: prefix.to_owned(),
            accepted: "names with slashes between",
        })
    }
}

fn retries() -> RetryConfig {
    let backoff = BackoffConfig { max_backoff: Duration::from_secs(2), ..BackoffConfig::default() };
    RetryConfig { backoff, max_retries: RETRIES, retry_timeout: RETRY_LIMIT }
}

/// Makes the client: it keeps our limits, follows nobody elsewhere, and goes through no proxy to this machine.
#[derive(Debug)]
struct Connector {
    is_here: bool,
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = Client::builder()
            .connect_timeout(CONNECT_LIMIT)
            .timeout(REQUEST_LIMIT)
            .redirect(Policy::none())
            .http1_only() // as object_store's own client, since stores are fast that way
            .user_agent("brainops");
        let client = if self.is_here { client.no_proxy() } else { client };
        let failed = |error| object_store::Error::Generic { store: "S3", source: Box::new(error) };
        Ok(HttpClient::new(client.build().map_err(failed)?))
    }
}

/// The store's word for why it refuses, from an answer in XML; a word that is none is not told.
pub(super) fn code_of(answer: &str) -> String {
    let word = answer.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    let word =
        word.map(|(word, _)| word).filter(|word| word.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    word.unwrap_or("no reason given").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_sealed_or_on_this_machine() {
        for (text, expected) in [
            ("https://s3.example.com", Ok(false)),
            ("https://example.com:8443/storage/s3", Ok(false)),
            ("http://127.0.0.1:9000", Ok(true)),
            ("http://[::1]:9000", Ok(true)),
            ("http://localhost:9000", Ok(true)),
            ("http://s3.example.com", Err(S3EndpointError::Plain)),
            ("http://10.0.0.1:9000", Err(S3EndpointError::Plain)),
            ("http://localhost.example.com", Err(S3EndpointError::Plain)),
            ("http://127.0.0.1.example.com", Err(S3EndpointError::Plain)),
            ("http://127.0.0.1@example.com", Err(S3EndpointError::NoAddress)),
            ("https://user:secret@s3.example.com", Err(S3EndpointError::NoAddress)),
            ("https://s3.example.com?x=1", Err(S3EndpointError::NoAddress)),
            ("ftp://s3.example.com", Err(S3EndpointError::NoAddress)),
            ("s3.example.com", Err(S3EndpointError::NoAddress)),
        ] {
            let endpoint = S3Endpoint::try_from(text.to_owned());
            assert_eq!(endpoint.map(|endpoint| endpoint.is_here), expected, "{text}");
        }
    }

    #[test]
    fn a_reason_is_a_word() {
        for (answer, expected) in [
            ("403: <Error><Code>AccessDenied</Code><Message>x</Message></Error>", "AccessDenied"),
            ("403: <Error><Code>a b</Code></Error>", "no reason given"),
            ("403: forbidden", "no reason given"),
        ] {
            assert_eq!(code_of(answer), expected, "{answer}");
        }
    }
}
