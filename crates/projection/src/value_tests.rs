//! Which values are stored, and which are refused.

use super::*;
use chrono::TimeZone;

fn bytes(value: impl Storable) -> Result<Vec<u8>, Unstorable> {
    let mut out = Vec::new();
    value.encode(ListForm::Literal, &mut out)?;
    Ok(out)
}

#[test]
fn what_postgres_cannot_hold_is_refused_and_nothing_is_replaced() {
    let late = DateTime::<Utc>::MAX_UTC;
    let fine = Utc.timestamp_nanos(1_001);
    let cases = [
        ("text", bytes("a\0b"), Unstorable::NulCharacter),
        ("list", bytes(vec!["a".to_owned(), "\0".to_owned()]), Unstorable::NulCharacter),
        ("json value", bytes(serde_json::json!({"a": ["\u{0}"]})), Unstorable::NulCharacter),
        ("json name", bytes(serde_json::json!({"\u{0}": 1})), Unstorable::NulCharacter),
        ("first time", bytes(DateTime::<Utc>::MIN_UTC), Unstorable::TimeOutOfRange),
        ("last time", bytes(late), Unstorable::TimeTooFine),
        ("fine time", bytes(fine), Unstorable::TimeTooFine),
    ];
    for (name, found, expected) in cases {
        assert_eq!(found, Err(expected), "{name}");
    }
}

#[test]
fn too_long_a_text_is_refused() {
    let text = "x".repeat(MAX_VALUE_BYTES + 1);
    let expected = Unstorable::TooLong { bytes: MAX_VALUE_BYTES + 1, limit: MAX_VALUE_BYTES };
    assert_eq!(bytes(text), Err(expected));
}

#[test]
fn an_escaped_backslash_before_u0000_is_ordinary_text() {
    assert!(bytes(serde_json::json!("\\u0000")).is_ok());
}

#[test]
fn lists_are_quoted_so_that_every_text_comes_back() {
    let list =
        vec!["plain".to_owned(), "a\"b\\c".to_owned(), "{,}".to_owned(), "NULL".to_owned(), String::new()];
    assert_eq!(bytes(list).unwrap(), br#"{"plain","a\"b\\c","{,}","NULL",""}"#);
    assert_eq!(bytes(Vec::<String>::new()).unwrap(), b"{}");
}

#[test]
fn the_postgres_epoch_is_zero() {
    let epoch = Utc.with_ymd_and_hms(2000, 1, 1, 0, 0, 0).unwrap();
    assert_eq!(bytes(epoch).unwrap(), 0_i64.to_be_bytes());
}
