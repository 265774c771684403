//! Keys of data subjects in a file outside the log and outside Postgres.
