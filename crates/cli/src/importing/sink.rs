//! The way from the thread that reads a history to the task that appends it: bounded, so that reading waits for the
//! log.

use brainops_event::Outgoing;
use tokio::sync::mpsc;

/// So many events wait between the two at most.
const WAITING: usize = 256;

/// The appending side has stopped and wants no more.
#[derive(Debug, thiserror::Error)]
#[error("the import was stopped")]
pub struct ReaderStopped;

/// What comes from the reader.
#[derive(Debug)]
pub(super) enum Message {
    /// How many events there will be.
    Total(u64),
    /// The next event.
    Event(Box<Outgoing>),
}

/// Takes the events of a history.
#[derive(Debug)]
pub struct Sink(mpsc::Sender<Message>);

impl Sink {
    /// Says how many events there will be, for the progress bar.
    pub fn expect(&mut self, total: u64) -> Result<(), ReaderStopped> {
        self.send(Message::Total(total))
    }

    /// Takes the next event; waits while too many are on their way.
    pub fn take(&mut self, event: Outgoing) -> Result<(), ReaderStopped> {
        self.send(Message::Event(Box::new(event)))
    }

    fn send(&mut self, message: Message) -> Result<(), ReaderStopped> {
        self.0.blocking_send(message).map_err(|_| ReaderStopped)
    }
}

pub(super) fn channel() -> (Sink, mpsc::Receiver<Message>) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (Sink(sender), receiver)
}
