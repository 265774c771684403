//! Proves that a delivery came from who holds the shared secret: `X-Hub-Signature-256`, HMAC-SHA256 of the raw body.
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::secret::Secret;

const SCHEME: &str = "sha256=";

/// Whether `header` is the signature of exactly these bytes; compared in constant time.
pub fn is_signed(secret: &Secret, body: &[u8], header: &str) -> bool {
    let Some(digits) = header.strip_prefix(SCHEME) else { return false };
    let Ok(signature) = hex::decode(digits) else { return false };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return false };
    mac.update(body);
    mac.verify_slice(&signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    fn known_secret() -> Secret {
        Secret::new("It's a Secret to Everybody".to_owned()).unwrap()
    }

    #[test]
    fn the_published_example_holds() {
        assert!(is_signed(&known_secret(), b"Hello, World!", KNOWN));
    }

    #[test]
    fn anything_else_does_not() {
        let other = Secret::new("It's a secret to everybody".to_owned()).unwrap();
        assert!(!is_signed(&other, b"Hello, World!", KNOWN));
        assert!(!is_signed(&known_secret(), b"Hello, World", KNOWN));
        for header in
            ["", "sha256=", "sha1=757107ea", &KNOWN[7..], &KNOWN[..70], "sha256=zz", &format!("{KNOWN}00")]
        {
            assert!(!is_signed(&known_secret(), b"Hello, World!", header), "{header}");
        }
    }
}
