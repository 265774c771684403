//! What is printed: a line per scenario, and tables.

use std::time::Duration;

use brainops_fault::Bug;

use crate::judge::Violation;

/// How one run of a scenario went.
#[derive(Debug, Clone)]
pub struct Line {
    /// Row and name.
    pub title: String,
    /// What was planted.
    pub bug: Option<Bug>,
    /// The seed.
    pub seed: u64,
    /// How many events were acknowledged.
    pub events: u64,
    /// What did not hold.
    pub violations: Vec<Violation>,
    /// Why it could not be played to its end, if it could not.
    pub trouble: Option<String>,
    /// Whether nobody could play it here, and why.
    pub passed_over: Option<String>,
    /// How long the read model took to the end of the log once the fault was over.
    pub recovered_in: Option<Duration>,
    /// How long it took altogether.
    pub took: Duration,
}

impl Line {
    /// Whether it went as it must: nothing violated, or with a planted bug something.
    pub fn is_good(&self) -> bool {
        match self.bug {
            _ if self.passed_over.is_some() => true,
            None => self.violations.is_empty() && self.trouble.is_none(),
            Some(_) => !self.violations.is_empty(),
        }
    }

    /// The invariants that did not hold, by name.
    pub fn red(&self) -> String {
        let mut names: Vec<String> =
            self.violations.iter().map(|violation| format!("{:?}", violation.invariant)).collect();
        names.sort();
        names.dedup();
        names.join(" ")
    }

    /// The one line that everybody gets.
    pub fn text(&self) -> String {
        let recovered = self.recovered_in.map_or("-".to_owned(), |time| format!("{:.1}", time.as_secs_f64()));
        let verdict = match (&self.passed_over, self.is_good()) {
            (Some(why), _) => format!("NOT PLAYED HERE ({why})"),
            (None, true) => "good".to_owned(),
            (None, false) => "BAD".to_owned(),
        };
        format!(
            "{verdict:<4} | {} | seed {} | {} events | {} violations {} | recovered in {recovered} s | {:.1} s",
            self.title,
            self.seed,
            self.events,
            self.violations.len(),
            self.red(),
            self.took.as_secs_f64()
        )
    }

    /// For `scripts/soak`: the same as fields with tabs between.
    pub fn fields(&self) -> String {
        let recovered = self.recovered_in.map_or(String::new(), |time| format!("{:.2}", time.as_secs_f64()));
        let state = match (&self.passed_over, self.is_good()) {
            (Some(_), _) => "passed-over",
            (None, true) => "good",
            (None, false) => "bad",
        };
        let bug = self.bug.map_or("", Bug::name);
        let (violations, red) = (self.violations.len(), self.red());
        format!(
            "{}\t{bug}\t{}\t{}\t{violations}\t{red}\t{recovered}\t{state}",
            self.title, self.seed, self.events
        )
    }
}

/// The planted bugs, as a table in Markdown.
pub fn table(lines: &[Line]) -> String {
    let mut text = String::from("\n| planted | scenario | red | green without it |\n|---|---|---|---|\n");
    for line in lines.iter().filter(|line| line.bug.is_some()) {
        let bug = line.bug.map_or("", Bug::name);
        let scenario = line.title.split_once(": ").map_or(line.title.as_str(), |(_, name)| name);
        let same = lines.iter().filter(|other| other.bug.is_none() && other.title.ends_with(scenario));
        let green = same.map(|other| if other.is_good() { "yes" } else { "NO" }).next().unwrap_or("-");
        let red = if line.violations.is_empty() { "NOT SEEN".to_owned() } else { line.red() };
        text.push_str(&format!("| {bug} | {scenario} | {red} | {green} |\n"));
    }
    text
}
