//! The conversation with the server.
//!
//! ```text
//! connect ─ TLS ─ login ─ sender ─ recipient ─ DATA, 354 │ the text, a dot ─ the answer
//!        nothing was accepted, whatever happens          │ only a refusal says so
//! ```
//!
//! A server takes a letter over with its answer to the dot. An answer that does not come says nothing: the letter may be on its
//! way. How many bytes of the text have left when a connection breaks is not known here, so all of that time counts as after
//! the dot. What a server writes beside its code may name the address and is not told.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Response;
use tokio::time::{Instant, timeout, timeout_at};

use super::config::{Encryption, MailConfig};
use super::letter::Letter;
use crate::tool::ToolError;

/// How long a conversation may take.
const LIMIT: Duration = Duration::from_secs(30);
/// How long a server may take to say goodbye, which changes nothing.
const GOODBYE_LIMIT: Duration = Duration::from_secs(1);
/// What a server answers that waits for the text.
const GO_ON: u16 = 354;

/// Whom a server is trusted as; none without encryption. Reads files.
pub(super) fn tls_of(config: &MailConfig) -> Result<Option<TlsParameters>, ToolError> {
    if config.encryption == Encryption::None {
        return Ok(None);
    }
    let unusable =
        |_: Error| ToolError::nothing_done("bad_ca_file").with("accepted is a file of certificates in PEM");
    let mut builder = TlsParameters::builder(config.host.clone());
    if let Some(path) = &config.ca_file {
        let pem = std::fs::read(path).map_err(|error| {
            ToolError::nothing_done("bad_ca_file").with(format!("it cannot be read: {}", error.kind()))
        })?;
        let authorities = Certificate::from_pem(&pem).map_err(unusable)?;
        builder = builder.certificate_store(CertificateStore::None).add_root_certificate(authorities);
    }
    builder.build().map(Some).map_err(unusable)
}

/// Hands a letter over; answers with the server's code.
pub(super) async fn hand_over(
    letter: &Letter,
    config: &MailConfig,
    (tls, login): (Option<TlsParameters>, Option<Credentials>),
) -> Result<u16, ToolError> {
    let deadline = Instant::now() + LIMIT;
    let ready = timeout_at(deadline, until_text(letter, config, (tls, login))).await;
    let mut connection = ready.unwrap_or_else(|_| Err(unreachable("the server", "timed out")))?;
    let answer = timeout_at(deadline, connection.message(&letter.text)).await;
    let unknown = || ToolError::half_done("outcome_unknown");
    let answer = answer.map_err(|_| unknown())?;
    let code =
        answer.map_err(|error| if error.status().is_some() { failed("text", &error) } else { unknown() })?;
    let code = u16::from(code.code());
    if !(200..300).contains(&code) {
        return Err(unknown());
    }
    let _whatever_it_says = timeout(GOODBYE_LIMIT, connection.quit()).await;
    Ok(code)
}

/// A conversation in which the server waits for the text.
async fn until_text(
    letter: &Letter,
    config: &MailConfig,
    (tls, login): (Option<TlsParameters>, Option<Credentials>),
) -> Result<AsyncSmtpConnection, ToolError> {
    let hello = ClientId::Domain(letter.from.domain().to_owned());
    let place = (config.host.as_str(), config.port);
    let (at_once, later) = if config.encryption == Encryption::StartTls { (None, tls) } else { (tls, None) };
    let connected = AsyncSmtpConnection::connect_tokio1(place, Some(LIMIT), &hello, at_once, None).await;
    let mut connection = connected.map_err(|error| failed("connection", &error))?;
    if let Some(tls) = later {
        connection.starttls(tls, &hello).await.map_err(|error| failed("STARTTLS", &error))?;
    }
    if let Some(login) = login {
        if !connection.is_encrypted() {
            return Err(unreachable("login", "the connection is not encrypted"));
        }
        let answer = connection.auth(DEFAULT_MECHANISMS, &login).await;
        expect("login", answer, |code| code == 235)?;
    }
    let answer = connection.command(Mail::new(Some(letter.from.clone()), Vec::new())).await;
    expect("sender", answer, |code| code / 100 == 2)?;
    let answer = connection.command(Rcpt::new(letter.to.clone(), Vec::new())).await;
    expect("recipient", answer, |code| code / 100 == 2)?;
    let answer = connection.command(Data).await;
    // Anything else would mean that the two of us are not at the same place of the conversation.
    expect("DATA", answer, |code| code == GO_ON)?;
    Ok(connection)
}

fn expect(
    place: &str,
    answer: Result<Response, Error>,
    is_right: impl Fn(u16) -> bool,
) -> Result<(), ToolError> {
    let code = u16::from(answer.map_err(|error| failed(place, &error))?.code());
    if is_right(code) { Ok(()) } else { Err(unreachable(place, &format!("answered with {code}"))) }
}

/// What went wrong before the letter was accepted, without a word of the server.
fn failed(place: &str, error: &Error) -> ToolError {
    if let Some(code) = error.status() {
        return ToolError::nothing_done("refused").with(format!("{place}: {}", u16::from(code)));
    }
    match io_kind(error) {
        Some(io::ErrorKind::InvalidData) => unreachable(place, "TLS failed"),
        Some(kind) => unreachable(place, &kind.to_string()),
        None if error.is_client() => unreachable(place, "the server does not offer it"),
        None => unreachable(place, "broken off"),
    }
}

fn unreachable(place: &str, reason: &str) -> ToolError {
    ToolError::nothing_done("unreachable").with(format!("{place}: {reason}"))
}

/// What the system says, wherever it stands among the causes.
fn io_kind(error: &Error) -> Option<io::ErrorKind> {
    let mut cause = error.source();
    while let Some(found) = cause {
        if let Some(error) = found.downcast_ref::<io::Error>() {
            return Some(error.kind());
        }
        cause = found.source();
    }
    None
}
