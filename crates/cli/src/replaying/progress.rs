//! How far something long is, on standard error: a bar for a person at a terminal, a line now and then for others.

use std::sync::Arc;
use std::time::{Duration, Instant};

use brainops_projection::{Generation, RebuildProgress, rebuild_progress};
use brainops_saga::ReplayProgress;
use chrono::Utc;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sqlx::PgPool;

use crate::output::{talk, talks_to_terminal};
use crate::overview::{count, duration};

const LOOK: &str = "{bar:32} {msg}";
/// How often a person sees it move.
const BEAT: Duration = Duration::from_millis(500);
/// After how many beats a line is written where no person looks.
const BEATS_PER_LINE: u32 = 20;
/// Steps of the bar.
const STEPS: u64 = 1_000;

/// Shows how far something is for as long as it lives.
#[derive(Debug)]
pub struct Bar(tokio::task::JoinHandle<()>);

impl Bar {
    /// Begins to look at a rebuild.
    pub fn of_rebuild(pool: PgPool, generation: Generation) -> Self {
        Self(tokio::spawn(look_at_rebuild(pool, generation)))
    }

    /// Begins to look at a replay of the sagas of an agent.
    pub fn of_sagas(agent: &str, progress: Arc<ReplayProgress>) -> Self {
        Self(tokio::spawn(look_at_sagas(agent.to_owned(), progress)))
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn look_at_rebuild(pool: PgPool, generation: Generation) {
    let mut shown = Shown::new(generation.schema().to_string());
    let began = Utc::now();
    let mut before = None;
    loop {
        tokio::time::sleep(BEAT).await;
        // What cannot be seen now is seen the next time; the work itself says when something is wrong.
        let Ok(Some(progress)) = rebuild_progress(&pool, &generation).await else { continue };
        let share = *before.get_or_insert(progress.share());
        shown.show(progress.share(), line(&progress, progress.seconds_left(share, Utc::now() - began)));
    }
}

async fn look_at_sagas(agent: String, progress: Arc<ReplayProgress>) {
    let mut shown = Shown::new(agent);
    let began = Instant::now();
    loop {
        tokio::time::sleep(BEAT).await;
        #[allow(clippy::cast_precision_loss, reason = "for people")]
        let share = progress.read() as f64 / progress.total().max(1) as f64;
        shown.show(share, sagas_line(&progress, began.elapsed()));
    }
}

/// How far a replay of sagas is, in one line.
fn sagas_line(progress: &ReplayProgress, elapsed: Duration) -> String {
    let number = |number: u64| count(i64::try_from(number).unwrap_or(i64::MAX));
    let (read, total) = (progress.read(), progress.total());
    format!(
        "{} of {} read, {} sagas in {} transactions, {}",
        number(read),
        number(total),
        number(progress.sagas()),
        number(progress.transactions()),
        per_second(read, elapsed.as_secs_f64()),
    )
}

/// What is shown of something.
struct Shown {
    label: String,
    bar: ProgressBar,
    beats: u32,
}

impl Shown {
    fn new(label: String) -> Self {
        Self { label, bar: bar(), beats: 0 }
    }

    /// The share that is done, from 0 to 1, and the same in words. Once a beat.
    fn show(&mut self, share: f64, text: String) {
        self.beats += 1;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a thousand")]
        self.bar.set_position((share * STEPS as f64) as u64);
        if talks_to_terminal() {
            self.bar.set_message(text);
        } else if self.beats.is_multiple_of(BEATS_PER_LINE) {
            talk(&format!("{}: {text}", self.label));
        }
    }
}

fn bar() -> ProgressBar {
    if !talks_to_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(STEPS), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template(LOOK) {
        bar.set_style(style);
    }
    bar
}

/// How far a rebuild is, in one line.
pub fn line(progress: &RebuildProgress, left: Option<f64>) -> String {
    if progress.is_indexing {
        return format!("{} folded, making indexes", events(progress.offsets));
    }
    let left = left.map_or_else(|| "?".to_owned(), duration);
    format!(
        "{} of {} partitions, {} read, {} folded, {}, {left} left",
        progress.partitions_done,
        progress.partitions,
        events(progress.offsets_read),
        events(progress.offsets_folded),
        rate(progress),
    )
}

fn events(offsets: i64) -> String {
    count(offsets)
}

/// Events a second, from the beginning until now.
fn rate(progress: &RebuildProgress) -> String {
    per_second(u64::try_from(progress.offsets_folded).unwrap_or(0), progress.seconds)
}

fn per_second(events: u64, seconds: f64) -> String {
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "for people")]
    let rate = (events as f64 / seconds.max(0.001)) as i64;
    format!("{} events/s", count(rate))
}

/// What a rebuild that is done came to, in one line.
pub fn finished_line(schema: &str, progress: &RebuildProgress) -> String {
    format!(
        "{schema}: {} events of {} partitions folded in {} ({})",
        count(progress.offsets),
        progress.partitions,
        duration(progress.seconds),
        rate(progress)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_a_replay_is_is_said_in_events_sagas_and_a_rate() {
        let line = sagas_line(&ReplayProgress::default(), Duration::from_secs(2));
        assert_eq!(line, "0 of 0 read, 0 sagas in 0 transactions, 0 events/s");
    }
}
