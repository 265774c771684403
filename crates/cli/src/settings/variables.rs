//! The variables of the environment that configure, as a source with the name of each variable as its origin.

use std::ffi::OsString;

use config::{ConfigError, Map, Source, Value, ValueKind};

use super::SettingsError;

const PREFIX: &str = "BRAINOPS_";
/// Names the file itself; it is no key.
const FILE_VARIABLE: &str = "BRAINOPS_CONFIG";

/// One variable: its name, the key it sets, and the value.
#[derive(Debug, Clone)]
struct Variable {
    name: String,
    key: Vec<String>,
    value: String,
}

/// The variables that set a key.
#[derive(Debug, Clone, Default)]
pub(super) struct Variables(Vec<Variable>);

impl Variables {
    /// Takes those of `environment` that begin with `BRAINOPS_`.
    pub(super) fn of(
        environment: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Variables, SettingsError> {
        let mut variables = Vec::new();
        for (name, value) in environment {
            let Ok(name) = name.into_string() else { continue }; // ours are all of plain letters
            if name == FILE_VARIABLE || !name.starts_with(PREFIX) {
                continue;
            }
            let key = key_of(&name).ok_or_else(|| SettingsError::Variable { name: name.clone() })?;
            let value = value.into_string().map_err(|_| SettingsError::NotUtf8 { name: name.clone() })?;
            variables.push(Variable { name, key, value });
        }
        variables.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(Variables(variables))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// `BRAINOPS_KAFKA__APPENDER__USERNAME` sets `kafka.appender.username`.
fn key_of(name: &str) -> Option<Vec<String>> {
    let key: Vec<String> = name.strip_prefix(PREFIX)?.split("__").map(str::to_lowercase).collect();
    (key.len() >= 2 && key.iter().all(|part| !part.is_empty())).then_some(key)
}

impl Source for Variables {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        let mut all = Map::new();
        for Variable { name, key, value } in &self.0 {
            insert(&mut all, key, Value::new(Some(name), ValueKind::String(value.clone())));
        }
        Ok(all)
    }
}

fn insert(table: &mut Map<String, Value>, key: &[String], value: Value) {
    match key {
        [] => {}
        [last] => {
            table.insert(last.clone(), value);
        }
        [first, rest @ ..] => {
            let empty =
                || Value::new(value.origin().map(str::to_owned).as_ref(), ValueKind::Table(Map::new()));
            let inner = table.entry(first.clone()).or_insert_with(empty);
            if let ValueKind::Table(inner) = &mut inner.kind {
                insert(inner, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_path_of_at_least_two() {
        for (name, expected) in [
            ("BRAINOPS_KAFKA__APPENDER__USERNAME", Some("kafka.appender.username")),
            ("BRAINOPS_LOG__PREFIX", Some("log.prefix")),
            ("BRAINOPS_STATE__FOLDER", Some("state.folder")),
            ("BRAINOPS_LOG", None),
            ("BRAINOPS___X", None),
            ("BRAINOPS_LOG__", None),
        ] {
            assert_eq!(key_of(name).map(|key| key.join(".")).as_deref(), expected, "{name}");
        }
    }
}
