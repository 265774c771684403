//! What the two journals take by themselves: one acknowledged record, one committed row.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use rdkafka::producer::{FutureProducer, FutureRecord};
use sqlx::PgConnection;

use crate::event::Kind;
use crate::produce::make_topic;
use crate::stand::Stand;

/// How many commits are timed.
const COMMITS: usize = 1_000;
/// How many seconds of records are timed.
const SECONDS: u64 = 5;

/// Milliseconds of commits of one small row, one after another, sorted.
pub(crate) async fn commit_ms(connection: &mut PgConnection) -> anyhow::Result<Vec<f64>> {
    sqlx::raw_sql("CREATE TABLE IF NOT EXISTS public.raw_commit (number bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, text text)")
        .execute(&mut *connection)
        .await?;
    let mut times = Vec::with_capacity(COMMITS);
    for _ in 0..COMMITS {
        let began = Instant::now();
        sqlx::query("INSERT INTO public.raw_commit (text) VALUES ('a row')")
            .execute(&mut *connection)
            .await?;
        times.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

/// Milliseconds until a record is acknowledged by a bare producer that does not linger, at a steady rate, sorted.
pub(crate) async fn produce_ms(stand: &Stand, rate: u64) -> anyhow::Result<Vec<f64>> {
    let producer: FutureProducer =
        stand.appender()?.set("enable.idempotence", "true").set("linger.ms", "0").create()?;
    let topic = stand.topic(Kind::Raw.topic());
    make_topic(stand, &topic).await?;
    let (mut answers, mut times) = (FuturesUnordered::new(), Vec::new());
    let beginning = Instant::now() + Duration::from_millis(100);
    for number in 0..rate * SECONDS {
        let intended = beginning + Duration::from_secs(1) * u32::try_from(number)? / u32::try_from(rate)?;
        let wait = tokio::time::sleep_until(intended.into());
        tokio::pin!(wait);
        loop {
            tokio::select! {
                () = &mut wait => break,
                Some(time) = answers.next(), if !answers.is_empty() => times.push(time?),
            }
        }
        let (producer, topic) = (producer.clone(), topic.clone());
        answers.push(async move {
            let key = number.to_string();
            let payload = [b'x'; 200];
            let record = FutureRecord::to(&topic).key(&key).payload(payload.as_slice());
            producer.send(record, Duration::from_secs(5)).await.map_err(|(error, _)| error)?;
            anyhow::Ok(intended.elapsed().as_secs_f64() * 1000.0)
        });
    }
    while let Some(time) = answers.next().await {
        times.push(time?);
    }
    let warm = times.len() / 5;
    let mut times = times.split_off(warm);
    times.sort_by(f64::total_cmp);
    Ok(times)
}
