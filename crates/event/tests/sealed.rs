//! Sealing: the primitive, the form, and that nothing opens what was changed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Debug;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use brainops_event::types::privacy::Sealed;
use brainops_event::{
    DataKey, InstallationKey, KeyId, MAX_SEALED_BYTES, NONCE_BYTES, OpenError, SealError, TokenError,
};
use proptest::prelude::*;

/// Made by two other implementations (Python's cryptography and Node's crypto) from the same parts.
const TOKEN: &str = "sealed.v1.k-98a9a0c9f1c337e5941ef8a712c5c42a.h_y4lcYVu6H0oUb9.\
                     09AKVPsE5Ybt99jPFt9XQasFm-dMQVxs50fzrrwNvTIADRA3mwU";
const PLAIN: &str = "Ada Lovelace — ädä";

fn installation() -> InstallationKey {
    let mut secret = [0; 32];
    secret.iter_mut().zip(0..).for_each(|(byte, place)| *byte = place);
    InstallationKey::new(secret.into())
}

fn key(data_subject: &str, byte: u8) -> DataKey {
    DataKey::new(installation().key_id(data_subject), [byte; 32].into())
}

fn from_hex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

/// The AES-256 case with associated data of the GCM specification that NIST published (test case 16).
#[test]
fn the_primitive_is_aes_256_gcm() {
    let secret = from_hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
    let plain = from_hex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72\
         1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
    );
    let bound = from_hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
    let nonce: [u8; NONCE_BYTES] = from_hex("cafebabefacedbaddecaf888").try_into().unwrap();
    let cipher = Aes256Gcm::new(&Key::<Aes256Gcm>::try_from(secret.as_slice()).unwrap());
    let sealed = cipher.encrypt(&Nonce::from(nonce), Payload { msg: &plain, aad: &bound }).unwrap();
    let expected = from_hex(
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa\
         8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662\
         76fc6ece0f4e1768cddf8853bb2d551b",
    );
    assert_eq!(sealed, expected);
}

#[test]
fn other_implementations_agree_on_ids_and_on_sealed_values() {
    let key = key("lead-42", 7);
    assert_eq!(key.id().as_str(), "k-98a9a0c9f1c337e5941ef8a712c5c42a");
    assert_eq!(
        installation().pseudonym("author", "ada@example.org"),
        "a1c25326acadc3dc8d6c04465a6868b3a5e7efd6af8aff491a2bef66b584226e"
    );
    let sealed = Sealed::seal(&key, "name", PLAIN).unwrap();
    assert_eq!(sealed.to_token(), TOKEN);
    assert_eq!(Sealed::from_token(TOKEN).unwrap().open(&key, "name").unwrap(), PLAIN);
}

/// So an event that is said again is the same event, and a nonce never meets two texts, kinds or people.
#[test]
fn the_same_text_seals_to_the_same_value_and_any_other_has_another_nonce() {
    let sealed = |subject: &str, byte: u8, kind: &str, plain: &str| {
        Sealed::seal(&key(subject, byte), kind, plain).unwrap()
    };
    let one = sealed("lead-42", 7, "email", "ada@example.org");
    assert_eq!(sealed("lead-42", 7, "email", "ada@example.org"), one);
    let others = [
        sealed("lead-42", 7, "email", "ada@example.org "),
        sealed("lead-42", 7, "email", ""),
        sealed("lead-42", 7, "name", "ada@example.org"),
        sealed("lead-42", 7, "emaila", "da@example.org"),
        sealed("lead-43", 8, "email", "ada@example.org"),
    ];
    let nonces: std::collections::BTreeSet<&Vec<u8>> = others.iter().map(|other| &other.nonce).collect();
    assert_eq!(nonces.len(), others.len());
    assert!(!nonces.contains(&one.nonce));
}

#[test]
fn ids_and_pseudonyms_differ_by_subject_purpose_and_installation() {
    let other = InstallationKey::new([9; 32].into());
    let ours = installation();
    assert_ne!(ours.key_id("a"), ours.key_id("b"));
    assert_ne!(ours.key_id("a"), other.key_id("a"));
    assert_ne!(ours.pseudonym("author", "a"), ours.pseudonym("lead", "a"));
    assert_ne!(ours.pseudonym("ab", "c"), ours.pseudonym("a", "bc"));
    assert_ne!(ours.pseudonym("author", "a"), other.pseudonym("author", "a"));
}

#[test]
fn a_flipped_bit_anywhere_keeps_it_shut() {
    let key = key("lead-42", 7);
    let sealed = Sealed::seal(&key, "email", "ada@example.org").unwrap();
    let shut = |changed: &Sealed, key: &DataKey, kind: &str, what: &dyn Debug| {
        let error = changed.open(key, kind).expect_err(&format!("opened with {what:?} changed"));
        assert!(!format!("{error} {error:?}").contains("ada"), "{error:?} tells the text");
    };
    for bit in 0..NONCE_BYTES * 8 {
        let mut changed = sealed.clone();
        changed.nonce[bit / 8] ^= 1 << (bit % 8);
        shut(&changed, &key, "email", &("nonce", bit));
    }
    for bit in 0..sealed.ciphertext.len() * 8 {
        let mut changed = sealed.clone();
        changed.ciphertext[bit / 8] ^= 1 << (bit % 8);
        shut(&changed, &key, "email", &("ciphertext", bit));
    }
    for bit in 0..256 {
        let mut secret = *key.secret();
        secret[bit / 8] ^= 1 << (bit % 8);
        shut(&sealed, &DataKey::new(key.id().clone(), secret.into()), "email", &("secret", bit));
    }
    for kind in ["emaim", "emai", "emaill", "name", "", "EMAIL", "email\0"] {
        shut(&sealed, &key, kind, &kind);
    }
}

/// Somebody who can write the stored value and has both keys' ids still cannot move a text to another person.
#[test]
fn a_changed_key_id_keeps_it_shut() {
    let (ada, eve) = (key("ada", 7), key("eve", 7));
    let sealed = Sealed::seal(&ada, "email", "ada@example.org").unwrap();
    assert!(matches!(sealed.open(&eve, "email"), Err(OpenError::OtherKey { .. })));
    let moved = Sealed { key_id: eve.id().as_str().to_owned(), ..sealed.clone() };
    assert!(matches!(moved.open(&eve, "email"), Err(OpenError::NotAuthentic { .. })));
    assert!(matches!(moved.open(&ada, "email"), Err(OpenError::OtherKey { .. })));
    for bit in 0..sealed.key_id.len() * 8 {
        let mut id = sealed.key_id.clone().into_bytes();
        id[bit / 8] ^= 1 << (bit % 8);
        let Ok(id) = String::from_utf8(id) else { continue };
        let changed = Sealed { key_id: id.clone(), ..sealed.clone() };
        assert!(changed.open(&ada, "email").is_err(), "opened as {id}");
        if let Ok(id) = id.parse::<KeyId>() {
            let same_secret = DataKey::new(id, (*ada.secret()).into());
            assert!(changed.open(&same_secret, "email").is_err());
        }
    }
}

#[test]
fn malformed_parts_are_refused_when_opened() {
    let key = key("lead-42", 7);
    let sealed = Sealed::seal(&key, "email", "").unwrap();
    assert_eq!(sealed.open(&key, "email").unwrap(), "");
    for length in [0, 11, 13, 24] {
        let changed = Sealed { nonce: vec![0; length], ..sealed.clone() };
        assert!(matches!(changed.open(&key, "email"), Err(OpenError::Malformed(_))), "{length}");
    }
    for length in 0..16 {
        let changed = Sealed { ciphertext: vec![0; length], ..sealed.clone() };
        assert!(changed.open(&key, "email").is_err(), "{length}");
    }
    let cipher = Aes256Gcm::new(&Key::<Aes256Gcm>::from(*key.secret()));
    let bound = format!("brainops.privacy.Sealed/v1\0{}\0email", key.id());
    let not_text = Payload { msg: &[b'a', b'd', b'a', 0xff], aad: bound.as_bytes() };
    let nonce = <[u8; NONCE_BYTES]>::try_from(sealed.nonce.as_slice()).unwrap();
    let ciphertext = cipher.encrypt(&Nonce::from(nonce), not_text).unwrap();
    let error = Sealed { ciphertext, ..sealed }.open(&key, "email").unwrap_err();
    assert!(matches!(error, OpenError::Malformed(_)));
    assert!(!format!("{error:?}").contains("97"), "{error:?} shows bytes");
}

#[test]
fn a_text_beyond_the_bound_is_refused() {
    let long = "x".repeat(MAX_SEALED_BYTES + 1);
    let refused = Sealed::seal(&key("lead-42", 7), "message", &long);
    assert_eq!(refused.unwrap_err(), SealError::TooLong { bytes: long.len(), most: MAX_SEALED_BYTES });
}

#[test]
fn bad_tokens_are_refused() {
    let id = "k-98a9a0c9f1c337e5941ef8a712c5c42a";
    let nonce = "AAECAwQFBgcICQoL";
    let text = "WeWIUFFmrywb04b5wrrsbg";
    let cases = [
        (String::new(), TokenError::Form),
        ("ada@example.org".to_owned(), TokenError::Form),
        (format!("sealed.v2.{id}.{nonce}.{text}"), TokenError::Form),
        (format!("sealed.v1.{id}.{nonce}"), TokenError::Form),
        (format!("sealed.v1.{id}.{nonce}.{text}."), TokenError::Form),
        (format!("sealed.v1..{nonce}.{text}"), TokenError::KeyId("".parse::<KeyId>().unwrap_err())),
        (format!("sealed.v1.K{id}.{nonce}.{text}"), TokenError::KeyId("".parse::<KeyId>().unwrap_err())),
        (format!("sealed.v1.{id}.{nonce}=.{text}"), TokenError::Base64),
        (format!("sealed.v1.{id}.{nonce}.{text}=="), TokenError::Base64),
        (format!("sealed.v1.{id}.{nonce}.+{text}"), TokenError::Base64),
        (format!("sealed.v1.{id}.{nonce}.{text}h"), TokenError::Base64),
        (format!("sealed.v1.{id}.AAEC.{text}"), TokenError::Length),
        (format!("sealed.v1.{id}.{nonce}.AAEC"), TokenError::Length),
        (format!("sealed.v1.{id}.."), TokenError::Length),
    ];
    for (token, expected) in cases {
        assert_eq!(Sealed::from_token(&token).unwrap_err(), expected, "{token}");
    }
}

#[test]
fn bad_key_ids_are_refused() {
    let digits = "98a9a0c9f1c337e5941ef8a712c5c42a";
    let bad = [
        String::new(),
        digits.to_owned(),
        "k-".to_owned(),
        format!("k-{}", &digits[1..]),
        format!("k-{digits}0"),
        format!("k-{}", digits.to_uppercase()),
        format!("K-{digits}"),
        format!(" k-{digits}"),
        format!("k-{}g", &digits[1..]),
        format!("k-{}\0", &digits[1..]),
        format!("k-{}é", &digits[2..]),
    ];
    for text in bad {
        assert!(text.parse::<KeyId>().is_err(), "{text:?}");
    }
    assert_eq!(format!("k-{digits}").parse::<KeyId>().unwrap().to_string(), format!("k-{digits}"));
}

#[test]
fn secrets_are_not_shown() {
    let shown = format!("{:?} {:?}", key("lead-42", 0xab), InstallationKey::new([0xab; 32].into()));
    assert!(!shown.contains("171") && !shown.to_lowercase().contains("abab"), "{shown}");
    assert!(shown.contains("redacted"));
}

proptest! {
    #[test]
    fn what_is_sealed_opens_to_the_same_text(
        plain in any::<String>(), kind in any::<String>(), data_subject in any::<String>(),
        secret in any::<[u8; 32]>(),
    ) {
        let key = DataKey::new(installation().key_id(&data_subject), secret.into());
        let sealed = Sealed::seal(&key, &kind, &plain).unwrap();
        prop_assert_eq!(sealed.open(&key, &kind).unwrap(), plain);
        let token = sealed.to_token();
        prop_assert_eq!(Sealed::from_token(&token).unwrap(), sealed);
    }

    #[test]
    fn no_text_harms_the_reader_of_tokens(text in "(sealed\\.v1\\.)?.{0,80}") {
        if let Ok(sealed) = Sealed::from_token(&text) {
            prop_assert_eq!(sealed.to_token(), text);
        }
    }
}
