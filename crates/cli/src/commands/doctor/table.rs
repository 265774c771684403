//! The findings for people.

use comfy_table::{ContentArrangement, LineStyle, Table, TableStyle};

use super::finding::{Finding, Level};

/// One line, under the header.
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// A table of what was found, and below it what to do.
pub fn text(findings: &[Finding], level: Level) -> String {
    let mut table = Table::new();
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["check", "state", "found"]);
    for finding in findings {
        table.add_row([finding.check, state(finding.level), &finding.found]);
    }
    let mut text = if findings.is_empty() { String::new() } else { format!("{table}\n") };
    let mut last = None;
    for (finding, advice) in findings.iter().filter_map(|one| Some((one, one.advice.as_ref()?))) {
        if last.is_none() {
            text.push_str("\nwhat to do\n");
        }
        // Findings of one kind have one remedy: it is said once.
        if last != Some((finding.check, advice)) {
            text.push_str(&format!("  {}: {advice}\n", finding.check));
        }
        last = Some((finding.check, advice));
    }
    text.push_str(verdict(level));
    text
}

fn state(level: Level) -> &'static str {
    match level {
        Level::Ok => "ok",
        Level::Unknown => "unknown",
        Level::Warning => "warning",
        Level::Error => "ERROR",
    }
}

fn verdict(level: Level) -> &'static str {
    match level {
        Level::Ok => "\nall is well\n",
        Level::Unknown => "\nno error was seen, but not everything could be looked at\n",
        Level::Warning => "\neverything works; what is a warning wants to be looked at\n",
        Level::Error => "\nsomething is wrong\n",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_remedy_is_said_once() {
        let missing = |topic: &str| Finding::error("topics", format!("{topic} is missing"), "run init");
        let text = text(&[Finding::ok("kafka", "1 broker"), missing("a"), missing("b")], Level::Error);
        assert_eq!(text.matches("topics: run init").count(), 1, "{text}");
        for part in ["a is missing", "b is missing", "ERROR", "something is wrong"] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    }
}
