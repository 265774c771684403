//! A progress bar on standard error, for a person at a terminal only.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::talks_to_terminal;

const LOOK: &str = "{bar:32} {human_pos}/{human_len} events  {per_sec:.0}  {eta} left";

/// How far an import is.
#[derive(Debug)]
pub(super) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn start() -> Progress {
        if !talks_to_terminal() {
            return Progress(ProgressBar::hidden());
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template(LOOK) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Progress(bar)
    }

    pub(super) fn expect(&self, total: u64) {
        self.0.set_length(total);
    }

    pub(super) fn at(&self, position: u64) {
        self.0.set_position(position);
    }

    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
