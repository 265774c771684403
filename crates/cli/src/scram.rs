//! The verifier that Postgres keeps instead of a password (SCRAM-SHA-256, RFC 5802 and RFC 7677). Made here, so that
//! the password never travels in a statement, which servers may write to their logs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// As many as Postgres takes by itself.
const ITERATIONS: u32 = 4096;

/// Bytes of the salt, which must be random.
pub const SALT_BYTES: usize = 16;

/// `SCRAM-SHA-256$<iterations>:<salt>$<stored key>:<server key>`. The password must be plain ASCII: nothing is
/// normalised.
pub fn verifier(password: &str, salt: [u8; SALT_BYTES]) -> String {
    let salted = salted_password(password.as_bytes(), &salt, ITERATIONS);
    let client_key = hmac(&salted, &[b"Client Key"]);
    let stored_key = Sha256::digest(client_key);
    let server_key = hmac(&salted, &[b"Server Key"]);
    let [salt, stored_key, server_key] =
        [&salt[..], &stored_key[..], &server_key[..]].map(|bytes| STANDARD.encode(bytes));
    format!("SCRAM-SHA-256${ITERATIONS}:{salt}${stored_key}:{server_key}")
}

/// PBKDF2 with HMAC-SHA-256, of which one block is all that SCRAM needs.
fn salted_password(password: &[u8], salt: &[u8], iterations: u32) -> [u8; 32] {
    let mut last = hmac(password, &[salt, &1_u32.to_be_bytes()]);
    let mut sum = last;
    for _ in 1..iterations {
        last = hmac(password, &[&last]);
        sum.iter_mut().zip(last).for_each(|(sum, byte)| *sum ^= byte);
    }
    sum
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut block = [0_u8; 64]; // HMAC takes a longer key as its digest, and pads a shorter one
    match key.len() {
        0..=64 => block[..key.len()].copy_from_slice(key),
        _ => block[..32].copy_from_slice(&Sha256::digest(key)),
    }
    let mut mac = Hmac::<Sha256>::new((&block).into());
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7677: what a client proves with these keys must be what the RFC prints.
    #[test]
    fn the_keys_are_those_of_the_rfc() {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let salted = salted_password(b"pencil", &salt, 4096);
        let authenticated = "n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                             s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let client_key = hmac(&salted, &[b"Client Key"]);
        let stored_key = Sha256::digest(client_key);
        let signature = hmac(&stored_key, &[authenticated.as_bytes()]);
        let proof: Vec<u8> = client_key.iter().zip(signature).map(|(key, byte)| key ^ byte).collect();
        assert_eq!(STANDARD.encode(proof), "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
        let server_key = hmac(&salted, &[b"Server Key"]);
        let answer = hmac(&server_key, &[authenticated.as_bytes()]);
        assert_eq!(STANDARD.encode(answer), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }

    #[test]
    fn the_verifier_has_the_form_that_postgres_reads() {
        let verifier = verifier("pencil", [7; SALT_BYTES]);
        assert!(verifier.starts_with("SCRAM-SHA-256$4096:BwcHBwcHBwcHBwcHBwcHBw==$"), "{verifier}");
        assert!(!verifier.contains("pencil"));
    }
}
