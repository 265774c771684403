//! One hop: which host, whether it is allowed, and at which addresses.

use std::net::SocketAddr;

use reqwest::Url;

use super::address::is_public;
use super::fetch::{FetchConfig, Lookup};
use crate::tool::ToolError;

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) url: Url,
    pub(super) host: String,
    pub(super) addresses: Vec<SocketAddr>,
    port: u16,
    /// Whether the host is one that may stand at any address.
    is_named: bool,
}

impl Target {
    /// Host and port.
    pub(super) fn place(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Whether nobody between can read what is sent there: by TLS, or since the operator has named the place.
    pub(super) fn is_sealed(&self) -> bool {
        self.url.scheme() == "https" || self.is_named
    }

    /// Looks a host up, and refuses what is not allowed.
    pub(super) async fn of(url: Url, config: &FetchConfig, lookup: &dyn Lookup) -> Result<Self, ToolError> {
        let refused = |code, detail: String| Err(ToolError::nothing_done(code).with(detail));
        if !["http", "https"].contains(&url.scheme()) {
            return refused(
                "bad_url",
                format!("url: accepted are http and https, found is {}", url.scheme()),
            );
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refused("bad_url", "url: accepted is one without a login".to_owned());
        }
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return refused("bad_url", "url: accepted is one with a host".to_owned());
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let place = format!("{host}:{port}");
        let is_named = config.private.contains(&place);
        if !is_named && !is_allowed(&host, port, config) {
            return refused("host_not_allowed", format!("{place}: accepted are {}", config.allow.join(", ")));
        }
        let addresses = lookup.lookup(&host, port).await;
        let addresses = addresses
            .map_err(|error| ToolError::nothing_done("unknown_host").with(format!("{host}: {error}")))?;
        if addresses.is_empty() {
            return refused("unknown_host", host);
        }
        if !is_named && !addresses.iter().all(|address| is_public(address.ip())) {
            return refused("private_address", format!("{host} stands at an address that is not public"));
        }
        Ok(Self { url, host, addresses, port, is_named })
    }
}

/// Whether a host, at the port of its scheme or one that is named, is on the list.
fn is_allowed(host: &str, port: u16, config: &FetchConfig) -> bool {
    config.allow.iter().any(|pattern| {
        let (name, at) =
            pattern.rsplit_once(':').map_or((pattern.as_str(), None), |(name, at)| (name, Some(at)));
        let is_port = at.map_or(port == 80 || port == 443, |at| at == port.to_string());
        let is_host = name.strip_prefix("*.").map_or(host.eq_ignore_ascii_case(name), |domain| {
            let host = host.to_ascii_lowercase();
            host.strip_suffix(&domain.to_ascii_lowercase())
                .is_some_and(|rest| rest.ends_with('.') && rest.len() > 1)
        });
        is_port && is_host
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_allowed_by_name_or_domain_at_the_usual_ports_or_one_that_is_named() {
        let allow = ["api.example.com", "*.example.org", "build.example.net:8443"].map(str::to_owned);
        let config = FetchConfig { allow: allow.to_vec(), ..FetchConfig::default() };
        for (host, port, expected) in [
            ("api.example.com", 443, true),
            ("API.example.com", 80, true),
            ("api.example.com", 8080, false),
            ("api.example.com.evil.net", 443, false),
            ("example.com", 443, false),
            ("a.example.org", 443, true),
            ("example.org", 443, false),
            ("evilexample.org", 443, false),
            (".example.org", 443, false),
            ("build.example.net", 8443, true),
            ("build.example.net", 443, false),
        ] {
            assert_eq!(is_allowed(host, port, &config), expected, "{host}:{port}");
        }
    }
}
