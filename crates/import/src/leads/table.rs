//! Reads a lead list from CSV: comma, UTF-8, a header line. Either every line is right or all that is wrong is told.

use std::collections::HashMap;
use std::path::Path;

use csv::{ByteRecord, ReaderBuilder, Trim};

use super::error::{BadLine, LeadsError};
use super::line::{COLUMNS, Lead, REQUIRED, lead};

/// The largest list that is held in memory, in bytes.
pub const FILE_BYTES: u64 = 64 * 1024 * 1024;

/// Reads the list in a file.
pub(super) fn read(path: &Path) -> Result<Vec<Lead>, LeadsError> {
    let unreadable = |source| LeadsError::Unreadable { path: path.to_owned(), source };
    let bytes = std::fs::metadata(path).map_err(unreadable)?.len();
    if bytes > FILE_BYTES {
        return Err(LeadsError::TooLarge { path: path.to_owned(), bytes, limit: FILE_BYTES });
    }
    parse(&std::fs::read(path).map_err(unreadable)?)
}

/// Reads the list in `bytes`.
pub(super) fn parse(bytes: &[u8]) -> Result<Vec<Lead>, LeadsError> {
    // A spreadsheet's byte order mark is no part of the first column's name.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = ReaderBuilder::new().trim(Trim::All).flexible(true).from_reader(bytes);
    let header = reader.byte_headers().map_err(|error| header_refused(&error.to_string()))?.clone();
    let columns = columns_of(&header)?;
    let mut table = Table { columns, leads: Vec::new(), bad: Vec::new(), seen: HashMap::new() };
    let mut record = ByteRecord::new();
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(true) => table.take(&record),
            Ok(false) => break,
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                table.bad.push(BadLine { line, column: None, problem: error.to_string() });
                break; // what follows a broken record cannot be told apart
            }
        }
    }
    if table.bad.is_empty() { Ok(table.leads) } else { Err(LeadsError::BadLines(table.bad)) }
}

struct Table {
    columns: Vec<&'static str>,
    leads: Vec<Lead>,
    bad: Vec<BadLine>,
    /// Line on which each address stood first.
    seen: HashMap<String, u64>,
}

impl Table {
    fn take(&mut self, record: &ByteRecord) {
        let line = record.position().map_or(0, csv::Position::line);
        if let Err(problem) = self.fields(record).and_then(|fields| self.take_fields(line, &fields)) {
            self.bad.push(BadLine { line, column: None, problem });
        }
    }

    fn fields<'a>(&self, record: &'a ByteRecord) -> Result<Vec<&'a str>, String> {
        if record.len() != self.columns.len() {
            return Err(format!("has {} fields, the header has {}", record.len(), self.columns.len()));
        }
        let text =
            |field| std::str::from_utf8(field).map_err(|_| "is no UTF-8; save the list as UTF-8".to_owned());
        record.iter().map(text).collect()
    }

    fn take_fields(&mut self, line: u64, fields: &[&str]) -> Result<(), String> {
        let columns = &self.columns;
        let field = |wanted: &str| {
            let at = columns.iter().position(|column| *column == wanted)?;
            fields.get(at).copied().filter(|text| !text.is_empty())
        };
        match lead(&field) {
            Ok(lead) => self.keep(line, lead),
            Err(problems) => {
                let bad = |(column, problem)| BadLine { line, column: Some(column), problem };
                self.bad.extend(problems.into_iter().map(bad));
            }
        }
        Ok(())
    }

    fn keep(&mut self, line: u64, lead: Lead) {
        if let Some(first) = self.seen.get(&lead.email) {
            let problem = format!("is the address of line {first} too; one line each");
            self.bad.push(BadLine { line, column: Some("email"), problem });
            return;
        }
        self.seen.insert(lead.email.clone(), line);
        self.leads.push(lead);
    }
}

fn columns_of(header: &ByteRecord) -> Result<Vec<&'static str>, LeadsError> {
    let mut columns = Vec::new();
    for field in header {
        let name = String::from_utf8_lossy(field);
        let Some(column) = COLUMNS.iter().find(|column| **column == name) else {
            return Err(header_refused(&format!("column {name:?} is unknown")));
        };
        if columns.contains(column) {
            return Err(header_refused(&format!("column {name:?} stands there twice")));
        }
        columns.push(*column);
    }
    match COLUMNS[..REQUIRED].iter().find(|required| !columns.contains(required)) {
        Some(missing) => Err(header_refused(&format!("column {missing:?} is missing"))),
        None => Ok(columns),
    }
}

fn header_refused(reason: &str) -> LeadsError {
    let mark = |(at, column): (usize, &&str)| match at < REQUIRED {
        true => format!("{column} (required)"),
        false => (*column).to_owned(),
    };
    let accepted: Vec<String> = COLUMNS.iter().enumerate().map(mark).collect();
    LeadsError::Header { reason: reason.to_owned(), accepted: accepted.join(", ") }
}
