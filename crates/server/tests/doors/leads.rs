//! A lead on its way from the door to the rows: nobody on the way sees a name or an address.
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{House, TOKEN};

const NAME: &str = "Ada Lovelace";
const EMAIL: &str = "ada.lovelace@example.org";

/// What was logged.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<Vec<u8>>>);

impl Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Logged {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn discovered(lead: &str) -> Value {
    json!({
        "specversion": "1.0", "id": format!("discovered-{lead}"), "source": "crm", "type": "lead.discovered",
        "subject": lead, "time": "2026-01-31T12:00:00Z",
        "data": {"lead_id": lead, "name": NAME, "email": EMAIL, "channel": "website"},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn no_plain_text_of_a_person_is_left_anywhere() {
    let logged = Logged::default();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(logged.clone());
    subscriber.init();
    let house = House::open("server-leads").await;

    let answer = house.appended("/events", "application/cloudevents+json", &discovered("lead-1")).await;
    let place = (answer[0]["topic"].clone(), answer[0]["offset"].clone());
    assert_eq!(place, (json!(house.namespace.topic("lead").to_string()), json!("0")));

    let leads = house.until("/leads", |leads| leads["rows"] != json!([])).await;
    let lead = &leads["rows"][0];
    assert_eq!((&lead["lead_id"], &lead["stage"]), (&json!("lead-1"), &json!("discovered")));
    for column in ["name", "email"] {
        assert!(lead[column]["sealed"].as_str().unwrap().starts_with("sealed.v1."), "{lead}");
    }
    let partition = format!("{}/{}", answer[0]["topic"].as_str().unwrap(), answer[0]["partition"]);
    assert_eq!(leads["frontier"][partition.as_str()], "1");
    let funnel = house.get("/leads/funnel").await;
    assert_eq!(
        (&funnel["stages"][0]["stage"], &funnel["stages"][0]["reached"]),
        (&json!("discovered"), &json!(1))
    );
    assert_eq!(funnel["by_channel"][0]["channel"], "website");

    let rejected = house.post("/events", "application/cloudevents+json", {
        let mut wrong = discovered("lead-2");
        wrong["data"]["channel"] = json!([NAME, EMAIL]);
        wrong.to_string()
    });
    let rejected = rejected.bearer_auth(TOKEN).send().await.unwrap();
    assert_eq!(rejected.status().as_u16(), 422);

    let topic = house.topic_text("lead").await;
    let tables = house.tables_text().await;
    assert!(topic.contains("website") && tables.contains("website"), "the search looks at the right places");
    let logs = String::from_utf8_lossy(&logged.0.lock().unwrap()).into_owned();
    assert!(logs.contains("the doors are open"));
    let answers = format!("{leads} {funnel} {}", rejected.text().await.unwrap());
    for (place, text) in [("topics", &topic), ("tables", &tables), ("logs", &logs), ("answers", &answers)] {
        for plain in [NAME, EMAIL, "lovelace", "Lovelace"] {
            assert!(!text.contains(plain), "{plain} is in the {place}");
        }
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_leads_are_whole_and_disjoint() {
    let house = House::open("server-pages").await;
    let leads: Vec<Value> = (0..7).map(|number| discovered(&format!("lead-{number}"))).collect();
    house.appended("/events", "application/cloudevents-batch+json", &Value::from(leads)).await;
    house.until("/leads", |leads| leads["rows"].as_array().unwrap().len() == 7).await;

    let (mut seen, mut path) = (Vec::new(), "/leads?limit=3".to_owned());
    loop {
        let page = house.get(&path).await;
        let rows = page["rows"].as_array().unwrap();
        assert!((1..=3).contains(&rows.len()));
        seen.extend(rows.iter().map(|row| row["lead_id"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/leads?limit=3&cursor={cursor}");
    }
    assert_eq!(seen.len(), 7);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 7);
    assert_eq!(house.get("/leads?stage=won").await["rows"], json!([]));
    house.close().await;
}
