//! The ways in which events are appended.

use std::fmt;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{ChildStdin, ChildStdout};
use std::sync::{Arc, Mutex, PoisonError};

use brainops_log::{Appender, Outcome};
use brainops_outbox::Outbox;

use crate::answer::Answer;
use crate::ledger::Ledger;
use crate::model::event;

/// How events are appended.
#[derive(Clone)]
pub(crate) enum Voice {
    /// Straight to Kafka.
    Direct(Appender),
    /// Through the outbox, in this process.
    Outbox(Outbox),
    /// Through the outbox of another process, which may die; then another one takes its place.
    Process(Mouth),
}

impl fmt::Debug for Voice {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Direct(_) => "Direct",
            Self::Outbox(_) => "Outbox",
            Self::Process(_) => "Process",
        })
    }
}

/// The pipes of the process that appends now.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mouth(Arc<Mutex<Option<Pipes>>>);

/// To it, and from it.
type Pipes = (ChildStdin, BufReader<ChildStdout>);

impl Mouth {
    /// Speaks through this process from now on.
    pub(crate) fn use_pipes(&self, (input, output): (ChildStdin, ChildStdout)) {
        let pipes = (input, BufReader::new(output));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(pipes);
    }

    /// Says these and reads an answer for each; fewer when the process dies meanwhile.
    fn ask(&self, events: &[(u64, String)]) -> Vec<Answer> {
        let mut pipes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((input, output)) = pipes.as_mut() else { return Vec::new() };
        let mut text: String =
            events.iter().map(|(number, subject)| format!("{number} {subject}\n")).collect();
        text.push('\n');
        if input.write_all(text.as_bytes()).and_then(|()| input.flush()).is_err() {
            return Vec::new();
        }
        let lines = output.lines().take(events.len()).map_while(Result::ok);
        lines.map_while(|line| serde_json::from_str(&line).ok()).collect()
    }
}

/// Says these, in order; what comes back is to be said again, in order.
pub(crate) async fn say(
    voice: &Voice,
    ledger: &Ledger,
    events: Vec<(u64, String)>,
) -> Result<Vec<(u64, String)>, String> {
    let outgoing = || events.iter().map(|(number, subject)| event(*number, subject, "EUR")).collect();
    let mut answers: Vec<Answer> = match voice {
        Voice::Direct(appender) => {
            let answers = appender.append_all(outgoing()).await;
            answers.into_iter().map(|answer| direct(answer.map(|it| it.position))).collect()
        }
        Voice::Outbox(outbox) => outbox.append_all(outgoing()).await.into_iter().map(Answer::of).collect(),
        Voice::Process(mouth) => {
            let (mouth, events) = (mouth.clone(), events.clone());
            let asked = tokio::task::spawn_blocking(move || mouth.ask(&events));
            asked.await.map_err(|error| error.to_string())?
        }
    };
    answers.resize(events.len(), Answer::Again("the process died".to_owned()));
    let mut again = Vec::new();
    for (said, answer) in events.into_iter().zip(answers) {
        match (answer.acked(), answer) {
            (Some(acked), _) => ledger.acknowledge(said.0, acked),
            (None, Answer::Never(why)) => return Err(format!("event {} is refused: {why}", said.0)),
            (None, _) => again.push(said),
        }
    }
    Ok(again)
}

fn direct(answer: Result<brainops_event::Position, brainops_log::AppendError>) -> Answer {
    match answer {
        Ok(position) => Answer::At { partition: position.partition.get(), offset: position.offset.get() },
        Err(error) if error.outcome() == Outcome::NeverThere => Answer::Never(error.to_string()),
        Err(error) => Answer::Again(error.to_string()),
    }
}
