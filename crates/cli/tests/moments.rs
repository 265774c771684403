//! Past moments over HTTP, by the program as it runs: made, polled, read, paged, refused and dropped.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up has failed"
)]

mod support;

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;

use brainops_testkit::eventually;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use support::{Installation, LIMIT, Service, read};

/// Where the doors are, and the token for them.
struct Doors {
    address: String,
    token: String,
}

/// An answer of the doors.
struct Answer {
    status: u16,
    head: String,
    body: Value,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let named = |line: &&str| line.to_ascii_lowercase().starts_with(&format!("{name}: "));
        self.head.lines().find(named).map(|line| line[name.len() + 2..].trim())
    }

    /// Asserts that a parameter was refused; gives what is accepted.
    fn refused(&self, field: &str) -> String {
        assert_eq!((self.status, &self.body["errors"][0]["field"]), (400, &json!(field)), "{}", self.body);
        self.body["errors"][0]["expected"].as_str().unwrap().to_owned()
    }

    fn ids(&self) -> Vec<&str> {
        assert_eq!(self.status, 200, "{}", self.body);
        self.body["rows"].as_array().unwrap().iter().map(|row| row["lead_id"].as_str().unwrap()).collect()
    }
}

impl Doors {
    fn ask(&self, request: &str, body: &str) -> Answer {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let head = format!(
            "{request} HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nContent-Type: \
             application/cloudevents-batch+json\r\nContent-Length: {}\r\n\r\n",
            self.token,
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_owned(), body: serde_json::from_str(body).unwrap() }
    }

    fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path}"), "")
    }

    /// Appends events; gives the latest time at which the log took one.
    fn append(&self, events: Vec<Value>) -> DateTime<Utc> {
        let answer = self.ask("POST /events", &Value::from(events).to_string());
        assert_eq!(answer.status, 202, "{}", answer.body);
        let taken = answer.body.as_array().unwrap().iter().map(|one| one["recorded_at"].as_str().unwrap());
        taken.max().unwrap().parse().unwrap()
    }

    /// Asks for a past moment until it is there: the first answer, and the one that has the rows.
    async fn made(&self, path: &str) -> (Answer, Answer) {
        let first = self.get(path);
        if first.status == 202 {
            let job = first.header("location").unwrap().to_owned();
            let is_ready = || async {
                let job = self.get(&job);
                assert_eq!(job.status, 200, "{}", job.body);
                assert!(["making", "ready"].contains(&job.body["state"].as_str().unwrap()), "{}", job.body);
                job.body["state"] == "ready"
            };
            eventually(LIMIT, is_ready).await.unwrap_or_else(|error| panic!("{job}: {error}"));
        }
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{}", answer.body);
        (first, answer)
    }
}

/// Starts some roles, and waits until the doors are open if `api` is one of them.
async fn start(installation: &Installation, roles: &str) -> (Service, Option<Doors>) {
    let log = installation.folder.path().join(format!("{roles}-{}.log", uuid::Uuid::now_v7()));
    let child = installation
        .command(&["serve", "--roles", roles])
        .stdout(Stdio::null())
        .stderr(File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let service = Service { child, log };
    if !roles.contains("api") {
        return (service, None);
    }
    let address = |log: &str| {
        let (_, rest) = log.split_once("the doors are open address=")?;
        rest.split_whitespace().next().map(str::to_owned)
    };
    eventually(LIMIT, || async { address(&service.log_text()).is_some() }).await.expect("it listens");
    let address = address(&service.log_text()).unwrap();
    let token = read(&installation.state().join("api-token")).trim().to_owned();
    (service, Some(Doors { address, token }))
}

fn discovered(lead: u32, time: &str) -> Value {
    json!({
        "specversion": "1.0", "id": format!("discovered-{lead}"), "source": "crm", "type": "lead.discovered",
        "subject": format!("lead-{lead}"), "time": time,
        "data": {"lead_id": format!("lead-{lead}"), "name": "Ada", "email": "ada@example.org", "channel": "website"},
    })
}

fn lost(lead: u32, time: &str) -> Value {
    json!({
        "specversion": "1.0", "id": format!("lost-{lead}"), "source": "crm", "type": "lead.lost",
        "subject": format!("lead-{lead}"), "time": time, "data": {"lead_id": format!("lead-{lead}")},
    })
}

fn deployed(id: u32) -> Value {
    json!({
        "specversion": "1.0", "id": format!("deployed-{id}"), "source": "ci", "type": "deployment.succeeded",
        "subject": "shop/production", "time": "2026-02-01T00:00:00Z",
        "data": {"service": "shop", "environment": "production", "deployment_id": id.to_string(), "sha": "a".repeat(40)},
    })
}

/// As a part of a query string.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// A time such as the log gives, as a parameter.
fn time(at: DateTime<Utc>) -> String {
    encoded(&at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true))
}

/// Waits until what is recorded from now on is later than `taken`.
async fn later_than(taken: DateTime<Utc>) {
    let later = || async { Utc::now() > taken + chrono::TimeDelta::milliseconds(5) };
    eventually(LIMIT, later).await.expect("clocks go on");
}

fn stage(funnel: &Answer, name: &str) -> Value {
    let stages = funnel.body["stages"].as_array().unwrap();
    stages.iter().find(|stage| stage["stage"] == name).unwrap()["reached"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_past_is_answered_with_what_the_log_held_then() {
    let installation = Installation::new("moments-http").await;
    installation.json(&["init"]);
    let (service, doors) = start(&installation, "api,projectors,relay,replay").await;
    let doors = doors.unwrap();
    assert_eq!(
        doors.get("/leads?as_of=2026-01-01").refused("as_of"),
        "a time at which the log held an event"
    );

    let mut first: Vec<Value> = (0..10).map(|lead| discovered(lead, "2026-02-01T00:00:00Z")).collect();
    first.push(deployed(1));
    let then = doors.append(first);
    later_than(then).await;
    let mut second: Vec<Value> = (10..15).map(|lead| discovered(lead, "2026-04-01T00:00:00Z")).collect();
    second.extend((0..3).map(|lead| lost(lead, "2026-04-02T00:00:00Z")));
    second.push(deployed(2));
    doors.append(second);
    installation.caught_up().await;

    // By recorded time, with a job to look at while it is made; then the same question is answered at once.
    let path = format!("/leads?as_of={}", time(then));
    let (asked, leads) = doors.made(&path).await;
    assert_eq!((asked.status, asked.header("retry-after")), (202, Some("1")), "{}", asked.body);
    assert_eq!(asked.body["frontier"], leads.body["frontier"]);
    assert_eq!(leads.ids().len(), 10);
    assert!(leads.body["rows"].as_array().unwrap().iter().all(|row| row["stage"] == "discovered"));
    let number = asked.body["number"].as_i64().unwrap();
    assert_eq!(leads.body["generation"], number);
    assert_eq!(leads.body["as_of"]["schema"], format!("leads_asof_{number}"));
    assert_eq!(
        (&leads.body["as_of"]["clock"], &leads.body["as_of"]["at"]),
        (&json!("recorded"), &asked.body["asked"]["at"])
    );
    assert_eq!(
        (&leads.body["as_of"]["happened_to"], &leads.body["lag_seconds"]),
        (&json!(null), &json!(null))
    );
    let funnel = doors.get(&format!("/leads/funnel?as_of={}", time(then)));
    assert_eq!(
        (funnel.status, stage(&funnel, "discovered"), stage(&funnel, "lost")),
        (200, json!(10), json!(0))
    );
    let now = doors.get("/leads/funnel");
    assert_eq!((stage(&now, "discovered"), stage(&now, "lost")), (json!(15), json!(3)));
    assert!(now.body.get("as_of").is_none());

    // Deployments, which have a schema and numbers of their own.
    let (_, deployments) = doors.made(&format!("/deployments?as_of={}", time(then))).await;
    assert_eq!(deployments.body["rows"].as_array().unwrap().len(), 1);
    let dora = doors.get(&format!("/deployments/dora?as_of={}", time(then)));
    assert_eq!((dora.status, &dora.body["total"][0]["finished"]), (200, &json!(1)), "{}", dora.body);

    // A frontier, as text and as JSON: that of the answers of now.
    let today = doors.get("/leads").body["frontier"].clone();
    let (_, whole) = doors.made(&format!("/leads?as_of={}", encoded(&today.to_string()))).await;
    assert_eq!(whole.ids().len(), 15);
    let places =
        today.as_object().unwrap().iter().map(|(place, next)| format!("{place}@{}", next.as_str().unwrap()));
    let text = encoded(&places.collect::<Vec<_>>().join(" "));
    let again = doors.get(&format!("/leads?as_of={text}"));
    assert_eq!((again.status, &again.body["generation"]), (200, &whole.body["generation"]), "{}", again.body);

    pages(&doors, &path, &text);
    refusals(&doors, &today);
    by_time_of_happening(&doors).await;
    dropped(&installation, &doors, &path, number).await;
    drop(service);
    installation.close().await;
}

/// Pages are whole and disjoint, and a cursor belongs to its moment.
fn pages(doors: &Doors, path: &str, other: &str) {
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = doors.get(&format!("{path}&limit=4{cursor}"));
        seen.extend(page.ids().into_iter().map(str::to_owned));
        let Some(next) = page.body["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 10);
    doors.get(&format!("/leads?limit=4{cursor}")).refused("cursor");
    doors.get(&format!("/leads?limit=4&as_of={other}{cursor}")).refused("cursor");
    let today = doors.get("/leads?limit=4").body["next_cursor"].as_str().unwrap().to_owned();
    doors.get(&format!("{path}&limit=4&cursor={today}")).refused("cursor");
}

/// What is no moment of this log is refused with what is accepted.
fn refusals(doors: &Doors, today: &Value) {
    for (as_of, expected) in [
        ("yesterday".to_owned(), "2026-10-01T00:00Z"),
        ("2001-01-01".to_owned(), "when the first event was recorded"),
        ("2999-01-01".to_owned(), "a time that has come"),
        ("other.topic/0@1".to_owned(), "only partitions of"),
    ] {
        let accepted = doors.get(&format!("/leads?as_of={}", encoded(&as_of))).refused("as_of");
        assert!(accepted.contains(expected), "{as_of}: {accepted}");
    }
    let (place, _) = today.as_object().unwrap().iter().next().unwrap();
    let topic = place.split_once('/').unwrap().0;
    let beyond = doors.get(&format!("/leads?as_of={}", encoded(&json!({ place: "1000000" }).to_string())));
    assert!(beyond.refused("as_of").starts_with(&format!("{place} up to ")));
    let of_another = json!({ place: "1", topic: "A".repeat(22) }).to_string();
    let of_another = doors.get(&format!("/leads?as_of={}", encoded(&of_another)));
    assert!(of_another.refused("as_of").contains("the id that"), "{}", of_another.body);
    let timeless = doors.get(&format!("/leads?clock=happened&as_of={}", encoded(&today.to_string())));
    assert!(timeless.refused("as_of").contains("a time or a day"));
    assert_eq!(doors.get("/projections/nobody/moments").status, 404);
}

/// Late arrivals change the answer once it is folded anew, and the answer says up to where it is.
async fn by_time_of_happening(doors: &Doors) {
    let path = "/leads?as_of=2026-03-01&clock=happened";
    let (_, early) = doors.made(path).await;
    assert_eq!(early.ids().len(), 10, "what happened in April is not in it");
    assert_eq!(early.body["as_of"]["happened_to"], "2026-03-01T00:00:00.000Z");
    doors.append(vec![discovered(20, "2026-02-28T00:00:00Z")]);
    let known = doors.get(path);
    assert_eq!((known.ids().len(), &known.body["frontier"]), (10, &early.body["frontier"]));
    let fresh = doors.get(&format!("{path}&fresh=true"));
    assert_eq!(fresh.status, 202, "{}", fresh.body);
    let (_, late) = doors.made(path).await;
    assert!(late.ids().len() == 11 && late.ids().contains(&"lead-20"));
    assert_ne!(late.body["frontier"], early.body["frontier"]);
}

/// A moment that is gone while somebody asks for it is one to be asked for again, and then is made again.
async fn dropped(installation: &Installation, doors: &Doors, path: &str, number: i64) {
    let sql = AssertSqlSafe(format!("DROP TABLE leads_asof_{number}.lead CASCADE"));
    sqlx::raw_sql(sql).execute(installation.namespace.pool()).await.unwrap();
    let gone = doors.get(path);
    assert_eq!((gone.status, gone.header("retry-after")), (503, Some("1")), "{}", gone.body);
    assert!(!gone.body.to_string().contains("asof"), "{}", gone.body);
    let job = format!("/projections/leads/moments/{number}");
    assert_eq!(doors.get(&job).status, 200);
    installation.json(&[
        "projection",
        "drop",
        "leads",
        "--generation",
        &number.to_string(),
        "--by",
        "kim",
        "--yes",
    ]);
    assert_eq!(doors.get(&job).status, 404);
    let (again, leads) = doors.made(path).await;
    assert_eq!((again.status, leads.ids().len()), (202, 10));
    assert!(again.body["number"].as_i64().unwrap() > number);
}

#[tokio::test(flavor = "multi_thread")]
async fn three_may_be_made_at_a_time_and_go_on_when_somebody_folds() {
    let installation = Installation::new("moments-quota").await;
    installation.json(&["init"]);
    let (_service, doors) = start(&installation, "api,projectors,relay").await;
    let doors = doors.unwrap();
    doors.append((0..30).map(|lead| discovered(lead, "2026-02-01T00:00:00Z")).collect());
    installation.caught_up().await;
    let today = doors.get("/leads").body["frontier"].clone();
    let (place, _) = today.as_object().unwrap().iter().find(|(_, next)| *next != "0").unwrap();
    let day = |day: u32| format!("/leads?as_of=2026-03-0{day}&clock=happened");
    for number in 1..=3 {
        assert_eq!(doors.get(&day(number)).status, 202);
    }
    let (same, refused) = (doors.get(&day(2)), doors.get(&day(4)));
    assert_eq!(same.status, 202, "it is on its way: {}", same.body);
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("2")), "{}", refused.body);
    assert_eq!(refused.body["type"], "urn:brainops:problem:too-many-moments");
    assert_eq!(doors.get(&format!("/leads?as_of={}", encoded(&format!("{place}@1")))).status, 429);
    let listed = doors.get("/projections/leads/moments").body["rows"].clone();
    assert_eq!(listed.as_array().unwrap().len(), 3);
    assert!(
        listed
            .as_array()
            .unwrap()
            .iter()
            .all(|job| job["state"] == "making" && job["progress"]["events"] == 30),
        "{listed}"
    );

    let (_replay, _) = start(&installation, "replay").await;
    for number in 1..=3 {
        let (_, leads) = doors.made(&day(number)).await;
        assert_eq!(leads.ids().len(), 30);
    }
    let (fourth, _) = doors.made(&day(4)).await;
    assert_eq!(fourth.status, 202);
    installation.close().await;
}
