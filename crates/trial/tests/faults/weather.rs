//! Row 9: the way to Postgres or to Kafka is slow, narrow, or open at one end only.

use std::time::Duration;

use brainops_testkit::{Proxy, Weather};
use brainops_trial::{Order, Scenario, Stage};

/// Where the weather is bad.
#[derive(Debug, Clone, Copy)]
enum Way {
    ToPostgres,
    ToKafka,
}

pub fn scenarios() -> Vec<Scenario> {
    let mut all = Vec::new();
    for (way, to) in [(Way::ToPostgres, "postgres"), (Way::ToKafka, "kafka")] {
        let slow = Weather::Slow(Duration::from_millis(60));
        let narrow = Weather::Narrow { bytes_per_second: 125_000 };
        for (weather, how) in [(slow, "slow"), (narrow, "narrow"), (Weather::HalfOpen, "half-open")] {
            all.push(Scenario::new(9, format!("the way to {to} is {how}"), move |stage| {
                Box::pin(bad_way(stage, way, weather.clone()))
            }));
        }
    }
    all
}

async fn bad_way(stage: &mut Stage, way: Way, weather: Weather) -> anyhow::Result<()> {
    let postgres = stage.room.postgres().clone();
    let (proxy, by): (Proxy, fn(Order, u16) -> Order) = match way {
        Way::ToPostgres => {
            (Proxy::before(format!("{}:{}", postgres.host, postgres.port)).await, Order::postgres_by)
        }
        Way::ToKafka => (Proxy::before_kafka(stage.room.kafka_port()).await, Order::kafka_by),
    };
    stage.speak()?;
    stage.start(by(Order::projector("one"), proxy.port()));
    stage.start(by(Order::projector("two"), proxy.port()));
    stage.folded(100).await?;
    let is_dead = weather == Weather::HalfOpen;
    proxy.set(weather);
    if is_dead {
        tokio::time::sleep(Duration::from_millis(stage.dice.between(4_000, 8_000))).await; // the fault itself
    } else {
        stage.folded(100).await?; // slow, but it goes on
        stage.said(300).await?;
    }
    proxy.set(Weather::Clear);
    stage.healed();
    stage.expected.within = Duration::from_secs(60); // dead connections are found by their time limits
    stage.said(100).await?;
    stage.silence().await?;
    stage.recover().await?;
    stage.end_workers_before(proxy).await
}
