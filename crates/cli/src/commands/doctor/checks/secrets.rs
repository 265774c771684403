//! Whether keys and secrets are there, and for their owner's eyes only.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::commands::doctor::finding::{Finding, Findings};
use crate::context::Context;

pub const NAME: &str = "secrets";

pub fn check(context: &Context) -> Findings {
    let (state, settings) = (context.state(), context.settings());
    let folders = [state.path().to_owned(), state.keys()];
    let made =
        [state.api_token(), state.github_webhook_secret(), state.host_token(), state.analyst_password()];
    let kafka = &settings.kafka;
    let logins = [&kafka.appender, &kafka.reader, &kafka.admin].into_iter().flatten();
    let given = logins
        .map(|login| &login.password_file)
        .chain([&kafka.key_file, &kafka.key_password_file].into_iter().flatten())
        .chain([&settings.registry.password_file, &settings.postgres.password_file].into_iter().flatten());
    let mut places: Vec<(PathBuf, u32, &str)> = Vec::new();
    places.extend(folders.into_iter().map(|folder| (folder, 0o700, "brainops init")));
    places.extend(files_of(&state.keys()).into_iter().map(|file| (file, 0o600, "brainops init")));
    places.extend(made.into_iter().map(|file| (file, 0o600, "brainops init")));
    places.extend(given.map(|file| (file.clone(), 0o600, "put it where the configuration says")));
    let findings: Vec<Finding> =
        places.iter().filter_map(|(place, mode, remedy)| fault(place, *mode, remedy)).collect();
    if findings.is_empty() {
        let found = format!("{} files and folders are for their owner alone", places.len());
        return Ok(vec![Finding::ok(NAME, found)]);
    }
    Ok(findings)
}

fn files_of(folder: &Path) -> Vec<PathBuf> {
    // A folder that cannot be read is found by itself.
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect()
}

fn fault(place: &Path, accepted: u32, remedy: &str) -> Option<Finding> {
    let shown = place.display();
    let mode = match fs::metadata(place) {
        Ok(metadata) => metadata.permissions().mode() & 0o777,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Some(Finding::error(NAME, format!("{shown} is missing"), remedy));
        }
        Err(error) => {
            let advice = "run as the user that it belongs to";
            return Some(Finding::error(NAME, format!("{shown} cannot be looked at: {error}"), advice));
        }
    };
    (mode & 0o077 != 0).then(|| {
        let found = format!("{shown} has mode {mode:03o}: others than its owner may use it");
        let advice = format!("chmod {accepted:o} {shown}, and change the secret if others may have seen it");
        Finding::error(NAME, found, advice)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_must_be_there_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let missing = fault(&path, 0o600, "brainops init").unwrap();
        assert!(missing.found.ends_with("is missing") && missing.advice.as_deref() == Some("brainops init"));
        fs::write(&path, "secret").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).unwrap();
        let loose = fault(&path, 0o600, "brainops init").unwrap();
        assert!(loose.found.contains("mode 604"), "{}", loose.found);
        assert!(loose.advice.unwrap().starts_with("chmod 600 "));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        assert_eq!(fault(&path, 0o600, ""), None);
    }
}
