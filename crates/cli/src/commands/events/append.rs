//! `brainops events append`

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use brainops_event::Outgoing;
use brainops_event::json::{Incoming, into_outgoing_all, parse};
use brainops_outbox::Receipt;
use clap::Args;
use serde_json::json;
use serde_json::value::RawValue;

use crate::appending::{Patience, with_outbox};
use crate::context::Context;
use crate::exit::Exit;

/// More than this is no handful of events but a history, in bytes.
const LIMIT: u64 = 64 * 1024 * 1024;
/// Either one event or an array of them; also agent messages.
const MEDIA_TYPE: &str = "application/json";
/// Sources of the platform's own events; nobody says these by hand.
const OWN_SOURCES: &str = "brainops/";
/// Whoever may use this command is the operator.
const OPERATOR: &str = "operator";

/// Appends events: CloudEvents or agent messages in JSON, one after the other or in arrays.
///
/// All are checked first; if any is refused, none is appended. What a schema marks as personal is sealed. An event that was
/// said before is not appended again: the answer is where it stands. The same id with other content is refused.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  echo '{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"crm\",\"type\":\"lead.discovered\",\n\
                        \"subject\":\"lead-7\",\"data\":{\"lead_id\":\"lead-7\",\"channel\":\"website\"}}' | brainops events append -"
)]
pub struct Arguments {
    /// A file of events, or `-` for standard input.
    file: PathBuf,

    #[command(flatten)]
    patience: Patience,
}

pub async fn run(context: &Context, Arguments { file, patience }: &Arguments) -> anyhow::Result<Exit> {
    let text = read(file)?;
    let incoming = incoming(&text)?;
    ensure!(!incoming.is_empty(), "{} holds no event", file.display());
    let keys = context.keys()?;
    let outgoing = into_outgoing_all(incoming, &*keys)?;
    let told: Vec<[String; 4]> = outgoing.iter().map(told).collect();
    let results =
        with_outbox(context, *patience, async |outbox| Ok(outbox.append_all(outgoing).await)).await?;
    let mut failure = None;
    let mut acknowledged = 0;
    for (told, result) in told.iter().zip(results) {
        match result {
            Ok(receipt) => {
                acknowledged += 1;
                print(context, told, &receipt)?;
            }
            Err(error) if failure.is_none() => failure = Some((told, error)),
            Err(error) => tracing::warn!(source = told[0], id = told[1], %error, "not acknowledged"),
        }
    }
    match failure {
        None => Ok(Exit::Done),
        Some(([source, id, ..], error)) => {
            let place = format!(
                "the event {source} {id} was not appended; {acknowledged} of {} events are in the log",
                told.len()
            );
            Err(anyhow::Error::new(error).context(place))
        }
    }
}

fn read(file: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let unreadable = || format!("{} cannot be read", file.display());
    let bytes = match file.to_str() {
        Some("-") => std::io::stdin().lock().take(LIMIT + 1).read_to_string(&mut text),
        _ => File::open(file).with_context(unreadable)?.take(LIMIT + 1).read_to_string(&mut text),
    };
    ensure!(
        bytes.with_context(unreadable)? as u64 <= LIMIT,
        "{} has more than {LIMIT} bytes; split it",
        file.display()
    );
    Ok(text)
}

/// Every event of every JSON value in the text, or all that is wrong with them.
fn incoming(text: &str) -> anyhow::Result<Vec<Incoming>> {
    let (mut events, mut faults) = (Vec::new(), Vec::new());
    let values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    for (number, value) in (1_usize..).zip(values) {
        let value = value.with_context(|| format!("value {number} is no JSON"))?;
        match parse(value.get().as_bytes(), MEDIA_TYPE) {
            Ok(parsed) => events.extend(parsed),
            Err(found) => {
                faults.extend(found.into_vec().into_iter().map(|fault| format!("value {number}: {fault}")))
            }
        }
    }
    let own = events.iter().find(|event| event.envelope().source().as_str().starts_with(OWN_SOURCES));
    if let Some(event) = own {
        faults.push(format!(
            "source {}: sources that begin with {OWN_SOURCES} are the platform's own",
            event.envelope().source()
        ));
    }
    if faults.is_empty() {
        let signed = |event: Incoming| event.with_envelope(|envelope| envelope.with_auth_id(OPERATOR));
        return events.into_iter().map(|event| Ok(signed(event)?)).collect();
    }
    bail!("nothing was appended:\n  {}", faults.join("\n  "))
}

fn told(outgoing: &Outgoing) -> [String; 4] {
    let envelope = &outgoing.envelope;
    [
        envelope.source().to_string(),
        envelope.id().to_string(),
        envelope.event_type().to_string(),
        envelope.subject().to_string(),
    ]
}

fn print(
    context: &Context,
    [source, id, event_type, subject]: &[String; 4],
    Receipt { position, recorded_at, repeated }: &Receipt,
) -> anyhow::Result<()> {
    if !context.output.is_json() {
        let before = if *repeated { "  (said before)" } else { "" };
        return context.output.text(&format!("{position}  {event_type}  {subject}{before}"));
    }
    let value = json!({
        "source": source, "id": id, "type": event_type, "subject": subject,
        "topic": position.topic, "partition": position.partition, "offset": position.offset,
        "recorded_at": brainops_event::format_timestamp(recorded_at), "repeated": repeated,
    });
    context.output.json_line(&value)
}

#[cfg(test)]
mod tests {
    use super::incoming;

    const EVENT: &str = r#"{"specversion":"1.0","id":"1","source":"crm","type":"lead.lost","subject":"l","data":{"lead_id":"l"}}"#;

    #[test]
    fn values_may_stand_alone_in_lines_or_in_arrays() {
        assert_eq!(incoming(EVENT).unwrap().len(), 1);
        assert_eq!(incoming(&format!("{EVENT}\n{EVENT}\n\n[{EVENT},{EVENT}]")).unwrap().len(), 4);
        assert!(incoming("").unwrap().is_empty());
    }

    #[test]
    fn all_faults_are_told_with_their_place() {
        let wrong = EVENT.replace("lead_id", "lead_no");
        let error = incoming(&format!("{EVENT}\n{wrong}")).unwrap_err().to_string();
        assert!(error.contains("nothing was appended") && error.contains("value 2: data"), "{error}");
        let own = incoming(&EVENT.replace("crm", "brainops/import/x")).unwrap_err().to_string();
        assert!(own.contains("platform's own"), "{own}");
        assert!(incoming(&format!("{EVENT} x")).unwrap_err().to_string().contains("value 2 is no JSON"));
    }
}
