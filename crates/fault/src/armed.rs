//! The armed half: reads the environment once, counts passages, and strikes.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::sys::signal::{Signal, raise};

use crate::POINTS;
use crate::bug::Bug;

const FAULT: &str = "BRAINOPS_FAULT";
const PLANTED: &str = "BRAINOPS_PLANTED";

#[derive(Debug)]
struct Strike {
    point: String,
    at: u64,
    passed: AtomicU64,
    signal: Signal,
}

pub(crate) fn point(name: &'static str) {
    static STRIKES: OnceLock<Vec<Strike>> = OnceLock::new();
    let strikes = STRIKES.get_or_init(|| match std::env::var(FAULT) {
        Ok(text) => strikes(&text).unwrap_or_else(|wrong| end(FAULT, &wrong)),
        Err(_) => Vec::new(),
    });
    if !POINTS.contains(&name) {
        end(FAULT, &format!("the point {name:?} is not listed"));
    }
    for strike in strikes.iter().filter(|strike| strike.point == name) {
        if strike.passed.fetch_add(1, Ordering::Relaxed) + 1 == strike.at {
            // To this thread and not to the process, of which any thread could take it while this one goes past the point.
            if let Err(error) = raise(strike.signal) {
                end(FAULT, &format!("no signal can be sent: {error}"));
            }
        }
    }
}

pub(crate) fn planted(bug: Bug) -> bool {
    static CHOSEN: OnceLock<Option<Bug>> = OnceLock::new();
    let chosen = CHOSEN.get_or_init(|| {
        let name = std::env::var(PLANTED).ok().filter(|name| !name.is_empty())?;
        let found = Bug::ALL.into_iter().find(|bug| bug.name() == name);
        Some(found.unwrap_or_else(|| end(PLANTED, &format!("there is no bug {name:?}"))))
    });
    *chosen == Some(bug)
}

fn strikes(text: &str) -> Result<Vec<Strike>, String> {
    text.split(',').filter(|part| !part.is_empty()).map(strike).collect()
}

fn strike(text: &str) -> Result<Strike, String> {
    let wrong = || format!("{text:?} is not <point>[@<n>]=<kill|stop>");
    let (place, signal) = text.split_once('=').ok_or_else(wrong)?;
    let (point, at) = match place.split_once('@') {
        Some((point, at)) => (point, at.parse().ok().filter(|at| *at > 0).ok_or_else(wrong)?),
        None => (place, 1),
    };
    let signal = match signal {
        "kill" => Signal::SIGKILL,
        "stop" => Signal::SIGSTOP,
        _ => return Err(wrong()),
    };
    if !POINTS.contains(&point) {
        return Err(format!("there is no point {point:?}"));
    }
    Ok(Strike { point: point.to_owned(), at, passed: AtomicU64::new(0), signal })
}

#[allow(clippy::print_stderr, reason = "the last words of a test's process")]
fn end(variable: &str, wrong: &str) -> ! {
    eprintln!("{variable}: {wrong}");
    std::process::exit(70);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strike_names_a_point_a_passage_and_a_signal() {
        let all = strikes("projection.begun=kill,relay.sent@12=stop").unwrap();
        let read: Vec<_> = all.iter().map(|one| (one.point.as_str(), one.at, one.signal)).collect();
        assert_eq!(read, [("projection.begun", 1, Signal::SIGKILL), ("relay.sent", 12, Signal::SIGSTOP)]);
        for wrong in
            ["projection.begun", "nowhere=kill", "relay.sent@0=kill", "relay.sent=maim", "relay.sent@x=kill"]
        {
            assert!(strikes(wrong).is_err(), "{wrong}");
        }
    }
}
