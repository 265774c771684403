//! An error and its causes on one line, where no `anyhow` is at hand.

use std::error::Error;

/// Each error says its own part; this joins them. Some libraries' errors have said their cause already.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_is_said_once() {
        let cause = std::io::Error::other("the disk is full");
        let repeats =
            anyhow::Error::new(cause).context("cannot write: the disk is full").context("no import");
        assert_eq!(chain(repeats.as_ref()), "no import: cannot write: the disk is full");
        let adds = anyhow::Error::new(std::io::Error::other("the disk is full")).context("cannot write");
        assert_eq!(chain(adds.as_ref()), "cannot write: the disk is full");
    }
}
