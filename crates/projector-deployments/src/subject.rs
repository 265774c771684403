//! Holds an event to its subject: a row whose key comes from the body must still have that subject as its one writer.

use brainops_event::Recorded;
use brainops_projection::FoldError;

/// Refuses an event whose subject is not these parts, one after another.
pub(crate) fn require_subject(event: &Recorded<'_>, parts: &[&str]) -> Result<(), FoldError> {
    let subject = event.envelope.subject().ok_or_else(|| FoldError::refused("it has no subject"))?;
    let rest = parts.iter().try_fold(subject, |rest, part| rest.strip_prefix(part));
    match rest {
        Some("") => Ok(()),
        _ => Err(FoldError::refused(format!("its data belongs to the subject {}", parts.concat()))),
    }
}
