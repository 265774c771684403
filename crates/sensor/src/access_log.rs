//! Follows a file to which a proxy appends a line for each request that was answered.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use brainops_deploy::ServiceKey;
use brainops_event::Outgoing;
use chrono::{DateTime, TimeDelta, Utc};
use metrics::counter;
use serde::Deserialize;

use crate::config::{AccessLogConfig, Rule};
use crate::metrics as names;
use crate::run::{Blind, Causes, Sensor};
use crate::say::{self, Seen};
use crate::span::Span;

/// How far back is looked in a file that was there before, in bytes and in time. What is older was told, or is no news.
const BACK_BYTES: u64 = 8 * 1024 * 1024;
/// See [`BACK_BYTES`].
const BACK: TimeDelta = TimeDelta::minutes(10);
/// How much is read at a time: the rest is read at the next look.
const READ_BYTES: u64 = 64 * 1024 * 1024;

/// Follows a file.
pub(crate) struct AccessLog {
    key: ServiceKey,
    tail: Tail,
    rule: Rule,
    causes: Causes,
    /// Answers that are not told yet, by their span and deployment.
    counted: BTreeMap<Span, BTreeMap<Option<String>, Seen>>,
    told_through: Option<DateTime<Utc>>,
    telling: Option<DateTime<Utc>>,
}

/// A line.
#[derive(Debug, Deserialize)]
struct Line {
    at: DateTime<Utc>,
    status: u16,
    #[serde(default)]
    deployment_id: Option<String>,
}

impl AccessLog {
    pub(crate) fn new(config: AccessLogConfig, rule: Rule, causes: Causes) -> Self {
        let (key, rule) = (config.key(), config.rule.unwrap_or(rule));
        let tail = Tail::new(config.path);
        Self { key, tail, rule, causes, counted: BTreeMap::new(), told_through: None, telling: None }
    }

    fn count(&mut self, line: &str, span: Span) {
        let Ok(line) = serde_json::from_str::<Line>(line) else {
            counter!(names::UNREADABLE_TOTAL, "sensor" => Self::NAME).increment(1);
            return;
        };
        let length = (span.through - span.from).to_std().unwrap_or_default();
        let its_span = Span::of(line.at, length);
        let earliest = self.told_through.unwrap_or(span.through - BACK);
        if its_span.from < earliest {
            return; // it was told, or is no news
        }
        let seen = self.counted.entry(its_span).or_default().entry(line.deployment_id).or_default();
        seen.requests += 1;
        seen.errors += i64::from(line.status >= 500);
    }
}

impl Sensor for AccessLog {
    const NAME: &'static str = "access_log";

    fn key(&self) -> &ServiceKey {
        &self.key
    }

    async fn see(&mut self, span: Span) -> Result<Vec<Outgoing>, Blind> {
        for line in self.tail.lines()? {
            self.count(&line, span);
        }
        self.telling = Some(span.through);
        let over = self.counted.iter().filter(|(its, _)| its.through <= span.through);
        let samples =
            over.flat_map(|(its, seen)| seen.iter().map(move |(deployment, seen)| (its, deployment, seen)));
        let told = samples.map(|(its, deployment, seen)| {
            let deployment = deployment.as_deref();
            let cause = deployment.and_then(|deployment| self.causes.of(&self.key, deployment));
            say::sample(Self::NAME, &self.key, (deployment, cause.as_ref()), (*its, *seen), self.rule)
        });
        Ok(told.collect::<Result<_, _>>()?)
    }

    fn told(&mut self) {
        let Some(through) = self.telling.take() else { return };
        self.counted.retain(|span, _| span.through > through);
        self.told_through = Some(through);
    }
}

/// The end of a file that grows, and may be begun anew.
struct Tail {
    path: PathBuf,
    open: Option<(File, u64)>,
    /// What was read of a line that is not at its end.
    rest: Vec<u8>,
}

impl Tail {
    const fn new(path: PathBuf) -> Self {
        Self { path, open: None, rest: Vec::new() }
    }

    /// The lines that have come. A file that is not there yet has none.
    fn lines(&mut self) -> io::Result<Vec<String>> {
        if self.open.is_none() {
            self.open = open(&self.path, true)?;
        }
        let mut lines = self.read()?;
        if let Some((file, place)) = &self.open
            && is_another(&self.path, file, *place)?
        {
            self.open = open(&self.path, false)?;
            self.rest.clear();
            lines.extend(self.read()?);
        }
        Ok(lines)
    }

    fn read(&mut self) -> io::Result<Vec<String>> {
        let Some((file, place)) = &mut self.open else { return Ok(Vec::new()) };
        let begins_within = *place > 0 && self.rest.is_empty() && file.stream_position()? != *place;
        file.seek(SeekFrom::Start(*place))?;
        *place += file.take(READ_BYTES).read_to_end(&mut self.rest)? as u64;
        let end = self.rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |place| place + 1);
        let rest = self.rest.split_off(end);
        let whole = std::mem::replace(&mut self.rest, rest);
        let mut lines: Vec<String> = String::from_utf8_lossy(&whole).lines().map(str::to_owned).collect();
        if begins_within && !lines.is_empty() {
            lines.remove(0); // the end of a line whose beginning was not read
        }
        Ok(lines)
    }
}

/// Opens a file, at its end or nearly so where `is_old`.
fn open(path: &Path, is_old: bool) -> io::Result<Option<(File, u64)>> {
    match File::open(path) {
        Ok(file) => {
            let place = if is_old { file.metadata()?.len().saturating_sub(BACK_BYTES) } else { 0 };
            Ok(Some((file, place)))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the name leads to another file by now, or to one that was cut short.
fn is_another(path: &Path, file: &File, place: u64) -> io::Result<bool> {
    match std::fs::metadata(path) {
        Ok(now) => Ok(now.ino() != file.metadata()?.ino() || now.len() < place),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false), // the next one is not there yet
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::time::Duration;

    use super::*;

    fn append(path: &Path, text: &str) {
        let mut file = File::options().create(true).append(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn a_file_is_followed_over_its_end_and_its_successor() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        let mut tail = Tail::new(path.clone());
        assert!(tail.lines().unwrap().is_empty(), "it is not there yet");
        append(&path, "one\ntw");
        assert_eq!(tail.lines().unwrap(), ["one"]);
        append(&path, "o\n");
        assert_eq!(tail.lines().unwrap(), ["two"]);
        assert!(tail.lines().unwrap().is_empty());
        append(&path, "three\n");
        std::fs::rename(&path, folder.path().join("access.log.1")).unwrap();
        append(&path, "four\n");
        assert_eq!(tail.lines().unwrap(), ["three", "four"]);
        File::create(&path).unwrap();
        append(&path, "5\n");
        assert_eq!(tail.lines().unwrap(), ["5"]);
    }

    #[test]
    fn of_a_large_file_the_end_is_read_from_the_beginning_of_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        let line = format!("{}\n", "x".repeat(1_000));
        append(&path, &line.repeat(9_000));
        let lines = Tail::new(path).lines().unwrap();
        assert_eq!(lines.len(), 8 * 1024 * 1024 / 1_001);
        assert!(lines.iter().all(|line| line.len() == 1_000));
    }

    #[tokio::test]
    async fn answers_are_counted_by_span_and_deployment_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        let config = AccessLogConfig {
            service: "shop".to_owned(),
            environment: "eu".to_owned(),
            path: path.clone(),
            rule: None,
        };
        let mut log = AccessLog::new(config, Rule::default(), Causes::default());
        let at = |seconds: i64| DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap();
        let line = |seconds, status: u16, deployment: &str| {
            format!(
                "{{\"at\":\"{}\",\"status\":{status},\"deployment_id\":\"{deployment}\",\"ms\":3}}\n",
                at(seconds).to_rfc3339()
            )
        };
        append(&path, &line(-3_600, 500, "d-0"));
        append(&path, "no line\n");
        for (seconds, status, deployment) in
            [(0, 200, "d-1"), (4, 404, "d-1"), (4, 500, "d-1"), (4, 200, "d-2"), (6, 503, "d-2")]
        {
            append(&path, &line(seconds, status, deployment));
        }
        let span = |seconds| Span::of(at(seconds), Duration::from_secs(5));
        assert_eq!(log.see(span(0)).await.unwrap().len(), 2, "of two deployments, and nothing old");
        let again: Vec<Seen> = log.counted[&span(0)].values().copied().collect();
        assert_eq!(again, [Seen { requests: 3, errors: 1 }, Seen { requests: 1, errors: 0 }]);
        assert_eq!(log.see(span(0)).await.unwrap().len(), 2, "what is not told is seen again");
        log.told();
        assert_eq!(log.see(span(5)).await.unwrap().len(), 1);
        log.told();
        append(&path, &line(7, 500, "d-2"));
        assert!(log.see(span(10)).await.unwrap().is_empty(), "what comes too late is left out");
    }
}
