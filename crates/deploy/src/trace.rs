//! What a log says about where a program went wrong: places in its own files, and names of errors. The text of the log stays
//! where it is, since it may hold anything.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use serde::Serialize;

/// How many places are told at most.
const MAX_FRAMES: usize = 50;
/// How many names of errors are told at most.
const MAX_ERRORS: usize = 20;

/// Places and errors that a log names.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Trace {
    /// `file:line`, for files named relative to the service; the most frequent first, and of equals the one nearer to the error.
    pub frames: Vec<String>,
    /// Names of errors, such as `KeyError`; the most frequent first.
    pub errors: Vec<String>,
}

/// As Python has it: the call that failed comes last.
static PYTHON: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"^\s*File "([^"]+)", line (\d+)"#).ok());
/// As most others have it, such as `src/shop.rs:12:5`, `(shop.js:12:5)`, `Shop.java:12`: the call that failed comes first.
static OTHERS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?:^|[\s(@])([A-Za-z0-9_.][A-Za-z0-9_./-]*\.[A-Za-z]{1,5}):(\d+)\b").ok());
/// A name of an error, at the beginning of what it says.
static ERROR: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^(?:\S+: )?(?:[A-Za-z_]\w*\.)*([A-Z]\w{0,60}(?:Error|Exception|Panic|Fault))(?::|\s|$)").ok()
});

impl Trace {
    /// What these lines name.
    #[must_use]
    pub fn of<'a>(lines: impl IntoIterator<Item = &'a str>) -> Self {
        let (mut frames, mut errors, mut python) = (Counts::default(), Counts::default(), Vec::new());
        for line in lines {
            if let Some(frame) = place(&PYTHON, line) {
                python.push(frame);
                continue;
            }
            if let Some(name) = ERROR.as_ref().and_then(|pattern| pattern.captures(line)) {
                errors.add(name[1].to_owned());
            }
            if !line.starts_with(char::is_whitespace) {
                python.drain(..).rev().flatten().for_each(|frame| frames.add(frame));
            }
            if let Some(Some(frame)) = place(&OTHERS, line) {
                frames.add(frame);
            }
        }
        python.drain(..).rev().flatten().for_each(|frame| frames.add(frame));
        Self { frames: frames.most(MAX_FRAMES), errors: errors.most(MAX_ERRORS) }
    }
}

/// The place that a line names, if it names one; none within it where the file is not of the service.
fn place(pattern: &LazyLock<Option<Regex>>, line: &str) -> Option<Option<String>> {
    let found = pattern.as_ref()?.captures(line)?;
    let (file, number) = (found[1].trim_start_matches("./"), &found[2]);
    let is_foreign = file.starts_with(['/', '<']) || file.split('/').any(|part| part == "..");
    Some((!is_foreign).then(|| format!("{file}:{number}")))
}

#[derive(Default)]
struct Counts {
    order: Vec<String>,
    counts: BTreeMap<String, u64>,
}

impl Counts {
    fn add(&mut self, name: String) {
        if let Some(count) = self.counts.get_mut(&name) {
            *count += 1;
        } else {
            self.order.push(name.clone());
            self.counts.insert(name, 1);
        }
    }

    fn most(mut self, limit: usize) -> Vec<String> {
        let counts = self.counts;
        self.order.sort_by_key(|name| std::cmp::Reverse(counts.get(name).copied()));
        self.order.truncate(limit);
        self.order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> (Vec<String>, Vec<String>) {
        let Trace { frames, errors } = Trace::of(text.lines());
        (frames, errors)
    }

    #[test]
    fn a_trace_of_python_is_read_from_its_end() {
        let text = "listening on 8000\nTraceback (most recent call last):\n  File \"/usr/lib/python3.11/http/server.py\", line 424, in handle\n    \
                    method()\n  File \"app.py\", line 30, in do_GET\n    self.answer()\n  File \"shop/prices.py\", line 7, in price\n    return x[kim@example.com]\n\
                    KeyError: 'kim@example.com'\n";
        assert_eq!(
            of(text),
            (vec!["shop/prices.py:7".to_owned(), "app.py:30".to_owned()], vec!["KeyError".to_owned()])
        );
    }

    #[test]
    fn traces_of_others_are_read_from_their_beginning() {
        let rust =
            "thread 'main' panicked at src/prices.rs:12:5:\nindex out of bounds\n   at src/main.rs:3:9\n";
        assert_eq!(of(rust).0, ["src/prices.rs:12", "src/main.rs:3"]);
        let node = "TypeError: x is not a function\n    at price (lib/prices.js:4:7)\n    at /opt/node/internal.js:9:1\n";
        assert_eq!(of(node), (vec!["lib/prices.js:4".to_owned()], vec!["TypeError".to_owned()]));
        let java = "java.lang.NullPointerException: no price\n\tat shop.Prices.of(Prices.java:12)\n";
        assert_eq!(of(java), (vec!["Prices.java:12".to_owned()], vec!["NullPointerException".to_owned()]));
    }

    #[test]
    fn what_is_said_most_comes_first_and_what_is_no_place_is_left_out() {
        let text =
            "ValueError: a\nKeyError: b\nKeyError: c\nat 12:30:45 127.0.0.1:8000 ../up.py:3 said hello\n";
        assert_eq!(of(text), (vec![], vec!["KeyError".to_owned(), "ValueError".to_owned()]));
        assert_eq!(of(""), (vec![], vec![]));
    }
}
