//! An error and its causes as one text: for logs, answers and kept reasons.

use std::error::Error;

/// The error and its causes on one line, joined by `: `. Each error of the house says its own part; some libraries'
/// errors have said their cause already, which is then left out.
#[must_use]
pub fn error_chain(error: &dyn Error) -> String {
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

    #[derive(Debug, thiserror::Error)]
    #[error("no import")]
    struct NoImport(#[source] Failed);

    #[derive(Debug, thiserror::Error)]
    enum Failed {
        #[error("cannot write")]
        Says(#[source] std::io::Error),
        #[error("cannot write: {0}")]
        Repeats(#[source] std::io::Error),
    }

    #[test]
    fn each_cause_is_said_once() {
        let full = || std::io::Error::other("the disk is full");
        let wanted = "no import: cannot write: the disk is full";
        assert_eq!(error_chain(&NoImport(Failed::Says(full()))), wanted);
        assert_eq!(error_chain(&NoImport(Failed::Repeats(full()))), wanted);
        assert_eq!(error_chain(&full()), "the disk is full");
    }
}
