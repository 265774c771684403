//! `POST /seal`.
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use brainops_event::types::privacy::Sealed;
use serde_json::json;

use super::support::House;

#[tokio::test]
async fn a_text_comes_back_sealed_for_its_subject_in_both_forms() {
    let house = House::new();
    let request = json!({"subject": "lead-1", "kind": "email", "text": "ada@example.org"});
    let answer = house.post("/seal", "application/json", request.to_string()).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    assert!(!answer.text.contains("ada"));
    let document = answer.json();
    let from_token = Sealed::from_token(document["token"].as_str().unwrap()).unwrap();
    assert_eq!(house.keys.open("lead-1", "email", &from_token), "ada@example.org");
    let bytes = |name: &str| STANDARD.decode(document["sealed"][name].as_str().unwrap()).unwrap();
    assert_eq!(document["sealed"]["key_id"], from_token.key_id);
    assert_eq!((bytes("nonce"), bytes("ciphertext")), (from_token.nonce, from_token.ciphertext));
}

#[tokio::test]
async fn what_cannot_be_sealed_is_named_by_its_field() {
    let house = House::new();
    for (request, field) in [
        (json!([]), "body"),
        (json!({}), "subject"),
        (json!({"subject": "", "kind": "email", "text": "x"}), "subject"),
        (json!({"subject": "a\nb", "kind": "email", "text": "x"}), "subject"),
        (json!({"subject": "x".repeat(513), "kind": "email", "text": "x"}), "subject"),
        (json!({"subject": "lead-1", "text": "x"}), "kind"),
        (json!({"subject": "lead-1", "kind": "Email", "text": "x"}), "kind"),
        (json!({"subject": "lead-1", "kind": "email"}), "text"),
        (json!({"subject": "lead-1", "kind": "email", "text": 7}), "text"),
        (json!({"subject": "lead-1", "kind": "email", "text": "x", "key": "y"}), "key"),
    ] {
        house.post("/seal", "application/json", request.to_string()).await.wrong_field(422, field);
    }
    house.post("/seal", "application/json", "{").await.wrong_field(422, "body");
}

#[tokio::test]
async fn who_was_erased_stays_erased() {
    use brainops_event::KeyStore;
    let house = House::new();
    house.keys.destroy(&house.keys.id("lead-1")).unwrap();
    let request = json!({"subject": "lead-1", "kind": "email", "text": "ada@example.org"});
    house.post("/seal", "application/json", request.to_string()).await.wrong_field(422, "subject");
}
