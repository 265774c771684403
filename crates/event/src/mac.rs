//! HMAC-SHA-256 over a list of parts: what ids, pseudonyms and nonces are made with.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// The length of a secret, in bytes.
pub(crate) const SECRET_BYTES: usize = 32;

/// Every part goes in behind its length, so that no two lists of parts are the same bytes.
pub(crate) fn mac(secret: &[u8; SECRET_BYTES], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC pads a shorter key with zeros to the block of its hash, which is 64 bytes for SHA-256.
    let mut block = Zeroizing::new([0_u8; 64]);
    block[..SECRET_BYTES].copy_from_slice(secret);
    let mut mac = Hmac::<Sha256>::new((&*block).into());
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}
