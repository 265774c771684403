//! What is fetched over HTTP, and what is not, whatever hosts and names say.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test says what must hold")]

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use brainops_tools::{Act, CallName, FetchConfig, HttpFetch, Lookup, Secrets, SystemLookup, Tool, ToolError};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// A server that answers each request with this, where `{port}` is its own.
async fn server(answer: String) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counting.fetch_add(1, Ordering::SeqCst);
            let answer = answer.replace("{port}", &address.port().to_string());
            let mut request = [0; 4096];
            // Who asks may be gone; the next one counts.
            let _gone = stream.read(&mut request).await;
            let _gone = stream.write_all(answer.as_bytes()).await;
        }
    });
    (address, asked)
}

fn page(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn redirect(to: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

async fn fetch(tool: &HttpFetch, url: &str) -> Result<Value, ToolError> {
    rustls::crypto::ring::default_provider().install_default().ok(); // the first test does
    let act = Act::first(CallName { source: "test".to_owned(), id: "c-1".to_owned() });
    let arguments = serde_json::from_value(json!({ "url": url })).unwrap();
    Ok(serde_json::to_value(tool.act(arguments, &act).await?).unwrap())
}

fn at(private: &[SocketAddr]) -> HttpFetch {
    let private = private.iter().map(ToString::to_string).collect();
    HttpFetch::new(FetchConfig { allow: vec!["*.example.com".to_owned()], private }, SystemLookup)
}

#[tokio::test]
async fn a_page_is_told_and_redirects_are_followed_within_what_is_allowed() {
    let (address, _) = server(page("hello")).await;
    let (first, _) = server(redirect(&format!("http://{address}/moved"))).await;
    let found = fetch(&at(&[address, first]), &format!("http://{first}/")).await.unwrap();
    assert_eq!(
        (&found["status"], &found["body"], &found["is_cut"]),
        (&json!(200), &json!("hello"), &json!(false))
    );
    assert_eq!(found["url"], format!("http://{address}/moved"));
}

#[tokio::test]
async fn what_is_not_allowed_or_not_public_is_not_asked() {
    let (address, asked) = server(page("secret")).await;
    let tool = at(&[]);
    for (url, code) in [
        (format!("http://{address}/"), "host_not_allowed"),
        ("http://localhost/".to_owned(), "host_not_allowed"),
        ("http://[::1]/".to_owned(), "host_not_allowed"),
        ("http://2130706433/".to_owned(), "host_not_allowed"),
        ("http://169.254.169.254/latest/meta-data".to_owned(), "host_not_allowed"),
        ("file:///etc/passwd".to_owned(), "bad_url"),
        ("gopher://a.example.com/".to_owned(), "bad_url"),
        ("http://kim:secret@a.example.com/".to_owned(), "bad_url"),
        ("a.example.com".to_owned(), "bad_url"),
    ] {
        let error = fetch(&tool, &url).await.expect_err("it is refused");
        assert_eq!(error.code, code, "{url}: {error}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

/// Answers with these addresses first, and with another one from the second time on.
struct Rebinding {
    first: Vec<SocketAddr>,
    then: SocketAddr,
    asked: Arc<AtomicUsize>,
}

#[async_trait]
impl Lookup for Rebinding {
    async fn lookup(&self, _: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
        let times = self.asked.fetch_add(1, Ordering::SeqCst);
        Ok(if times == 0 { self.first.clone() } else { vec![self.then] })
    }
}

#[tokio::test]
async fn a_name_that_stands_at_a_private_address_is_refused_also_among_public_ones() {
    let (address, asked) = server(page("secret")).await;
    let place = format!("a.example.com:{}", address.port());
    let public: SocketAddr = format!("93.184.216.34:{}", address.port()).parse().unwrap();
    for first in [vec![address], vec![public, address]] {
        let config = FetchConfig { allow: vec![place.clone()], ..FetchConfig::default() };
        let lookup = Rebinding { first, then: address, asked: Arc::default() };
        let error = fetch(&HttpFetch::new(config, lookup), &format!("http://{place}/"))
            .await
            .expect_err("it is refused");
        assert_eq!(error.code, "private_address");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_name_that_changes_its_answer_is_asked_where_it_was_looked_at() {
    let ((looked_at, _), (other, asked)) = (server(page("hello")).await, server(page("secret")).await);
    let place = format!("a.example.com:{}", looked_at.port());
    let config = FetchConfig { private: vec![place.clone()], ..FetchConfig::default() };
    let times = Arc::new(AtomicUsize::new(0));
    let lookup = Rebinding { first: vec![looked_at], then: other, asked: Arc::clone(&times) };
    let found = fetch(&HttpFetch::new(config, lookup), &format!("http://{place}/")).await.unwrap();
    assert_eq!(found["body"], "hello");
    assert_eq!((times.load(Ordering::SeqCst), asked.load(Ordering::SeqCst)), (1, 0));
}

#[tokio::test]
async fn redirects_to_what_is_not_allowed_and_circles_are_refused() {
    let (inner, asked) = server(page("secret")).await;
    for (to, code) in [
        (format!("http://{inner}/"), "host_not_allowed"),
        ("http://localhost/".to_owned(), "host_not_allowed"),
        ("file:///etc/passwd".to_owned(), "bad_url"),
        ("http://127.0.0.1:{port}/".to_owned(), "too_many_redirects"),
    ] {
        let (outer, _) = server(redirect(&to)).await;
        let error = fetch(&at(&[outer]), &format!("http://{outer}/")).await.expect_err("it is refused");
        assert_eq!(error.code, code, "{to}: {error}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_endless_body_is_cut() {
    let (address, _) = server(page(&"x".repeat(5 * 1024 * 1024))).await;
    let found = fetch(&at(&[address]), &format!("http://{address}/")).await.unwrap();
    assert_eq!((found["body"].as_str().unwrap().len(), &found["is_cut"]), (4 * 1024 * 1024, &json!(true)));
}

/// A server that answers with what it was asked.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let length = stream.read(&mut request).await.unwrap_or(0);
            let told = String::from_utf8_lossy(&request[..length]).into_owned();
            let _gone = stream.write_all(page(&told).as_bytes()).await;
        }
    });
    address
}

#[tokio::test]
async fn a_secret_is_shown_to_its_hosts_and_to_nobody_they_send_us_to() {
    let (host, stranger) = (echo().await, echo().await);
    let (lures, _) = server(redirect(&format!("http://{stranger}/"))).await;
    let tool = at(&[host, stranger, lures]);
    let hosts = vec![host.to_string(), lures.to_string(), "api.example.com:80".to_owned()];
    let secrets = Secrets::new([("api".to_owned(), "s3cret-value".to_owned(), hosts)]).unwrap();
    let call = CallName { source: "test".to_owned(), id: "c-1".to_owned() };
    let act = Act::first(call).with_secrets(secrets);
    let asked = async |url: String, bearer: &str| {
        let arguments = serde_json::from_value(json!({"url": url, "bearer": bearer})).unwrap();
        let fetched = tool.act(arguments, &act).await.map_err(|error| error.code)?;
        Ok(serde_json::to_value(fetched).unwrap()["body"].as_str().unwrap().to_owned())
    };
    rustls::crypto::ring::default_provider().install_default().ok(); // the first test does
    assert!(
        asked(format!("http://{host}/"), "api").await.unwrap().contains("authorization: Bearer s3cret-value")
    );
    let told = asked(format!("http://{lures}/"), "api").await.unwrap();
    assert!(told.contains("GET / ") && !told.contains("s3cret-value"), "{told}");
    assert_eq!(asked(format!("http://{stranger}/"), "api").await, Err("secret_not_for_host"));
    assert_eq!(asked(format!("http://{host}/"), "another").await, Err("unknown_secret"));
}
