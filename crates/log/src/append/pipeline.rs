//! Many events on their way at once, answered for in order.
use std::collections::VecDeque;
use std::sync::Arc;

use brainops_event::Outgoing;

use super::producer::Producer;
use super::{AppendError, Appended, Appender, Sent};

/// How many events of one call may be on their way at once.
const ON_THE_WAY: usize = 1000;

pub(super) struct Pipeline<'a> {
    appender: &'a Appender,
    /// The same for the whole call: once it has ended, nothing of this call is sent behind what failed.
    producer: Arc<Producer>,
    on_the_way: VecDeque<Result<Sent, AppendError>>,
    answers: Vec<Result<Appended, AppendError>>,
    failed: bool,
}

impl<'a> Pipeline<'a> {
    pub(super) fn new(appender: &'a Appender, events: usize) -> Pipeline<'a> {
        Pipeline {
            appender,
            producer: appender.producer(),
            on_the_way: VecDeque::new(),
            answers: Vec::with_capacity(events),
            failed: false,
        }
    }

    /// Sends an event, after waiting for earlier ones where the line or the queue is full.
    pub(super) async fn take(&mut self, event: Outgoing) {
        if self.on_the_way.len() >= ON_THE_WAY {
            self.wait_for_first().await;
        }
        let mut sent = self.send(event).await;
        while let Err(AppendError::QueueFull(event)) = sent {
            if !self.wait_for_first().await {
                sent = Err(AppendError::QueueFull(event)); // it is full of others' events: the caller's to wait
                break;
            }
            sent = self.send(*event).await;
        }
        self.on_the_way.push_back(sent);
    }

    pub(super) async fn finish(mut self) -> Vec<Result<Appended, AppendError>> {
        while self.wait_for_first().await {}
        self.answers
    }

    async fn send(&self, event: Outgoing) -> Result<Sent, AppendError> {
        if self.failed {
            return Err(AppendError::NotSent(None));
        }
        let ready = self.appender.prepare(event).await?;
        self.appender.send(&self.producer, ready)
    }

    /// Notes the answer for the earliest event on its way; false when there is none.
    async fn wait_for_first(&mut self) -> bool {
        let Some(first) = self.on_the_way.pop_front() else { return false };
        let answer = match first {
            Ok(sent) => {
                let answer = self.appender.wait(sent).await;
                self.failed |= answer.is_err();
                answer
            }
            Err(error) => Err(error),
        };
        self.answers.push(answer);
        true
    }
}
