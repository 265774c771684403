//! How the service lives and ends.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up has failed"
)]

mod support;

use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use brainops_testkit::eventually;
use serde_json::json;
use support::{Installation, LIMIT, read, text};

fn signal(child: &Child, name: &str) {
    let sent =
        Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status().expect("kill");
    assert!(sent.success());
}

async fn exit_code(child: &mut Child, limit: Duration) -> Option<i32> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait().expect("a child") {
            return status.code();
        }
        assert!(Instant::now() < deadline, "it goes on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_drains_on_a_signal_and_writes_nothing_but_its_log() {
    let installation = Installation::new("serve").await;
    installation.json(&["init"]);
    for name in ["TERM", "INT"] {
        let log = installation.folder.path().join(format!("{name}.log"));
        let mut child = installation
            .command(&["serve"])
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let running = || async {
            read(&log).contains("the doors are open")
                && installation.json(&["status"])["service"]["projectors"] == json!(true)
        };
        eventually(LIMIT, running).await.expect("it runs");
        signal(&child, name);
        assert_eq!(exit_code(&mut child, Duration::from_secs(10)).await, Some(0), "{}", read(&log));
        let mut printed = String::new();
        child.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
        assert_eq!(printed, "", "logs go to standard error");
        assert!(read(&log).contains("stopped"));
        let status = installation.json(&["status"]);
        assert_eq!(status["service"], json!({"api": false, "projectors": false}), "{name}");
        assert_eq!(status["read_models"][0]["state"], json!("not_followed"));
    }
    installation.close().await;
}

/// The address in the line that says so.
fn address(log: &str) -> Option<String> {
    let (_, rest) = log.split_once("the doors are open address=")?;
    rest.split_whitespace().next().map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_it_at_once() {
    let installation = Installation::new("second").await;
    installation.json(&["init"]);
    let log = installation.folder.path().join("serve.log");
    let mut child = installation
        .command(&["serve", "--roles", "api"])
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    eventually(LIMIT, || async { address(&read(&log)).is_some() }).await.expect("it listens");
    let token = read(&installation.state().join("api-token"));
    let mut held = std::net::TcpStream::connect(address(&read(&log)).unwrap()).unwrap();
    let half = format!(
        "POST /events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n",
        token.trim()
    );
    held.write_all(half.as_bytes()).unwrap();
    let mut answer = [0; 12];
    held.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100", "it waits for the rest of a request");
    signal(&child, "TERM");
    eventually(LIMIT, || async { read(&log).contains("stopping") }).await.expect("it drains");
    assert!(child.try_wait().unwrap().is_none(), "the request holds it");
    signal(&child, "TERM");
    assert_eq!(exit_code(&mut child, Duration::from_secs(3)).await, Some(130), "{}", read(&log));
    installation.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_ends_it_at_once() {
    let installation = Installation::new("port").await;
    installation.json(&["init"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let output = installation
        .command(&["serve", "--roles", "api"])
        .env("BRAINOPS_SERVER__LISTEN", taken.local_addr().unwrap().to_string())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("cannot listen on"), "{}", text(&output.stderr));
    installation.close().await;
}
