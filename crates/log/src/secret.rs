//! Reads a secret from a file that only its owner can read, and never prints it.
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// More is no password but a wrong file.
const SECRET_LIMIT_BYTES: u64 = 4096;

/// Text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// Reads `path`, without one trailing line break.
    pub(crate) fn read(path: &Path) -> Result<Secret, SecretError> {
        let unreadable = |source| SecretError::Unreadable { path: path.to_owned(), source };
        let file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        refuse_loose(path, &metadata)?;
        let mut text = String::new();
        file.take(SECRET_LIMIT_BYTES + 1).read_to_string(&mut text).map_err(unreadable)?;
        if text.len() as u64 > SECRET_LIMIT_BYTES {
            return Err(SecretError::TooLong { path: path.to_owned(), limit: SECRET_LIMIT_BYTES });
        }
        let text =
            text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text)).unwrap_or(&text);
        if text.is_empty() {
            return Err(SecretError::Empty { path: path.to_owned() });
        }
        Ok(Secret(text.to_owned()))
    }

    /// The text itself, for the one place that needs it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(..)")
    }
}

/// Refuses a file that others than its owner can read.
pub(crate) fn check_private(path: &Path) -> Result<(), SecretError> {
    let metadata =
        fs::metadata(path).map_err(|source| SecretError::Unreadable { path: path.to_owned(), source })?;
    refuse_loose(path, &metadata)
}

#[cfg(unix)]
fn refuse_loose(path: &Path, metadata: &fs::Metadata) -> Result<(), SecretError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(SecretError::Loose { path: path.to_owned(), mode });
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_loose(_path: &Path, _metadata: &fs::Metadata) -> Result<(), SecretError> {
    Ok(())
}

/// Why a file with a secret is not used. A person has to change the file.
#[derive(Debug, Error)]
pub enum SecretError {
    /// It cannot be read as text.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others than its owner may use it.
    #[error("{} has mode {mode:03o}, accepted is 600 or 400", path.display())]
    Loose {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It holds nothing.
    #[error("{} is empty", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// It holds more than a secret.
    #[error("{} is longer than {limit} bytes", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// How long it may be, in bytes.
        limit: u64,
    },
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn file(content: &str, mode: u32) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs::write(file.path(), content).expect("written");
        fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).expect("mode set");
        file
    }

    #[test]
    fn a_secret_is_its_line() {
        let secret = Secret::read(file("open sesame\n", 0o600).path()).expect("readable");
        assert_eq!(secret.reveal(), "open sesame");
        assert_eq!(format!("{secret:?}"), "Secret(..)");
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        for mode in [0o640, 0o604, 0o644, 0o660] {
            let error = Secret::read(file("open sesame", mode).path()).expect_err("loose");
            assert!(matches!(error, SecretError::Loose { mode: found, .. } if found == mode), "{error}");
        }
    }

    #[test]
    fn nothing_and_too_much_are_refused() {
        assert!(matches!(Secret::read(file("\n", 0o600).path()), Err(SecretError::Empty { .. })));
        let long = "x".repeat(5000);
        assert!(matches!(Secret::read(file(&long, 0o600).path()), Err(SecretError::TooLong { .. })));
    }
}
