//! The one place that reads SQLSTATE: what an error of the database means for who runs into it.

use sqlx::Error;

/// What can be done about an error of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// The same again later may succeed: a deadlock, a lost connection, a server that restarts, a full disk.
    Retry,
    /// The data breaks a rule of its table. Folds check their rows before, so the fold is at fault.
    FixFold,
    /// Statement, schema, rights or configuration are wrong; a person must look.
    FixInstallation,
}

/// What can be done about this error.
pub fn remedy(error: &Error) -> Remedy {
    match error {
        Error::Database(database) => of_code(database.code().as_deref().unwrap_or_default()),
        Error::Io(_) | Error::PoolTimedOut | Error::WorkerCrashed | Error::BeginFailed => Remedy::Retry,
        // A server that is killed may end in the middle of a message, or before TLS is agreed.
        Error::Protocol(_) | Error::Tls(_) => Remedy::Retry,
        _ => Remedy::FixInstallation,
    }
}

/// Whether the error says that somebody else holds a lock for too long.
pub fn is_lock_timeout(error: &Error) -> bool {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref() == Some("55P03")
}

/// Whether the error says that a view or function cannot be replaced by one of other columns or another type.
pub fn is_other_definition(error: &Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    matches!(code.as_deref(), Some("42P16" | "42P13"))
}

/// Whether the error says that a table or its schema is not there.
pub fn is_gone(error: &Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    matches!(code.as_deref(), Some("42P01" | "3F000"))
}

/// Whether the error says that something else depends on what was to be dropped.
pub fn has_dependents(error: &Error) -> bool {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref() == Some("2BP01")
}

/// Whether after this error of a COMMIT nobody knows if it was done. An error that the server itself reports about
/// the statement says that it was not; anything else may have cost us only the answer.
pub fn outcome_is_unknown(error: &Error) -> bool {
    match error {
        Error::Database(database) => {
            let code = database.code();
            let code = code.as_deref().unwrap_or_default();
            // 08007 says so itself; 57P: the backend was ended, perhaps after the commit record was written.
            code.starts_with("08") || code.starts_with("57P")
        }
        _ => true,
    }
}

fn of_code(code: &str) -> Remedy {
    match code {
        "57014" | "55P03" | "55006" | "25006" => Remedy::Retry, // cancelled, lock not had, object in use, a standby
        "25P03" | "25P04" => Remedy::Retry, // the transaction idled or lasted too long, as after a stopped process
        "57P04" => Remedy::FixInstallation, // the database was dropped
        _ => match code.get(..2).unwrap_or_default() {
            // connection, transaction rollback (deadlock, serialization), resources, operator, system
            "08" | "40" | "53" | "57" | "58" => Remedy::Retry,
            "22" | "23" | "54" => Remedy::FixFold, // data exception, integrity constraint, program limit
            _ => Remedy::FixInstallation,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_one_meaning() {
        let cases = [
            ("40P01", Remedy::Retry),           // deadlock
            ("40001", Remedy::Retry),           // serialization failure
            ("08006", Remedy::Retry),           // connection failure
            ("57P01", Remedy::Retry),           // admin shutdown
            ("57P03", Remedy::Retry),           // cannot connect now
            ("55P03", Remedy::Retry),           // lock not available
            ("53100", Remedy::Retry),           // disk full
            ("25P03", Remedy::Retry),           // idle in transaction for too long
            ("25P04", Remedy::Retry),           // transaction took too long
            ("57P04", Remedy::FixInstallation), // database dropped
            ("23505", Remedy::FixFold),         // unique violation
            ("23502", Remedy::FixFold),         // not null violation
            ("22021", Remedy::FixFold),         // character not in repertoire
            ("54000", Remedy::FixFold),         // index row too large
            ("42P01", Remedy::FixInstallation), // undefined table
            ("42501", Remedy::FixInstallation), // insufficient privilege
            ("28P01", Remedy::FixInstallation), // invalid password
            ("", Remedy::FixInstallation),
        ];
        for (code, expected) in cases {
            assert_eq!(of_code(code), expected, "{code}");
        }
    }

    #[test]
    fn a_lost_connection_leaves_a_commit_unknown() {
        let lost = Error::Io(std::io::ErrorKind::ConnectionReset.into());
        assert!(outcome_is_unknown(&lost));
        assert_eq!(remedy(&lost), Remedy::Retry);
        assert_eq!(remedy(&Error::PoolClosed), Remedy::FixInstallation);
    }
}
