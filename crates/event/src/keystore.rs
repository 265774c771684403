//! Keys of data subjects, as the rest of the house sees them: what a key is called, who keeps it, who seals with it.
//!
//! One key per data subject (a lead, an author, a delivery), named by an opaque id that follows from the
//! installation's key, so that the same subject finds the same key again and the id tells nobody whose it is.
//! A destroyed key is never made again: everything it sealed is then gone, everywhere, for good.
//!
//! Keeping keys is I/O and lives in other crates; randomness too.

use std::fmt;
use std::str::FromStr;

use zeroize::Zeroizing;

use crate::mac::{SECRET_BYTES, mac};
use crate::sealed::SealError;
use crate::types::privacy::Sealed;

/// Number of bytes in the secret of a [`DataKey`] and of an [`InstallationKey`].
pub const KEY_BYTES: usize = SECRET_BYTES;

/// Number of bytes in a nonce of AES-256-GCM.
pub const NONCE_BYTES: usize = 12;

const KEY_ID_PREFIX: &str = "k-";
const KEY_ID_DIGITS: usize = 32;

// The first part of what is hashed: a pseudonym can never equal the digest behind a key id.
const KEY_ID_LABEL: &[u8] = b"key-id";
const PSEUDONYM_LABEL: &[u8] = b"pseudonym";

/// Opaque id of a data subject's key: `k-` and 32 lower-case hexadecimal digits.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(Box<str>);

impl KeyId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that is not the id of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected the id of a key: k- and 32 lower-case hexadecimal digits")]
pub struct KeyIdError;

impl FromStr for KeyId {
    type Err = KeyIdError;

    fn from_str(text: &str) -> Result<Self, KeyIdError> {
        let digits = text.strip_prefix(KEY_ID_PREFIX).ok_or(KeyIdError)?;
        let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if digits.len() != KEY_ID_DIGITS || !digits.bytes().all(lower_hex) {
            return Err(KeyIdError);
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The secret key of one data subject, wiped from memory when it is dropped.
#[derive(Clone)]
pub struct DataKey {
    id: KeyId,
    secret: Zeroizing<[u8; KEY_BYTES]>,
}

impl DataKey {
    /// Joins an id and its secret.
    #[must_use]
    pub fn new(id: KeyId, secret: Zeroizing<[u8; KEY_BYTES]>) -> Self {
        Self { id, secret }
    }

    /// The opaque id.
    #[must_use]
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// The secret itself, for a store that writes it down. Nothing else has a reason to look.
    #[must_use]
    pub fn secret(&self) -> &[u8; KEY_BYTES] {
        &self.secret
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataKey({}, secret redacted)", self.id)
    }
}

/// The secret of this installation: names keys and makes pseudonyms, encrypts nothing. Wiped when dropped.
#[derive(Clone)]
pub struct InstallationKey(Zeroizing<[u8; KEY_BYTES]>);

impl InstallationKey {
    /// Takes the secret, which must be random and kept for as long as the log is.
    #[must_use]
    pub fn new(secret: Zeroizing<[u8; KEY_BYTES]>) -> Self {
        Self(secret)
    }

    /// The secret itself, for a store that writes it down.
    #[must_use]
    pub fn secret(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// The id of the key of `data_subject`: the same for ever, and no way back without this secret.
    #[must_use]
    pub fn key_id(&self, data_subject: &str) -> KeyId {
        let digest = mac(&self.0, &[KEY_ID_LABEL, data_subject.as_bytes()]);
        KeyId(format!("{KEY_ID_PREFIX}{}", hex(&digest[..KEY_ID_DIGITS / 2])).into())
    }

    /// HMAC-SHA-256 of `text` for `purpose`, 64 lower-case hexadecimal digits: an id that can be compared, not read.
    #[must_use]
    pub fn pseudonym(&self, purpose: &str, text: &str) -> String {
        hex(&mac(&self.0, &[PSEUDONYM_LABEL, purpose.as_bytes(), text.as_bytes()]))
    }
}

impl fmt::Debug for InstallationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InstallationKey(redacted)")
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0x0f)]).collect()
}

/// Why a key could not be given, or used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The key was destroyed: what it sealed is gone, and it is never made again. Trying again cannot help.
    #[error("the key {0} was destroyed")]
    Destroyed(KeyId),
    /// The store has never held this key. Trying again cannot help.
    #[error("there is no key {0}")]
    Unknown(KeyId),
    /// The data subject's name is empty. Trying again cannot help.
    #[error("expected the id of a data subject, found an empty string")]
    NoSubject,
    /// The text cannot be sealed. Trying again cannot help.
    #[error("the text cannot be sealed")]
    Seal(#[from] SealError),
    /// Others may read where the keys are kept. Somebody must change the mode.
    #[error("{place} has mode {found:04o}, wanted {wanted:04o}: keys must be readable by their owner alone")]
    Permissions {
        /// The file or folder.
        place: String,
        /// Its permission bits.
        found: u32,
        /// The bits that are accepted.
        wanted: u32,
    },
    /// A line of the store is not as it was written. Somebody must restore it from a copy.
    #[error("line {line} of {place} is damaged: {reason}")]
    Damaged {
        /// The file.
        place: String,
        /// Number of the line, from 1.
        line: usize,
        /// What is wrong with it; never its content.
        reason: &'static str,
    },
    /// The store cannot be reached or written now. Trying again may help.
    #[error("the key store {place} is not available")]
    Unavailable {
        /// The file or folder.
        place: String,
        /// What the system said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Keeps one key per data subject, outside the log and outside the databases.
pub trait KeyStore: Send + Sync {
    /// The keys of `data_subjects`, in their order; those that do not exist yet are made, and are durable before
    /// this returns. All of them or none: a destroyed one among them is [`KeyError::Destroyed`] and makes none.
    fn keys_for(&self, data_subjects: &[&str]) -> Result<Vec<DataKey>, KeyError>;

    /// The key of this id, for opening.
    fn key(&self, id: &KeyId) -> Result<DataKey, KeyError>;

    /// HMAC-SHA-256 of `text` under the installation's key, for `purpose`, in hexadecimal: an id made of personal
    /// data that is itself none. The caller brings `text` into its one form first (such as a lower-case address).
    fn pseudonym(&self, purpose: &str, text: &str) -> String;

    /// Destroys a key for good, whether the store has ever held it or not; durable before this returns.
    /// False when it was destroyed before.
    fn destroy(&self, id: &KeyId) -> Result<bool, KeyError>;
}

/// Seals a personal text under the key of the person that it is about.
pub trait Sealer: Send + Sync {
    /// Makes sure that the keys of `data_subjects` are there: called once before the values of a batch are sealed,
    /// so that missing keys are made all at once.
    fn prepare(&self, data_subjects: &[&str]) -> Result<(), KeyError>;

    /// Seals `plain`, a value of the kind `kind` (such as `email`), under the key of `data_subject`: the same
    /// text of the same kind and subject to the same value, so that an event that is said again is the same event.
    fn seal(&self, data_subject: &str, kind: &str, plain: &str) -> Result<Sealed, KeyError>;
}

impl<Store: KeyStore> Sealer for Store {
    fn prepare(&self, data_subjects: &[&str]) -> Result<(), KeyError> {
        self.keys_for(data_subjects).map(drop)
    }

    fn seal(&self, data_subject: &str, kind: &str, plain: &str) -> Result<Sealed, KeyError> {
        let keys = self.keys_for(&[data_subject])?;
        let key = keys.first().ok_or(KeyError::NoSubject)?;
        Ok(Sealed::seal(key, kind, plain)?)
    }
}
