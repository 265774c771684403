//! The lines of the key file, to text and back.
//!
//! ```text
//! 1 installation <secret> <check>        the first line, written once
//! 1 key <key id> <secret> <check>        a key was made
//! 1 destroyed <key id> <check>           a key was destroyed; its own line above is blotted out with dashes
//! ```
//!
//! `1` is the version of the form. A secret is 43 digits of base64 (URL alphabet, no padding), a check the first 16
//! hexadecimal digits of SHA-256 of everything before it: it tells damage, it is no defence against a forger.

use std::str::FromStr as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brainops_event::{DataKey, InstallationKey, KEY_BYTES, KeyId};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// More than the bytes of any line, its end included.
pub(crate) const MAX_LINE_BYTES: usize = 128;

/// How many bytes, from the secret on, are blotted out when a key is destroyed: the secret, a space, the check.
pub(crate) const BLOT_BYTES: usize = SECRET_DIGITS + 1 + CHECK_DIGITS;

const SECRET_DIGITS: usize = 43;
const CHECK_DIGITS: usize = 16;
const VERSION: &str = "1";
const INSTALLATION: &str = "installation";
const KEY: &str = "key";
const DESTROYED: &str = "destroyed";

/// What a line says.
pub(crate) enum Line {
    Installation(InstallationKey),
    Key(DataKey),
    /// A line of a key that can no longer be read: right only if another line says that the key was destroyed.
    Unreadable {
        id: KeyId,
        blotted: bool,
    },
    Destroyed(KeyId),
}

/// The line of the installation's key, with its end.
pub(crate) fn installation(key: &InstallationKey) -> Zeroizing<String> {
    with_secret(&format!("{VERSION} {INSTALLATION} "), key.secret())
}

/// The line of a key, with its end.
pub(crate) fn key(key: &DataKey) -> Zeroizing<String> {
    with_secret(&key_prefix(key.id()), key.secret())
}

/// The line that says that a key was destroyed, with its end.
pub(crate) fn destroyed(id: &KeyId) -> String {
    let text = format!("{VERSION} {DESTROYED} {id} ");
    let check = check(&text);
    format!("{text}{check}\n")
}

/// How many bytes into the line of this key its secret begins.
pub(crate) fn secret_begins(id: &KeyId) -> u64 {
    key_prefix(id).len() as u64
}

/// Reads a line without its end; the reason never says what it holds.
pub(crate) fn parse(line: &[u8]) -> Result<Line, &'static str> {
    let line = std::str::from_utf8(line).map_err(|_| "it is not text")?;
    let (version, rest) = line.split_once(' ').ok_or("it has no version")?;
    if version != VERSION {
        return Err("its version is not 1");
    }
    let (kind, rest) = rest.split_once(' ').ok_or("it has no kind")?;
    match kind {
        INSTALLATION => Ok(Line::Installation(InstallationKey::new(secret(line, rest).ok_or(BAD_CHECK)?))),
        KEY => {
            let (id, rest) = key_id(rest)?;
            match secret(line, rest) {
                Some(secret) => Ok(Line::Key(DataKey::new(id, secret))),
                None if rest.len() == BLOT_BYTES => {
                    Ok(Line::Unreadable { id, blotted: rest.bytes().all(|byte| byte == b'-') })
                }
                None => Err(BAD_CHECK),
            }
        }
        DESTROYED => {
            let (id, rest) = key_id(rest)?;
            checked(line, rest).ok_or(BAD_CHECK)?;
            Ok(Line::Destroyed(id))
        }
        _ => Err("its kind is none of installation, key, destroyed"),
    }
}

const BAD_CHECK: &str = "its check does not fit";

fn key_prefix(id: &KeyId) -> String {
    format!("{VERSION} {KEY} {id} ")
}

fn with_secret(prefix: &str, secret: &[u8; KEY_BYTES]) -> Zeroizing<String> {
    // Large enough from the start, so that growing leaves no copy of the secret behind.
    let mut line = Zeroizing::new(String::with_capacity(MAX_LINE_BYTES));
    line.push_str(prefix);
    URL_SAFE_NO_PAD.encode_string(secret, &mut line);
    line.push(' ');
    let check = check(&line);
    line.push_str(&check);
    line.push('\n');
    line
}

fn key_id(rest: &str) -> Result<(KeyId, &str), &'static str> {
    let (id, rest) = rest.split_once(' ').ok_or("it has no key id")?;
    let id = KeyId::from_str(id).map_err(|_| "its key id is not one")?;
    Ok((id, rest))
}

fn secret(line: &str, rest: &str) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
    let (digits, check) = rest.split_once(' ')?;
    checked(line, check)?;
    let mut secret = Zeroizing::new([0_u8; KEY_BYTES]);
    let decoded = URL_SAFE_NO_PAD.decode_slice(digits, secret.as_mut_slice()).ok()?;
    (decoded == KEY_BYTES).then_some(secret)
}

/// `found` is the end of `line` and the check of everything before it.
fn checked(line: &str, found: &str) -> Option<()> {
    let text = line.strip_suffix(found)?;
    (found == check(text)).then_some(())
}

fn check(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(CHECK_DIGITS / 2).map(|byte| format!("{byte:02x}")).collect()
}
