//! Said twice, counted once, exactly as far back as the wire contract says.

use anyhow::ensure;
use brainops_event::frame;
use brainops_trial::{Order, RawRecord, Scenario, Stage, event};

/// How many offsets back a repeat counts as one.
const WINDOW: i64 = 65_536;

pub fn scenarios() -> Vec<Scenario> {
    vec![at_the_edge()]
}

/// An acknowledgement was lost, and the caller says the event again as late as it may.
pub fn at_the_edge() -> Scenario {
    Scenario::new(7, "said again at the edge of the window", |stage| Box::pin(edge(stage)))
}

async fn edge(stage: &mut Stage) -> anyhow::Result<()> {
    let subject = "metrics/edge";
    stage.start(Order::projector("one").batches_of(5_000));
    stage.say_about(&[subject], 1).await?;
    stage.folded_in_all(1).await?; // it may be folded before anybody asks
    let number = *stage.ledger.pages().acked.keys().next().expect("one was said");
    let datum = event(number, subject, "EUR").datum;
    let value = frame(stage.schema(), &datum);
    let between = (1..WINDOW).map(|filler| {
        let mut record = RawRecord::of_event(0, subject, value.clone());
        record.headers.retain(|(name, _)| name != "ce_id" && name != "ce_type");
        record.headers.push(("ce_id".to_owned(), format!("filler-{filler}").into_bytes()));
        record.headers.push(("ce_type".to_owned(), b"trial.filler".to_vec()));
        record
    });
    let topic = stage.room.topic();
    stage.room.raw().append(&topic, between.collect()).await?;
    let again = RawRecord::of_event(number, subject, value);
    let at = stage.room.raw().append(&topic, vec![again]).await?;
    ensure!(at[0].1 == WINDOW, "the repeat stands at {at:?}");
    stage.healed();
    stage.expected.within = std::time::Duration::from_secs(60);
    Ok(())
}
