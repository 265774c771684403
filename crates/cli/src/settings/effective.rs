//! The settings that are in force, key by key, and where each came from.

use config::{Map, Value, ValueKind};
use serde_json::Value as Json;

use super::read::{Loaded, origin};

/// One key with its value in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectiveKey {
    /// Section and key.
    pub path: Vec<String>,
    /// Its value; a user's name and password in an address are left out.
    pub value: Json,
    /// `file`, the name of a variable, or `default`.
    pub from: String,
}

/// Every key in its order.
pub fn effective(loaded: &Loaded) -> Result<Vec<EffectiveKey>, serde_json::Error> {
    let mut keys = Vec::new();
    let all = serde_json::to_value(&loaded.settings)?;
    flatten(&all, Some(&loaded.given), &mut Vec::new(), &mut keys);
    Ok(keys)
}

fn flatten(
    value: &Json,
    given: Option<&Map<String, Value>>,
    path: &mut Vec<String>,
    keys: &mut Vec<EffectiveKey>,
) {
    let Json::Object(fields) = value else { return };
    for (name, value) in fields {
        path.push(name.clone());
        let here = given.and_then(|given| given.get(name));
        match value {
            Json::Object(inner) if !inner.is_empty() => {
                let inner_given = here.and_then(|value| match &value.kind {
                    ValueKind::Table(table) => Some(table),
                    _ => None,
                });
                flatten(value, inner_given, path, keys);
            }
            _ => keys.push(EffectiveKey {
                path: path.clone(),
                value: without_login(value),
                from: here.map_or("default", origin).to_owned(),
            }),
        }
        path.pop();
    }
}

/// An address may carry a login before its host; nobody needs to see it here.
fn without_login(value: &Json) -> Json {
    let hide = |text: &str| {
        let (scheme, rest) = text.split_once("://")?;
        let host_ends = rest.find('/').unwrap_or(rest.len());
        let (_, host) = rest[..host_ends].rsplit_once('@')?;
        Some(format!("{scheme}://***@{host}{}", &rest[host_ends..]))
    };
    value.as_str().and_then(hide).map_or_else(|| value.clone(), Json::String)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::without_login;

    #[test]
    fn a_login_in_an_address_is_hidden() {
        for (address, shown) in [
            ("https://user:secret@host/path", "https://***@host/path"),
            ("https://user:se@cret@host", "https://***@host"),
            ("https://host/a@b", "https://host/a@b"),
            ("user@host", "user@host"),
        ] {
            assert_eq!(without_login(&json!(address)), json!(shown));
        }
    }
}
