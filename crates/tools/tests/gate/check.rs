//! What must hold of calls, whatever happened: looked at in the log and in what the acts have left.

use std::collections::BTreeMap;

use brainops_testkit::Stood;

/// What the log says of one call, in its order.
#[derive(Debug, Default)]
pub struct Told<'a> {
    pub tool: String,
    pub word: String,
    pub after: Vec<&'a Stood>,
}

const ENDS: [&str; 4] = ["tool.call.denied", "tool.call.completed", "tool.call.failed", "tool.call.unknown"];

/// Sorts what stands by calls.
pub fn by_call(stood: &[Stood]) -> BTreeMap<String, Told<'_>> {
    let mut calls: BTreeMap<String, Told<'_>> = BTreeMap::new();
    for one in stood {
        if one.event_type == "tool.call.requested" {
            let arguments = one.data["arguments"].as_str().unwrap_or_default();
            let arguments: serde_json::Value = serde_json::from_str(arguments).unwrap_or_default();
            let told = calls.entry(one.id.clone()).or_default();
            told.tool = one.data["tool"].as_str().unwrap_or_default().to_owned();
            told.word = arguments["word"].as_str().unwrap_or_default().to_owned();
        } else {
            calls
                .entry(one.data["call_id"].as_str().unwrap_or_default().to_owned())
                .or_default()
                .after
                .push(one);
        }
    }
    calls
}

/// Whether each call was done as its tool allows, recorded first, and ended once.
pub fn check(stood: &[Stood], lines: &[String]) -> Result<(), String> {
    for (id, told) in by_call(stood) {
        let is = |event_type: &str| told.after.iter().filter(|one| one.event_type == event_type).count();
        let acts = lines.iter().filter(|line| **line == told.word).count();
        let ends = told.after.iter().filter(|one| ENDS.contains(&one.event_type.as_str())).count();
        let started = is("tool.call.started");
        if ends != 1 {
            return Err(format!("call {id} has {ends} ends"));
        }
        if !told.after.last().is_some_and(|last| ENDS.contains(&last.event_type.as_str())) {
            return Err(format!("something is said of call {id} after its end"));
        }
        if acts > started {
            return Err(format!("call {id} acted {acts} times and was started {started} times"));
        }
        if told.tool == "probe.once" && acts > 1 {
            return Err(format!("call {id} acted {acts} times and must act once"));
        }
        if is("tool.call.completed") == 1 && acts == 0 {
            return Err(format!("call {id} is completed and has not acted"));
        }
        if is("tool.call.denied") == 1 && (acts > 0 || started > 0) {
            return Err(format!("call {id} is denied and was started"));
        }
    }
    Ok(())
}
