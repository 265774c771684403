//! The letter of a call: opened, looked at, and written down as it is sent.

use brainops_event::KeyStore;
use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, SinglePart};
use lettre::{Address, Message};
use zeroize::Zeroizing;

use super::config::MailConfig;
use super::message_id::MessageId;
use super::send::SendArguments;
use crate::name::CallName;
use crate::tool::ToolError;

/// How long a subject may be, in bytes: the longest line of a letter.
const MAX_SUBJECT: usize = 998;
/// How long a word of it may be that nothing splits into lines, in bytes: with the name of the header, it fits one.
const MAX_WORD: usize = 900;
/// How long a text may be, in bytes.
const MAX_BODY: usize = 256 * 1024;
/// How long an address may be, in bytes (RFC 5321, 4.5.3.1.3, without its angle brackets).
const MAX_ADDRESS: usize = 254;

/// A letter that is ready. Holds personal plain text; it is not to be shown.
pub(super) struct Letter {
    pub(super) from: Address,
    pub(super) to: Address,
    /// Headers and text, wiped when dropped. (What the crate below has copied on the way is freed and not wiped.)
    pub(super) text: Zeroizing<Vec<u8>>,
    pub(super) id: MessageId,
}

/// Opens what a call says, and writes the letter. May wait for a disk.
pub(super) fn letter(
    asked: &SendArguments,
    call: &CallName,
    config: &MailConfig,
    keys: &dyn KeyStore,
) -> Result<Letter, ToolError> {
    let key = asked.to.key(keys)?;
    let to = recipient(&asked.to.open(&key, "email", "to")?, config)?;
    let subject = asked.subject.open(&key, "message", "subject")?;
    let body = asked.body.open(&key, "message", "body")?;
    if !fits_one_line(&subject) {
        let accepted =
            format!("subject: accepted are {MAX_SUBJECT} bytes on one line, in words of {MAX_WORD}");
        return Err(ToolError::nothing_done("bad_subject").with(accepted));
    }
    if body.len() > MAX_BODY {
        let accepted = format!("body: accepted are {MAX_BODY} bytes");
        return Err(ToolError::nothing_done("bad_body").with(accepted));
    }
    let unwritable = |_| ToolError::nothing_done("bad_letter");
    let from = config.sender().map_err(|_| ToolError::nothing_done("bad_sender"))?;
    let id = MessageId::of(call, from.domain());
    let part = SinglePart::builder().header(ContentType::TEXT_PLAIN).body(body.as_str().to_owned());
    let envelope = Envelope::new(Some(from.clone()), vec![to.clone()]).map_err(unwritable)?;
    let mut message = Message::builder()
        .envelope(envelope)
        .from(Mailbox::new(None, from.clone()))
        .to(Mailbox::new(None, to.clone()))
        .subject(subject.as_str())
        .date_now()
        .message_id(Some(id.as_str().to_owned()))
        .raw_header(auto_submitted());
    if let Some(earlier) = &asked.reply_to_message {
        message = message.in_reply_to(earlier.as_str().to_owned()).references(earlier.as_str().to_owned());
    }
    let message = message.singlepart(part).map_err(unwritable)?;
    Ok(Letter { from, to, text: Zeroizing::new(message.formatted()), id })
}

/// Whether a subject is one line, and can be folded. Words with other than ASCII letters are encoded, and so split.
fn fits_one_line(subject: &str) -> bool {
    let is_short = |word: &str| word.len() <= MAX_WORD || !word.is_ascii();
    subject.len() <= MAX_SUBJECT && !subject.chars().any(char::is_control) && subject.split(' ').all(is_short)
}

/// Tells mail programs that no person wrote this, so that none answers it by itself (RFC 3834).
fn auto_submitted() -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned())
}

/// Whom a letter goes to. What is refused is not repeated.
fn recipient(text: &str, config: &MailConfig) -> Result<Address, ToolError> {
    let Some(address) = plain_address(text) else {
        let accepted = "to: accepted is one address of ASCII letters, such as name@example.com, sealed without anything around it";
        return Err(ToolError::nothing_done("bad_address").with(accepted));
    };
    if !config.allows(address.domain()) {
        let accepted = format!("to: accepted are addresses at {}", config.domains.join(", "));
        return Err(ToolError::nothing_done("domain_not_allowed").with(accepted));
    }
    Ok(address)
}

/// An address without quotes, comments, literals and spaces: nothing in it means anything to SMTP or to a header.
pub(super) fn plain_address(text: &str) -> Option<Address> {
    let is_plain = text.len() <= MAX_ADDRESS
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !br#""(),:;<>[\]"#.contains(&byte));
    let address: Address = text.parse().ok().filter(|_| is_plain)?;
    (!address.user().contains('@')).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_and_nothing_more() {
        for (text, is_one) in [
            ("kim@example.com", true),
            ("kim.o'neil+list@mail.example.com", true),
            ("kim@example.com\r\nRCPT TO:<lee@example.com>", false),
            ("kim@example.com ", false),
            ("Kim <kim@example.com>", false),
            ("kim@example.com,lee@example.com", false),
            ("\"a b\"@example.com", false),
            ("kim@[127.0.0.1]", false),
            ("kim", false),
            ("@example.com", false),
            ("a@b@example.com", false),
            ("kim@exämple.com", false),
        ] {
            assert_eq!(plain_address(text).is_some(), is_one, "{text}");
        }
        assert!(plain_address(&format!("kim@{}.com", "a.".repeat(150))).is_none());
    }
}
