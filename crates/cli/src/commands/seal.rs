//! `brainops seal`

use std::io::Read;

use anyhow::{Context as _, ensure};
use brainops_event::{Catalog, MAX_SEALED_BYTES, Sealer as _, Subject};
use clap::Args;
use serde::Serialize;

use crate::context::Context;
use crate::exit::Exit;

/// Seals a personal text, so that it can stand in an event or in the arguments of a tool, and prints the token.
///
/// The text is what standard input holds, without the line end behind it: on a command line, others could read it. It is sealed
/// under the key of the person or thing it is about, which is made when it is missing. Nothing is appended.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  brainops seal email --subject lead-7 < address.txt\n  brainops seal message --subject lead-7 < \
                        letter.txt\n\nThe same text, kind and subject give the same token."
)]
pub struct Arguments {
    /// What kind of text it is, such as email, name or message.
    #[arg(value_parser = known_kind)]
    kind: String,

    /// Whom it is about: the subject of that person's events, such as lead-7.
    #[arg(long, value_name = "SUBJECT")]
    subject: String,
}

/// What is printed.
#[derive(Debug, Serialize)]
struct Answer {
    /// `sealed.v1.<key id>.<nonce>.<ciphertext>`.
    token: String,
}

pub fn run(context: &Context, Arguments { kind, subject }: &Arguments) -> anyhow::Result<Exit> {
    let subject = Subject::new(subject).context("--subject")?;
    let keys = context.keys()?;
    let text = text(std::io::stdin().lock())?;
    let sealed = keys.seal(subject.as_str(), kind, &text).context("the text is not sealed")?;
    context.output.answer(&Answer { token: sealed.to_token() }, |answer| answer.token.clone())?;
    Ok(Exit::Done)
}

fn text(input: impl Read) -> anyhow::Result<String> {
    let mut text = String::new();
    // One more than the most, with a line end of two bytes: what is too long is seen to be.
    let limit = MAX_SEALED_BYTES as u64 + 3;
    input.take(limit).read_to_string(&mut text).context("standard input is no UTF-8 text")?;
    let end = text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text).len());
    text.truncate(end.unwrap_or(text.len()));
    ensure!(!text.is_empty(), "standard input holds no text");
    Ok(text)
}

fn known_kind(kind: &str) -> Result<String, String> {
    let known = Catalog::builtin().kinds();
    let accepted = || format!("accepted are {}", known.join(", "));
    known.contains(&kind).then(|| kind.to_owned()).ok_or_else(accepted)
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn one_line_end_is_not_part_of_the_text() {
        for (input, expected) in [
            ("a", "a"),
            ("a\n", "a"),
            ("a\r\n", "a"),
            ("a\n\n", "a\n"),
            (" a\nb \n", " a\nb "),
            ("a\r", "a\r"),
        ] {
            assert_eq!(text(input.as_bytes()).unwrap(), expected);
        }
        for input in ["", "\n", "\r\n"] {
            assert!(text(input.as_bytes()).unwrap_err().to_string().contains("no text"));
        }
    }
}
