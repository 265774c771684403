//! How far a rebuild is, on standard error: a bar for a person at a terminal, a line now and then for others.

use std::time::Duration;

use brainops_projection::{Generation, RebuildProgress, rebuild_progress};
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

/// Shows how far a rebuild is for as long as it lives.
#[derive(Debug)]
pub struct RebuildBar(tokio::task::JoinHandle<()>);

impl RebuildBar {
    /// Begins to look.
    pub fn start(pool: PgPool, generation: Generation) -> RebuildBar {
        RebuildBar(tokio::spawn(look(pool, generation)))
    }
}

impl Drop for RebuildBar {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn look(pool: PgPool, generation: Generation) {
    let bar = bar();
    let began = Utc::now();
    let (mut before, mut beats) = (None, 0);
    loop {
        tokio::time::sleep(BEAT).await;
        beats += 1;
        // What cannot be seen now is seen the next time; the work itself says when something is wrong.
        let Ok(Some(progress)) = rebuild_progress(&pool, &generation).await else { continue };
        let share = *before.get_or_insert(progress.share());
        let text = line(&progress, progress.seconds_left(share, Utc::now() - began));
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a thousand")]
        bar.set_position((progress.share() * STEPS as f64) as u64);
        if talks_to_terminal() {
            bar.set_message(text);
        } else if beats % BEATS_PER_LINE == 0 {
            talk(&format!("{}: {text}", generation.schema()));
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
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "for people")]
    let rate = (progress.offsets_folded as f64 / progress.seconds.max(0.001)) as i64;
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
