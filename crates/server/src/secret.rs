//! A secret that came from a file: it can be compared and used, but not printed.
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The shortest secret that is taken, bytes; shorter ones can be guessed.
const MIN_BYTES: usize = 16;
/// The longest secret that is taken, bytes.
const MAX_BYTES: u64 = 4_096;

/// Text that is never printed and is wiped from memory when dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text as the secret.
    ///
    /// # Errors
    /// When it is shorter than 16 bytes or longer than 4,096.
    pub fn new(text: String) -> Result<Self, SecretError> {
        let text = Zeroizing::new(text);
        if text.len() < MIN_BYTES || text.len() as u64 > MAX_BYTES {
            return Err(SecretError::Length { found: text.len() });
        }
        Ok(Self(text))
    }

    /// Reads the secret from a file; white space around it is not part of it.
    ///
    /// # Errors
    /// When the file cannot be read, others than its owner may read it, or its length is out of bounds.
    pub fn from_file(path: &Path) -> Result<Self, SecretError> {
        let unreadable = |source| SecretError::Unreadable { path: path.to_owned(), source };
        let file = File::open(path).map_err(unreadable)?;
        let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(SecretError::Exposed { path: path.to_owned(), mode });
        }
        let mut text = Zeroizing::new(String::new());
        file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(unreadable)?;
        Self::new(text.trim().to_owned())
    }

    /// Whether the text is the secret; how long that takes tells nothing about where they differ.
    pub fn is(&self, text: &[u8]) -> bool {
        Sha256::digest(self.as_bytes()).ct_eq(&Sha256::digest(text)).into()
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(..)")
    }
}

/// A secret that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("the secret in {path} cannot be read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Others than the owner may read the file.
    #[error("the secret in {path} has mode {mode:o}: expected 600, so that only its owner reads it")]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The secret is too short or too long.
    #[error("the secret has {found} bytes: expected {MIN_BYTES} to {MAX_BYTES}")]
    Length {
        /// Its length, bytes.
        found: usize,
    },
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};

    use super::*;

    #[test]
    fn it_is_equal_to_itself_only_and_prints_nothing() {
        let secret = Secret::new("0123456789abcdef".to_owned()).unwrap();
        assert!(secret.is(b"0123456789abcdef"));
        for other in ["", "0123456789abcde", "0123456789abcdef0", "0123456789abcdeF"] {
            assert!(!secret.is(other.as_bytes()), "{other}");
        }
        assert_eq!(format!("{secret:?}"), "Secret(..)");
    }

    #[test]
    fn a_file_is_taken_only_when_nobody_else_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api-token");
        fs::write(&path, "0123456789abcdef\n").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(Secret::from_file(&path), Err(SecretError::Exposed { mode: 0o644, .. })));
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert!(Secret::from_file(&path).unwrap().is(b"0123456789abcdef"));
        assert!(matches!(
            Secret::from_file(&folder.path().join("none")),
            Err(SecretError::Unreadable { .. })
        ));
    }

    #[test]
    fn guessable_and_endless_secrets_are_refused() {
        for text in ["", "short", &"x".repeat(5_000)] {
            assert!(matches!(Secret::new(text.to_owned()), Err(SecretError::Length { .. })));
        }
    }
}
