//! Faults of what stands behind the doors, in words for the caller; the whole story goes to the log, once.
use brainops_event::{KeyError, error_chain};

use crate::problem::{FieldProblem, Kind, Problem};

/// Why something could not be sealed, for the caller; what concerns us only goes to the log.
pub fn key_problem(error: &KeyError) -> Problem {
    match error {
        KeyError::Destroyed(_) => {
            let found = "a subject whose key was destroyed";
            Problem::invalid(vec![FieldProblem::new("subject", "a data subject that was not erased", found)])
        }
        KeyError::Seal(_) => {
            Problem::invalid(vec![FieldProblem::new("text", "at most 16 MiB", "a longer text")])
        }
        KeyError::Unavailable { .. } => {
            tracing::error!(error = %error_chain(error), "the key store is away");
            Problem::new(Kind::Unavailable, "the key store is away")
        }
        _ => {
            tracing::error!(error = %error_chain(error), "the key store refuses to work");
            Problem::new(Kind::Internal, "the key store refuses to work")
        }
    }
}

/// Turns what Postgres says into an answer; nobody else here reads its codes.
pub fn database_problem(error: &sqlx::Error) -> Problem {
    if is_not_installed(error) {
        tracing::warn!(error = %error_chain(error), "a read model was asked for that is not installed");
        return Problem::new(Kind::Unavailable, "the read model is not installed yet");
    }
    match code(error).as_deref() {
        Some("57014") => Problem::new(Kind::Unavailable, "the question took longer than its limit"),
        // Also when the views were replaced since the query was prepared (0A000): the next try prepares it anew.
        None | Some("57P01" | "57P02" | "57P03" | "53300" | "40001" | "40P01" | "0A000") => {
            tracing::error!(error = %error_chain(error), "the read models are away");
            Problem::new(Kind::Unavailable, "the read models are away")
        }
        Some(_) => {
            tracing::error!(error = %error_chain(error), "a query failed");
            Problem::new(Kind::Internal, "the question could not be answered")
        }
    }
}

/// The same for a past moment, which may have been dropped while it was read.
pub fn moment_problem(error: &sqlx::Error) -> Problem {
    // A table, function, relation or schema that is gone, in the words of the planner or of what it had open.
    match code(error).as_deref() {
        Some("3F000" | "42P01" | "42883" | "XX000") => {
            tracing::info!(error = %error_chain(error), "a past moment was dropped while it was asked for");
            Problem::new(Kind::Unavailable, "the past moment was dropped a moment ago: ask again")
        }
        _ => database_problem(error),
    }
}

/// A read model that is not installed has no schema, no tables, or not yet its views.
pub fn is_not_installed(error: &sqlx::Error) -> bool {
    matches!(code(error).as_deref(), Some("3F000" | "42P01"))
}

fn code(error: &sqlx::Error) -> Option<String> {
    Some(error.as_database_error()?.code()?.into_owned())
}
