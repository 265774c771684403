//! Secrets that tools may use: named in arguments and policies, known to acts alone, and taken out of whatever an act tells.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::tool::ToolError;

/// A shorter one could stand in any text, and could not be taken out of it.
const MIN_BYTES: usize = 8;

/// Secrets by their names, each for some hosts. Cheap to clone; never shown.
#[derive(Clone, Default)]
pub struct Secrets(Arc<BTreeMap<String, Secret>>);

struct Secret {
    value: Zeroizing<String>,
    hosts: Vec<String>,
}

/// A secret cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the secret {name} is too short to be told from other text, accepted are {MIN_BYTES} bytes at least")]
pub struct TooShort {
    name: String,
}

impl Secrets {
    /// These: name, value, and the hosts with their ports that it may be shown to, such as `api.example.com:443`.
    ///
    /// # Errors
    /// [`TooShort`].
    pub fn new(all: impl IntoIterator<Item = (String, String, Vec<String>)>) -> Result<Self, TooShort> {
        let mut secrets = BTreeMap::new();
        for (name, value, hosts) in all {
            if value.len() < MIN_BYTES {
                return Err(TooShort { name });
            }
            secrets.insert(name, Secret { value: Zeroizing::new(value), hosts });
        }
        Ok(Self(Arc::new(secrets)))
    }

    /// The one of this name, for who asks a host at a port.
    pub(crate) fn for_host(&self, name: &str, place: &str) -> Result<&str, ToolError> {
        let Some(secret) = self.0.get(name) else {
            let known: Vec<&str> = self.0.keys().map(String::as_str).collect();
            let accepted = format!("{name}: accepted are {}", known.join(", "));
            return Err(ToolError::nothing_done("unknown_secret").with(accepted));
        };
        if secret.hosts.iter().any(|host| host.eq_ignore_ascii_case(place)) {
            return Ok(&secret.value);
        }
        let accepted = format!("{name} is for {}, and not for {place}", secret.hosts.join(", "));
        Err(ToolError::nothing_done("secret_not_for_host").with(accepted))
    }

    /// A text without secrets: their names stand in their places.
    pub(crate) fn redacted(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, secret) in &*self.0 {
            if text.contains(secret.value.as_str()) {
                text = text.replace(secret.value.as_str(), &format!("[secret {name}]"));
            }
        }
        text
    }

    /// Takes them out of everything that a value holds.
    pub(crate) fn redact(&self, value: &mut Value) {
        if self.0.is_empty() {
            return;
        }
        match value {
            Value::String(text) => *text = self.redacted(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.redact(item)),
            Value::Object(fields) => {
                let told = std::mem::take(fields);
                for (name, mut value) in told {
                    self.redact(&mut value);
                    fields.insert(self.redacted(&name), value);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn secrets() -> Secrets {
        let github = ("github".to_owned(), "s3cret-value".to_owned(), vec!["api.example.com:443".to_owned()]);
        Secrets::new([github]).unwrap()
    }

    #[test]
    fn a_secret_is_for_its_hosts_alone_and_is_never_shown() {
        let secrets = secrets();
        assert_eq!(secrets.for_host("github", "API.example.com:443"), Ok("s3cret-value"));
        let code = |name, place| secrets.for_host(name, place).map_err(|error| error.code);
        assert_eq!(code("github", "evil.example.net:443"), Err("secret_not_for_host"));
        assert_eq!(code("github", "api.example.com:80"), Err("secret_not_for_host"));
        assert_eq!(code("gitlab", "api.example.com:443"), Err("unknown_secret"));
        assert_eq!(format!("{secrets:?}"), "{\"github\"}");
        assert!(Secrets::new([("a".to_owned(), "short".to_owned(), Vec::new())]).is_err());
    }

    #[test]
    fn whatever_holds_a_secret_is_told_without_it() {
        let mut value =
            json!({"a s3cret-value b": ["s3cret-values3cret-value", 7, {"deep": "no secret"}], "n": null});
        secrets().redact(&mut value);
        let expected = json!({"a [secret github] b": ["[secret github][secret github]", 7, {"deep": "no secret"}], "n": null});
        assert_eq!(value, expected);
    }
}
