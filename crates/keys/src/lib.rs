//! Keeps the keys of data subjects in one file, outside the log and outside Postgres.
//!
//! Begin with [`FileKeyStore::open`]; what it promises is written at [`KeyStore`](brainops_event::KeyStore).
//! Knows files; does not know Kafka, Postgres, HTTP, or what is sealed with its keys.

mod folder;
mod journal;
mod line;
mod ring;
mod store;

pub use store::FileKeyStore;
