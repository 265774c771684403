//! Spans of the log in which nobody is concerned: an agent reads back what it has said itself, and only its checkpoints have to
//! move past it. That is put off until the next batch, whose transaction moves them anyway, and a little while at most. Pure.

use std::time::{Duration, Instant};

use brainops_log::Span;

/// How long it is put off at most.
const LIMIT: Duration = Duration::from_millis(100);

/// What was put off.
#[derive(Debug, Default)]
pub(crate) struct PutOff {
    spans: Vec<Span>,
    since: Option<Instant>,
}

impl PutOff {
    /// When it has to be done.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.since.map(|since| since + LIMIT)
    }

    /// Whether all of these spans begin where what was put off of their partitions ends.
    pub(crate) fn goes_on_with(&self, spans: &[Span]) -> bool {
        spans.iter().all(|span| self.known(span).is_none_or(|place| self.spans[place].through == span.from))
    }

    /// Puts off these as well, which go on where those before end.
    pub(crate) fn add(&mut self, spans: &[Span]) {
        self.since.get_or_insert_with(Instant::now);
        for span in spans {
            match self.known(span) {
                Some(place) => self.spans[place] = joined(&self.spans[place], span),
                None => self.spans.push(span.clone()),
            }
        }
    }

    /// Everything that was put off, and these, which go on where it ends.
    pub(crate) fn take_with(&mut self, spans: &[Span]) -> Vec<Span> {
        self.add(spans);
        self.since = None;
        std::mem::take(&mut self.spans)
    }

    fn known(&self, span: &Span) -> Option<usize> {
        self.spans.iter().position(|one| one.partition == span.partition && one.topic == span.topic)
    }
}

/// One span and the next as one.
fn joined(first: &Span, next: &Span) -> Span {
    Span { from: first.from, previous_digest: first.previous_digest, ..next.clone() }
}

#[cfg(test)]
mod tests {
    use brainops_event::{Offset, Partition, Timestamp, TopicId, TopicName};
    use brainops_log::RecordDigest;

    use super::*;

    fn span(partition: i32, from: i64, through: i64) -> Span {
        let digest = |offset: i64| RecordDigest::from([u8::try_from(offset).unwrap(); 16]);
        Span {
            topic: TopicName::new("brainops.saga").unwrap(),
            topic_id: TopicId::new("id").unwrap(),
            partition: Partition::new(partition).unwrap(),
            from: Offset::new(from).unwrap(),
            through: Offset::new(through).unwrap(),
            previous_digest: Some(digest(from)),
            last_digest: digest(through),
            last_recorded_at: Timestamp::default(),
            log_end: None,
        }
    }

    #[test]
    fn spans_that_go_on_are_one_and_what_does_not_go_on_is_seen() {
        let mut put_off = PutOff::default();
        assert!(put_off.due().is_none() && put_off.take_with(&[]).is_empty());
        put_off.add(&[span(0, 0, 4), span(1, 7, 9)]);
        put_off.add(&[span(0, 4, 6)]);
        assert!(put_off.due().is_some());
        assert!(put_off.goes_on_with(&[span(0, 6, 8), span(2, 1, 2)]));
        assert!(!put_off.goes_on_with(&[span(1, 7, 8)]), "read again");
        let all = put_off.take_with(&[span(0, 6, 8), span(2, 1, 2)]);
        assert_eq!(all, [span(0, 0, 8), span(1, 7, 9), span(2, 1, 2)]);
        assert!(put_off.due().is_none() && put_off.goes_on_with(&[span(1, 7, 8)]));
    }
}
