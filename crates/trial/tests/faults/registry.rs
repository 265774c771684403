//! Row 13: the registry is away at the start, away later, slow, or somebody else.

use std::sync::Arc;
use std::time::Duration;

use brainops_testkit::{Proxy, Weather};
use brainops_trial::{Order, Scenario, Stage};

pub fn scenarios() -> Vec<Scenario> {
    let answer = |text: &str| Weather::AnsweredBySomebodyElse(Arc::from(text.as_bytes()));
    let html = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 13\r\nconnection: close\r\n\r\n<html></html>";
    let error = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let slow = Weather::Slow(Duration::from_millis(1500));
    let cases = [
        ("is away", Weather::Down, true),
        ("never answers", Weather::HalfOpen, true),
        ("answers 503", answer(error), true),
        ("answers with a page", answer(html), true),
        ("is slow", slow, false),
    ];
    let at_start = cases.into_iter().map(|(how, weather, waits)| {
        Scenario::new(13, format!("the registry {how} at the start"), move |stage| {
            Box::pin(at_the_start(stage, weather.clone(), waits))
        })
    });
    let later = Scenario::new(13, "the registry goes away in flight", |stage| Box::pin(in_flight(stage)));
    at_start.chain([later]).collect()
}

async fn at_the_start(stage: &mut Stage, weather: Weather, waits: bool) -> anyhow::Result<()> {
    let proxy = Proxy::before(stage.room.registry_address()).await;
    proxy.set(weather);
    stage.speak()?;
    stage.start(Order::projector("one").registry_by(proxy.port()));
    stage.said(200).await?;
    if waits {
        stage.expected.named.push("registry".into());
        let names = |stage: &mut Stage| stage.worker("one").log().contains("registry");
        for _ in 0..1000 {
            if names(stage) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let folded = stage.room.number("SELECT count(*) FROM trial_g1.seen").await?;
        anyhow::ensure!(folded == 0, "{folded} events were folded without their schema");
    }
    proxy.set(Weather::Clear);
    stage.healed();
    stage.said(100).await?;
    stage.silence().await?;
    stage.expected.within = Duration::from_secs(45);
    stage.recover().await?;
    stage.end_workers_before(proxy).await
}

/// Who knows a schema does not ask for it again.
async fn in_flight(stage: &mut Stage) -> anyhow::Result<()> {
    let proxy = Proxy::before(stage.room.registry_address()).await;
    stage.speak()?;
    stage.start(Order::projector("one").registry_by(proxy.port()));
    stage.folded(100).await?;
    proxy.set(Weather::Down);
    stage.healed();
    stage.folded(300).await?;
    stage.silence().await?;
    stage.recover().await?;
    stage.end_workers_before(proxy).await
}
