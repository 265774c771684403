//! What a registry may answer, and what is made of it: by a registry of ours that answers as told.
#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it expects")]
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use brainops_event::SchemaId;
use brainops_log::{Registry, RegistryConfig, RegistryError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Answers every request with the same bytes and closes; counts.
struct Canned {
    url: String,
    asked: Arc<AtomicUsize>,
}

impl Canned {
    async fn answering(answer: Vec<u8>) -> Canned {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/apis/ccompat/v7", listener.local_addr().expect("bound"));
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                let answer = answer.clone();
                tokio::spawn(async move {
                    let mut request = [0; 4096];
                    if connection.read(&mut request).await.is_ok() {
                        connection.write_all(&answer).await.ok();
                    }
                });
            }
        });
        Canned { url, asked }
    }

    async fn with(status: &str, body: &str) -> Canned {
        let length = body.len();
        Canned::answering(
            format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
                .into_bytes(),
        )
        .await
    }

    fn registry(&self) -> Registry {
        registry(&self.url)
    }
}

fn registry(url: &str) -> Registry {
    let config = RegistryConfig { url: url.to_owned(), username: None, password_file: None, ca_file: None };
    Registry::new(config).expect("the configuration holds")
}

const SCHEMA: &str = r#"{"schema": "{\"type\": \"record\", \"name\": \"brainops.test.A\", \"fields\": []}"}"#;

#[tokio::test]
async fn a_schema_is_asked_for_once_however_many_want_it() {
    let canned = Canned::with("200 OK", SCHEMA).await;
    let registry = canned.registry();
    let all = futures::future::join_all((0..20).map(|_| registry.writer_schema(SchemaId::new(7)))).await;
    for schema in all {
        assert_eq!(schema.expect("found").name.as_str(), "brainops.test.A");
    }
    registry.clone().writer_schema(SchemaId::new(7)).await.expect("still known");
    assert_eq!(canned.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn only_a_complaint_of_its_own_is_a_definite_no() {
    let no = r#"{"error_code": 40403, "message": "Schema 7 not found."}"#;
    let unknown = Canned::with("404 Not Found", no).await.registry().writer_schema(SchemaId::new(7)).await;
    let error = unknown.expect_err("there is none");
    assert!(matches!(error, RegistryError::UnknownSchema { .. }), "{error}");
    assert!(!error.is_transient());
}

#[tokio::test]
async fn what_may_pass_is_told_apart_from_what_does_not() {
    let busy = r#"{"error_code": 42901, "message": "later"}"#;
    for (status, body, transient) in [
        ("500 Internal Server Error", "{}", true),
        ("503 Service Unavailable", "<html>", true),
        ("429 Too Many Requests", busy, true),
        ("404 Not Found", "<html>no such page</html>", true),
        ("200 OK", "<html>welcome</html>", true),
        ("200 OK", r#"{"schema": 7}"#, true),
        ("301 Moved Permanently\r\nlocation: file:///etc/passwd", "", true),
        ("302 Found\r\nlocation: http://127.0.0.1:1/", "", true),
        ("403 Forbidden", r#"{"message": "who are you"}"#, false),
        ("200 OK", r#"{"schema": "no schema"}"#, false),
        ("200 OK", r#"{"schema": "{\"type\": \"long\"}"}"#, false),
        ("200 OK", r#"{"schema": "message A {}", "schemaType": "PROTOBUF"}"#, false),
    ] {
        let canned = Canned::with(status, body).await;
        let error = canned.registry().writer_schema(SchemaId::new(7)).await.expect_err(status);
        assert_eq!(error.is_transient(), transient, "{status} {body}: {error}");
        assert_eq!(canned.asked.load(Ordering::SeqCst), 1, "{status}: asked once, no redirect followed");
    }
}

#[tokio::test]
async fn nobody_there_may_pass() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/", listener.local_addr().expect("bound"));
    drop(listener);
    let error = registry(&url).writer_schema(SchemaId::new(7)).await.expect_err("nobody there");
    assert!(matches!(error, RegistryError::Unreachable { .. }) && error.is_transient(), "{error}");
}

#[tokio::test]
async fn an_endless_body_ends_here() {
    let mut answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"schema\": \"".to_vec();
    answer.resize(8 * 1024 * 1024, b'x');
    let error = Canned::answering(answer).await.registry().writer_schema(SchemaId::new(7)).await;
    let error = error.expect_err("too long");
    assert!(matches!(error, RegistryError::Gibberish { .. }), "{error}");
}

#[test]
fn an_address_that_cannot_be_one_is_refused() {
    for url in
        ["", "registry", "file:///etc/passwd", "ftp://host/", "http://user:secret@host/", "http://host/?a=b"]
    {
        let config =
            RegistryConfig { url: url.to_owned(), username: None, password_file: None, ca_file: None };
        let error = Registry::new(config).expect_err(url).to_string();
        assert!(error.contains("registry.url") && !error.contains("secret"), "{error}");
    }
}

#[test]
fn an_https_registry_can_be_made_without_help() {
    let config = RegistryConfig {
        url: "https://localhost/".to_owned(),
        username: None,
        password_file: None,
        ca_file: None,
    };
    Registry::new(config).expect("a client with the system's authorities");
}
