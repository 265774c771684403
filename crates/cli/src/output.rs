//! The only place that prints. Data goes to standard output, talk to standard error; a reader that has gone away
//! (`brainops events tail | head`) is no error, it ends the command.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is where the rest of the crate comes to print"
)]

use std::io::{self, IsTerminal, Write};

use anyhow::Context as _;
use serde::Serialize;

/// The reader of standard output has gone; the command ends, and well.
#[derive(Debug, thiserror::Error)]
#[error("the reader of the output has gone")]
pub struct ReaderGone;

/// How a command answers: tables for people, or one JSON value a line for programs.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    json: bool,
}

impl Output {
    /// Answers in JSON when `json`.
    pub fn new(json: bool) -> Output {
        Output { json }
    }

    /// Whether programs read the answer.
    pub fn is_json(self) -> bool {
        self.json
    }

    /// Prints the answer: `value` for programs, what `text` makes of it for people.
    pub fn answer<Value: Serialize>(
        self,
        value: &Value,
        text: impl FnOnce(&Value) -> String,
    ) -> anyhow::Result<()> {
        if self.json { self.json_line(value) } else { self.text(&text(value)) }
    }

    /// Prints one line of JSON.
    pub fn json_line<Value: Serialize>(self, value: &Value) -> anyhow::Result<()> {
        let line = serde_json::to_string(value).context("the answer is no JSON")?;
        write(&mut io::stdout().lock(), &line)
    }

    /// Prints text for people.
    pub fn text(self, text: &str) -> anyhow::Result<()> {
        write(&mut io::stdout().lock(), text)
    }

    /// Says something beside the answer.
    pub fn talk(self, text: &str) {
        talk(text);
    }
}

/// Says something to the person at the terminal; when nobody can hear it, it is lost.
pub fn talk(text: &str) {
    let _nobody_hears = write(&mut io::stderr().lock(), text);
}

/// Whether a person sees what is said, so that lines may be drawn over.
pub fn talks_to_terminal() -> bool {
    io::stderr().is_terminal()
}

fn write(to: &mut impl Write, text: &str) -> anyhow::Result<()> {
    let line = text.strip_suffix('\n').unwrap_or(text);
    match writeln!(to, "{line}").and_then(|()| to.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(ReaderGone.into()),
        written => written.context("standard output cannot be written"),
    }
}
