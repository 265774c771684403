//! From the call of `append` until the batch that holds the event, at a steady rate that waits for nobody.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use brainops_log::{Item, Signal};

use crate::data::{Data, event};
use crate::figures::quantile;
use crate::ours;

const SECONDS: u64 = 15;

type Sent = Arc<Mutex<BTreeMap<String, (Instant, Option<Instant>)>>>;

pub async fn measure(data: &Data) {
    for rate in [100, 1_000] {
        at_rate(data, rate).await;
    }
}

async fn at_rate(data: &Data, rate: u64) {
    let mut follower = ours::follower(data).await;
    loop {
        let signal = follower.next().await;
        if let Signal::Assigned(assignment) = signal {
            ours::start(assignment, |end| end);
            break;
        }
    }
    tokio::time::sleep(Duration::from_millis(2500)).await; // windows are filled meanwhile
    let sent: Sent = Arc::default();
    let events = rate * SECONDS;
    let appending = tokio::spawn(append(data.space.appender(), rate, events, Arc::clone(&sent)));
    let (mut all, mut from_ack, mut batches) = (Vec::new(), Vec::new(), 0u64);
    while (all.len() as u64) < events {
        match follower.next().await {
            Signal::Batch(batch) => {
                let now = Instant::now();
                batches += 1;
                let sent = sent.lock().expect("whole");
                for item in batch.items() {
                    let Item::Event(event) = item else { continue };
                    let Some((due, acked)) = sent.get(event.envelope.id()) else { continue };
                    all.push(now.duration_since(*due).as_secs_f64() * 1e3);
                    let acked = acked.map_or(0.0, |acked| now.saturating_duration_since(acked).as_secs_f64());
                    from_ack.push(acked * 1e3);
                }
            }
            Signal::Failed(error) => panic!("{error}"),
            _ => {}
        }
    }
    appending.await.expect("appended");
    follower.stop().await;
    let mut acks: Vec<f64> = sent
        .lock()
        .expect("whole")
        .values()
        .filter_map(|(due, acked)| Some(acked.as_ref()?.duration_since(*due).as_secs_f64() * 1e3))
        .collect();
    println!("latency at {rate} events/s, {SECONDS} s, milliseconds, {batches} batches:");
    show("append to batch", &mut all);
    show("append to acknowledgement", &mut acks);
    show("acknowledgement to batch (0: it was first)", &mut from_ack);
}

fn show(name: &str, values: &mut [f64]) {
    values.sort_by(f64::total_cmp);
    let at = |which| quantile(values, which);
    println!("  {name}: p50 {:.1}  p99 {:.1}  max {:.1}", at(0.5), at(0.99), at(1.0));
}

/// Events are due at fixed times: one that is late because others were counts as late.
async fn append(appender: brainops_log::Appender, rate: u64, events: u64, sent: Sent) {
    let began = Instant::now();
    let tag = uuid::Uuid::now_v7().simple().to_string();
    let appender = Arc::new(appender);
    let mut answers = Vec::new();
    for number in 0..events {
        let due = began + Duration::from_micros(number * 1_000_000 / rate);
        tokio::time::sleep_until(due.into()).await;
        let (id, mut outgoing) = (format!("{tag}-{number}"), event(number));
        outgoing.envelope = crate::common::tag(&format!("live-{}", number % 500), &id).envelope;
        sent.lock().expect("whole").insert(id.clone(), (due, None));
        let (appender, sent) = (Arc::clone(&appender), Arc::clone(&sent));
        answers.push(tokio::spawn(async move {
            appender.append(outgoing).await.expect("acknowledged");
            if let Some((_, acked)) = sent.lock().expect("whole").get_mut(&id) {
                *acked = Some(Instant::now());
            }
        }));
    }
    for answer in answers {
        answer.await.expect("it did not panic");
    }
}
