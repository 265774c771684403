//! An error and its causes on one line, where no `anyhow` is at hand.

use std::error::Error;

/// Each error says its own part; this joins them.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
