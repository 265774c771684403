//! What an operator may set about the doors, checked before a port is opened.
use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// The least body limit that still lets ordinary events in, bytes.
pub const MIN_BODY_BYTES: usize = 1_024;
/// The largest body limit for events; a larger record is refused by the topics anyway, bytes.
pub const MAX_BODY_BYTES: usize = 16 * 1_024 * 1_024;
/// The largest body of one webhook delivery, bytes.
pub const WEBHOOK_BODY_BYTES: usize = 5 * 1_024 * 1_024;
/// The longest name of a repository, in bytes.
const MAX_REPOSITORY_BYTES: usize = 200;

/// The section `[server]` of the configuration file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// Address and port to listen on. Default `127.0.0.1:8080`; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Whether `listen` may be an address that other machines reach. Default false, because the doors speak plain
    /// HTTP: put a proxy with TLS in front before saying true.
    pub allow_remote: bool,
    /// The largest body of `POST /events` and `POST /seal`, in bytes: 1 KiB to 16 MiB. Default 1 MiB.
    pub max_body_bytes: usize,
    /// Names of repositories, by their full name at GitHub: `"acme/shop" = "shop-0123456789ab"`. A push does not tell
    /// the repository's root commit, which its name here is made of; a repository that is not listed keeps its pushes
    /// as `webhook.received` only. Default: none.
    pub repositories: BTreeMap<String, String>,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            allow_remote: false,
            max_body_bytes: 1_024 * 1_024,
            repositories: BTreeMap::new(),
        }
    }
}

impl ServerConfig {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// When a value is outside its bounds; the message names the key and what is accepted.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if !self.allow_remote && !self.listen.ip().is_loopback() {
            return Err(ConfigError::Remote { listen: self.listen });
        }
        if !(MIN_BODY_BYTES..=MAX_BODY_BYTES).contains(&self.max_body_bytes) {
            return Err(ConfigError::BodyLimit { found: self.max_body_bytes });
        }
        self.repositories
            .iter()
            .try_for_each(|(full_name, repository)| check_repository(full_name, repository))
    }
}

fn check_repository(full_name: &str, repository: &str) -> Result<(), ConfigError> {
    let whole = full_name
        .split_once('/')
        .is_some_and(|(owner, name)| !owner.is_empty() && !name.is_empty() && !name.contains('/'));
    if !whole {
        return Err(ConfigError::FullName { found: full_name.to_owned() });
    }
    let fits = !repository.is_empty()
        && repository.len() <= MAX_REPOSITORY_BYTES
        && repository.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if fits { Ok(()) } else { Err(ConfigError::Repository { full_name: full_name.to_owned() }) }
}

/// A value of `[server]` that cannot be used; trying again does not help.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ConfigError {
    /// Other machines would reach the doors although nobody said so.
    #[error(
        "server.listen is {listen}, which other machines reach: expected a loopback address, or allow_remote = true"
    )]
    Remote {
        /// The address as configured.
        listen: SocketAddr,
    },
    /// The body limit is outside its bounds.
    #[error("server.max_body_bytes is {found}: expected {MIN_BODY_BYTES} to {MAX_BODY_BYTES}")]
    BodyLimit {
        /// The limit as configured, bytes.
        found: usize,
    },
    /// A key of the repositories is not a full name.
    #[error("server.repositories has the key {found:?}: expected the full name at GitHub, such as acme/shop")]
    FullName {
        /// The key as configured.
        found: String,
    },
    /// A value of the repositories cannot be a repository's name.
    #[error(
        "server.repositories.{full_name:?} is not a repository's name: expected 1 to {MAX_REPOSITORY_BYTES} letters, \
         digits, dots, dashes and underscores"
    )]
    Repository {
        /// The key of the value.
        full_name: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(change: impl FnOnce(&mut ServerConfig)) -> Result<(), ConfigError> {
        let mut config = ServerConfig::default();
        change(&mut config);
        config.validate()
    }

    #[test]
    fn the_default_is_loopback_and_valid() {
        assert!(ServerConfig::default().listen.ip().is_loopback());
        assert_eq!(ServerConfig::default().validate(), Ok(()));
    }

    #[test]
    fn an_address_that_others_reach_needs_consent() {
        for listen in ["0.0.0.0:8080", "[::]:8080", "192.0.2.1:80"] {
            let listen: SocketAddr = listen.parse().unwrap();
            assert_eq!(with(|config| config.listen = listen), Err(ConfigError::Remote { listen }));
            assert_eq!(
                with(|config| {
                    config.listen = listen;
                    config.allow_remote = true;
                }),
                Ok(())
            );
        }
        assert_eq!(with(|config| config.listen = "[::1]:0".parse().unwrap()), Ok(()));
    }

    #[test]
    fn the_body_limit_has_bounds() {
        for (bytes, fits) in [
            (0, false),
            (MIN_BODY_BYTES - 1, false),
            (MIN_BODY_BYTES, true),
            (MAX_BODY_BYTES, true),
            (MAX_BODY_BYTES + 1, false),
        ] {
            assert_eq!(with(|config| config.max_body_bytes = bytes).is_ok(), fits, "{bytes}");
        }
    }

    #[test]
    fn repositories_are_named_by_their_full_name() {
        let named = |key: &str, value: &str| {
            with(|config| {
                config.repositories.insert(key.to_owned(), value.to_owned());
            })
        };
        assert_eq!(named("acme/shop", "shop-0123456789ab"), Ok(()));
        for key in ["", "shop", "/shop", "acme/", "acme/shop/x"] {
            assert!(matches!(named(key, "shop"), Err(ConfigError::FullName { .. })), "{key}");
        }
        for value in ["", "a/b", "a b", "a\u{0}"] {
            assert!(matches!(named("acme/shop", value), Err(ConfigError::Repository { .. })), "{value:?}");
        }
    }

    #[test]
    fn unknown_keys_are_refused() {
        let refused =
            serde_json::from_str::<ServerConfig>(r#"{"listen":"127.0.0.1:1","port":1}"#).unwrap_err();
        assert!(refused.to_string().contains("port"), "{refused}");
    }
}
