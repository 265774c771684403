//! Reads file and environment, and says where what is wrong stands.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use brainops_tools::{MailConfig, MailConfigError};
use config::{Config, ConfigError, File, FileFormat, Map, Source, Value, ValueKind};

use super::Settings;
use super::variables::Variables;

/// Settings with what is needed to say where each came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings, paths made absolute.
    pub settings: Settings,
    /// The file, absolute, when there is one.
    pub file: Option<PathBuf>,
    /// The keys as they were given, each with its origin.
    pub(super) given: Map<String, Value>,
}

/// Why the settings cannot be used. Trying again does not help.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Nobody said anything.
    #[error(
        "there is no configuration: name a file with --config or BRAINOPS_CONFIG, or set BRAINOPS_<SECTION>__<KEY>"
    )]
    None,
    /// The file cannot be read.
    #[error("the configuration file {} cannot be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no TOML.
    #[error("the configuration file {} is no TOML", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: ConfigError,
    },
    /// A variable begins like ours and is none.
    #[error("the variable {name} is unknown, accepted are BRAINOPS_CONFIG and BRAINOPS_<SECTION>__<KEY>")]
    Variable {
        /// Its name.
        name: String,
    },
    /// A variable's value is no text.
    #[error("the value of the variable {name} is no UTF-8")]
    NotUtf8 {
        /// Its name.
        name: String,
    },
    /// A key is unknown, missing or has a value of the wrong kind.
    #[error("the configuration is refused{place}: {reason}")]
    Refused {
        /// The key and where it stands, when that can be told.
        place: String,
        /// What is wrong and what is accepted.
        reason: String,
    },
    /// Two keys say where the same thing is.
    #[error("{first} and {second} are both given, accepted is one of them")]
    Both {
        /// One of them.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// The section `[tools.mail]` says what cannot be.
    #[error("the configuration is refused")]
    Mail(#[from] MailConfigError),
}

/// Reads the settings from `file`, when there is one, and from those variables of `environment` that are ours.
pub fn load(
    file: Option<&Path>,
    environment: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Loaded, SettingsError> {
    let variables = Variables::of(environment)?;
    if file.is_none() && variables.is_empty() {
        return Err(SettingsError::None);
    }
    // A section of which every key has a default may be missing altogether.
    let empty = Value::new(None, ValueKind::Table(Map::new()));
    let builder = Config::builder().set_default("log", empty);
    let mut builder = builder.map_err(|error| refused(&Map::new(), &error))?;
    if let Some(path) = file {
        let text = std::fs::read_to_string(path)
            .map_err(|source| SettingsError::File { path: path.to_owned(), source })?;
        check_syntax(path, &text)?;
        builder = builder.add_source(File::from_str(&text, FileFormat::Toml));
    }
    let config = builder.add_source(variables).build().map_err(|error| refused(&Map::new(), &error))?;
    let given = config.collect().map_err(|error| refused(&Map::new(), &error))?;
    let mut settings: Settings = config.try_deserialize().map_err(|error| refused(&given, &error))?;
    if settings.tools.objects.is_some() && settings.tools.s3.is_some() {
        return Err(SettingsError::Both { first: "tools.objects", second: "tools.s3" });
    }
    settings.tools.mail.as_ref().map_or(Ok(()), MailConfig::check)?;
    let file = file.map(|path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned()));
    settings.resolve_paths(file.as_deref().and_then(Path::parent));
    Ok(Loaded { settings, file, given })
}

fn check_syntax(path: &Path, text: &str) -> Result<(), SettingsError> {
    let parsed = File::from_str(text, FileFormat::Toml).collect();
    parsed.map(|_| ()).map_err(|source| SettingsError::Syntax { path: path.to_owned(), source })
}

/// The key that an error is about stands in backticks in what serde says; where it was given is looked up.
fn refused(given: &Map<String, Value>, error: &ConfigError) -> SettingsError {
    let reason = error.to_string();
    let blamed = reason.split('`').nth(1).unwrap_or_default();
    let mut places = Vec::new();
    find(given, blamed, &mut Vec::new(), &mut places);
    let place = if places.is_empty() { String::new() } else { format!(" at {}", places.join(" and ")) };
    SettingsError::Refused { place, reason }
}

fn find<'a>(table: &'a Map<String, Value>, key: &str, path: &mut Vec<&'a str>, places: &mut Vec<String>) {
    for (name, value) in table {
        path.push(name);
        if name == key {
            places.push(format!("{} ({})", path.join("."), origin(value)));
        }
        if let ValueKind::Table(inner) = &value.kind {
            find(inner, key, path, places);
        }
        path.pop();
    }
}

/// The variable that gave the value, or the file.
pub(super) fn origin(value: &Value) -> &str {
    value.origin().unwrap_or("file")
}
