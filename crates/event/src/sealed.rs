//! A sealed personal text: AES-256-GCM under the key of the person it is about.
//!
//! What is authenticated beside the text: the version of this form, the id of the key, and the kind of the value
//! (`email`, `name`, ...). So a sealed value cannot be passed off as another kind, or as another person's. Whoever
//! holds a `Sealed` learns the id of a key, how many bytes the text has, and which texts of one kind of this person are
//! equal, and nothing else. No error here carries plain text.
//!
//! Sealing is a function: the nonce is the first 12 bytes of HMAC-SHA-256 over kind and text, under a key that follows
//! from the person's. So a delivery or import that is said again is byte for byte the same event. Two different texts
//! meet in one nonce no more likely than with random ones: below 2^-32 for 2^32 texts under one key.

use std::str::FromStr;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::{Zeroize, Zeroizing};

use crate::keystore::{DataKey, KeyId, KeyIdError, NONCE_BYTES};
use crate::mac::mac;
use crate::types::privacy::Sealed;

/// The most bytes of text that one `Sealed` may hold: 16 MiB, far above what a record in the log may be.
pub const MAX_SEALED_BYTES: usize = 16 * 1024 * 1024;

const TAG_BYTES: usize = 16;
const FORM: &str = "brainops.privacy.Sealed/v1";
const NONCE_LABEL: &[u8] = b"brainops.privacy.Sealed/v1 nonce";
const TOKEN_PREFIX: &str = "sealed.v1.";

/// Why a text could not be sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The text is too long.
    #[error("the text has {bytes} bytes, the most that can be sealed is {most}")]
    TooLong {
        /// Length of the text in bytes.
        bytes: usize,
        /// The bound in bytes.
        most: usize,
    },
}

/// Why a sealed text could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The key at hand is not the one that sealed it.
    #[error("sealed with the key {sealed_with}, the key at hand is {given}")]
    OtherKey {
        /// Id in the sealed value.
        sealed_with: String,
        /// Id of the key that was given.
        given: KeyId,
    },
    /// The parts have lengths that sealing never makes.
    #[error("malformed sealed value of the key {0}")]
    Malformed(KeyId),
    /// The value was changed, or was sealed as another kind.
    #[error("the sealed value of the key {key_id} is not authentic as {kind}")]
    NotAuthentic {
        /// The key.
        key_id: KeyId,
        /// The kind that was expected.
        kind: String,
    },
}

/// Why a text is not a token of a sealed value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not `sealed.v1.` and three parts.
    #[error("expected sealed.v1.<key id>.<nonce>.<ciphertext>")]
    Form,
    /// The key id is not one.
    #[error(transparent)]
    KeyId(#[from] KeyIdError),
    /// A part is not base64 (URL alphabet, no padding).
    #[error("expected base64 of the URL alphabet without padding")]
    Base64,
    /// The nonce has not 12 bytes, or the ciphertext fewer than its tag of 16.
    #[error("expected a nonce of 12 bytes and a ciphertext of at least 16")]
    Length,
}

impl Sealed {
    /// Seals `plain` as a value of `kind`: the same value each time.
    ///
    /// # Errors
    /// The text is longer than [`MAX_SEALED_BYTES`].
    pub fn seal(key: &DataKey, kind: &str, plain: &str) -> Result<Self, SealError> {
        let too_long = SealError::TooLong { bytes: plain.len(), most: MAX_SEALED_BYTES };
        if plain.len() > MAX_SEALED_BYTES {
            return Err(too_long);
        }
        let nonce = nonce_of(key, kind, plain);
        let bound = bound_data(key.id(), kind);
        let payload = Payload { msg: plain.as_bytes(), aad: &bound };
        // The cipher's only refusal is one of length, at 64 GiB.
        let ciphertext = cipher(key).encrypt(&Nonce::from(nonce), payload).map_err(|_| too_long)?;
        Ok(Self { key_id: key.id().as_str().to_owned(), nonce: nonce.to_vec(), ciphertext })
    }

    /// Opens what was sealed with `key` as a value of `kind`. The caller keeps the text for as short as it can.
    pub fn open(&self, key: &DataKey, kind: &str) -> Result<String, OpenError> {
        if self.key_id != key.id().as_str() {
            return Err(OpenError::OtherKey { sealed_with: self.key_id.clone(), given: key.id().clone() });
        }
        let nonce = <[u8; NONCE_BYTES]>::try_from(self.nonce.as_slice())
            .map_err(|_| OpenError::Malformed(key.id().clone()))?;
        let bound = bound_data(key.id(), kind);
        let payload = Payload { msg: self.ciphertext.as_slice(), aad: &bound };
        let plain = cipher(key)
            .decrypt(&Nonce::from(nonce), payload)
            .map_err(|_| OpenError::NotAuthentic { key_id: key.id().clone(), kind: kind.to_owned() })?;
        String::from_utf8(plain).map_err(|error| {
            error.into_bytes().zeroize();
            OpenError::Malformed(key.id().clone())
        })
    }

    /// The text form that columns of read models store: `sealed.v1.<key id>.<nonce>.<ciphertext>`, the last two in
    /// base64 of the URL alphabet without padding.
    #[must_use]
    pub fn to_token(&self) -> String {
        let mut token = String::with_capacity(64 + self.ciphertext.len().div_ceil(3) * 4);
        token.push_str(TOKEN_PREFIX);
        token.push_str(&self.key_id);
        for part in [&self.nonce, &self.ciphertext] {
            token.push('.');
            URL_SAFE_NO_PAD.encode_string(part, &mut token);
        }
        token
    }

    /// Reads what [`Sealed::to_token`] wrote.
    pub fn from_token(token: &str) -> Result<Self, TokenError> {
        let parts = token.strip_prefix(TOKEN_PREFIX).ok_or(TokenError::Form)?;
        let mut parts = parts.split('.');
        let (Some(key_id), Some(nonce), Some(ciphertext), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError::Form);
        };
        let bytes = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Base64);
        Self::from_parts(key_id, bytes(nonce)?, bytes(ciphertext)?)
    }

    /// Joins parts that came from outside, when they can be the parts of a sealed value.
    pub fn from_parts(key_id: &str, nonce: Vec<u8>, ciphertext: Vec<u8>) -> Result<Self, TokenError> {
        let key_id = KeyId::from_str(key_id)?;
        if nonce.len() != NONCE_BYTES || ciphertext.len() < TAG_BYTES {
            return Err(TokenError::Length);
        }
        Ok(Self { key_id: key_id.as_str().to_owned(), nonce, ciphertext })
    }
}

fn cipher(key: &DataKey) -> Aes256Gcm {
    Aes256Gcm::new(<&Key<Aes256Gcm>>::from(key.secret()))
}

/// A key of its own for the nonces: what they tell can never be mixed up with what the cipher does with the secret.
fn nonce_of(key: &DataKey, kind: &str, plain: &str) -> [u8; NONCE_BYTES] {
    let nonce_key = Zeroizing::new(mac(key.secret(), &[NONCE_LABEL]));
    let digest = mac(&nonce_key, &[kind.as_bytes(), plain.as_bytes()]);
    let mut nonce = [0; NONCE_BYTES];
    nonce.copy_from_slice(&digest[..NONCE_BYTES]);
    nonce
}

/// What is authenticated beside the text. Neither the form nor a key id holds a NUL, and the kind comes last, so
/// no two triples give the same bytes.
fn bound_data(key_id: &KeyId, kind: &str) -> Vec<u8> {
    format!("{FORM}\0{key_id}\0{kind}").into_bytes()
}
