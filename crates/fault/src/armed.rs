//! The armed half: reads the environment once, counts passages, and strikes.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};

use crate::POINTS;
use crate::bug::Bug;

const FAULT: &str = "BRAINOPS_FAULT";
const PLANTED: &str = "BRAINOPS_PLANTED";

/// How long the thread that passes the point stands there, so that the signal takes hold of the whole process first.
const TO_TAKE_HOLD: Duration = Duration::from_millis(50);

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
            if let Err(error) = kill_process(getpid(), strike.signal) {
                end(FAULT, &format!("no signal can be sent: {error}"));
            }
            // Any thread may be the one that takes the signal, and this one would go past the point meanwhile.
            std::thread::sleep(TO_TAKE_HOLD);
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
        "kill" => Signal::KILL,
        "stop" => Signal::STOP,
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
        assert_eq!(read, [("projection.begun", 1, Signal::KILL), ("relay.sent", 12, Signal::STOP)]);
        for wrong in
            ["projection.begun", "nowhere=kill", "relay.sent@0=kill", "relay.sent=maim", "relay.sent@x=kill"]
        {
            assert!(strikes(wrong).is_err(), "{wrong}");
        }
    }
}
