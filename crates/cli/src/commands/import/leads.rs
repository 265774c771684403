//! `brainops import leads`

use std::path::PathBuf;

use anyhow::Context as _;
use brainops_event::Source;
use brainops_import::leads::LeadList;
use brainops_keys::FileKeyStore;
use clap::Args;
use serde_json::Value;

use crate::appending::Patience;
use crate::importing::{Importable, Sink};

/// Imports a list of leads and what became of them, from CSV.
///
/// Names and addresses are sealed, each under its lead's key. The list is imported whole or not at all: every bad line is told
/// with its column and what is accepted. Importing again appends what is new and nothing twice.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  brainops import leads examples/leads.csv\n\nColumns: email, channel, discovered_at (required), \
                        name, company, qualified_at, score,\noutreach_sent_at, replied_at, demo_at, won_at, lost_at, disqualified_at, \
                        amount, currency.\nTimes are 2026-01-31T10:00:00Z or 2026-01-31, amounts are in major units (1234.50)."
)]
pub struct Arguments {
    /// The file.
    file: PathBuf,

    /// Name of the list, part of the source of its events; by default the file's name without its ending.
    #[arg(long, value_name = "NAME")]
    list: Option<String>,

    #[command(flatten)]
    patience: Patience,
}

pub fn open(Arguments { file, list, patience }: Arguments) -> anyhow::Result<(Patience, LeadList)> {
    let list = LeadList::open(&file, list.as_deref()).context("the lead list cannot be imported")?;
    Ok((patience, list))
}

impl Importable for LeadList {
    fn source(&self) -> &Source {
        LeadList::source(self)
    }

    fn read(self: Box<Self>, keys: &FileKeyStore, sink: &mut Sink) -> anyhow::Result<Value> {
        let mut events = self.events(keys);
        sink.expect(events.total())?;
        for event in events.by_ref() {
            sink.take(event?)?;
        }
        Ok(serde_json::to_value(events.report())?)
    }
}
