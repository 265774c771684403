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
use std::time::Duration;

use brainops_testkit::eventually;
use serde_json::{Value, json};
use support::{Installation, LIMIT, Service, read, text};

fn signal(child: &Child, name: &str) {
    let sent =
        Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status().expect("kill");
    assert!(sent.success());
}

async fn exit_code(child: &mut Child, limit: Duration) -> Option<i32> {
    let mut has_ended = || child.try_wait().expect("a child").is_some();
    eventually(limit, || std::future::ready(has_ended())).await.expect("it goes on");
    child.wait().expect("it has ended").code()
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
        assert_eq!(status["service"], json!({"api": false, "projectors": false, "relay": false}), "{name}");
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

/// Answers the status and the document of a request.
fn post(address: &str, token: &str, body: &str) -> (u16, Value) {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let head = format!(
        "POST /events HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, document) = answer.split_once("\r\n\r\n").expect("a head and a body");
    (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(document).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn doors_and_relay_may_be_processes_of_their_own() {
    let installation = Installation::new("roles").await;
    installation.json(&["init"]);
    let start = |role: &str, name: &str| {
        let log = installation.folder.path().join(name);
        let file = std::fs::File::create(&log).unwrap();
        let child =
            installation.command(&["serve", "--roles", role]).stdout(Stdio::null()).stderr(file).spawn();
        Service { child: child.unwrap(), log }
    };
    let doors = [start("api", "one.log"), start("api", "two.log")];
    let relay = start("relay", "relay.log");
    let open = || async {
        doors.iter().all(|doors| address(&doors.log_text()).is_some())
            && installation.json(&["status"])["service"]["relay"] == json!(true)
    };
    eventually(LIMIT, open).await.expect("all three run");

    let token = read(&installation.state().join("api-token"));
    let said = doors.each_ref().map(|doors| {
        let (address, token) = (address(&doors.log_text()).unwrap(), token.trim().to_owned());
        tokio::task::spawn_blocking(move || {
            (0..20).map(|id| post(&address, &token, &lost(id))).collect::<Vec<_>>()
        })
    });
    let [one, two] = said;
    let (one, two): (Vec<_>, Vec<_>) = (one.await.unwrap(), two.await.unwrap());
    for ((status, one), (other_status, two)) in one.iter().zip(&two) {
        assert_eq!((*status, *other_status), (202, 202), "{one} {two}");
        let (one, two) = (&one[0], &two[0]);
        assert_eq!((&one["partition"], &one["offset"]), (&two["partition"], &two["offset"]));
        assert_ne!(one["repeated"], two["repeated"], "one of the two has said it first");
    }
    assert_eq!(installation.records(&["lead"]).await, 20);

    // One that is killed keeps its lease for some seconds; then the next one goes on where it was.
    relay.kill();
    let _next = start("relay", "next.log");
    let url = address(&doors[0].log_text()).unwrap();
    let taken = || async { post(&url, token.trim(), &lost(20)).0 == 202 };
    eventually(LIMIT, taken).await.expect("the next relay sends");
    assert_eq!(installation.records(&["lead"]).await, 21);
    drop(doors);
    installation.close().await;
}

fn lost(id: u32) -> String {
    json!({
        "specversion": "1.0", "id": id.to_string(), "source": "crm", "type": "lead.lost",
        "subject": format!("lead-{}", id % 5), "data": {"lead_id": format!("lead-{}", id % 5)},
    })
    .to_string()
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
