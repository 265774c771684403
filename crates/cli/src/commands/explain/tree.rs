//! Events and what caused them, as a tree. Pure.

use std::collections::{BTreeMap, BTreeSet};

use brainops_event::{Timestamp, format_timestamp};
use serde::Serialize;

/// An event of a flow.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Node {
    pub id: String,
    pub source: String,
    #[serde(rename = "type")]
    pub event_type: String,
    pub subject: String,
    pub position: String,
    pub causation_id: Option<String>,
    #[serde(serialize_with = "time")]
    pub recorded_at: Timestamp,
}

fn time<S: serde::Serializer>(at: &Timestamp, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(&format_timestamp(at))
}

/// The events of a flow, and who caused whom.
#[derive(Debug)]
pub struct Tree {
    nodes: Vec<Node>,
    /// Places of what each has caused, in the order of the log.
    effects: BTreeMap<usize, Vec<usize>>,
    /// Places of those whose cause is not here.
    roots: Vec<usize>,
}

impl Tree {
    /// Of events in the order in which they were recorded. An event names its cause by id alone; where several sources have
    /// that id, the latest that was recorded before it is meant.
    pub fn of(nodes: Vec<Node>) -> Self {
        let mut by_id: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (place, node) in nodes.iter().enumerate() {
            by_id.entry(&node.id).or_default().push(place);
        }
        let (mut effects, mut roots): (BTreeMap<usize, Vec<usize>>, _) = (BTreeMap::new(), Vec::new());
        for (place, node) in nodes.iter().enumerate() {
            let known = node.causation_id.as_ref().and_then(|cause| by_id.get(cause.as_str()));
            // Of two partitions, the one with the cause may come second within a millisecond.
            let before = |cause: &&usize| **cause != place && nodes[**cause].recorded_at <= node.recorded_at;
            match known.and_then(|places| places.iter().rev().find(before)) {
                Some(cause) => effects.entry(*cause).or_default().push(place),
                None => roots.push(place),
            }
        }
        Self { nodes, effects, roots }
    }

    /// All events with the places of what they have caused, for programs.
    pub fn edges(&self) -> impl Iterator<Item = (&Node, Option<&Node>)> {
        let causes: BTreeMap<usize, usize> =
            self.effects.iter().flat_map(|(cause, all)| all.iter().map(|effect| (*effect, *cause))).collect();
        let cause = move |place: usize| causes.get(&place).and_then(|cause| self.nodes.get(*cause));
        self.nodes.iter().enumerate().map(move |(place, node)| (node, cause(place)))
    }

    /// As lines for people; `marked` is the id of the event that was asked for.
    pub fn text(&self, marked: &str) -> String {
        let (mut text, mut shown) = (String::new(), BTreeSet::new());
        // Within a millisecond a circle may have no beginning: whoever was not reached begins one.
        for root in self.roots.iter().copied().chain(0..self.nodes.len()) {
            self.branch(root, (String::new(), ""), marked, (&mut text, &mut shown));
        }
        text
    }

    /// One event and, below it, what it has caused; each is shown once.
    fn branch(
        &self,
        place: usize,
        (before, joint): (String, &str),
        marked: &str,
        (text, shown): (&mut String, &mut BTreeSet<usize>),
    ) {
        let Some(node) = self.nodes.get(place).filter(|_| shown.insert(place)) else { return };
        let since = self.since_cause(node);
        let mark = if node.id == marked { "  <-- this one" } else { "" };
        let Node { event_type, subject, position, .. } = node;
        text.push_str(&format!("{before}{joint}{event_type}  {subject}  {since}({position}){mark}\n"));
        let below = match joint {
            "" => before,
            "└─ " => before + "   ",
            _ => before + "│  ",
        };
        let effects = self.effects.get(&place).map(Vec::as_slice).unwrap_or_default();
        for (number, effect) in effects.iter().enumerate() {
            let joint = if number + 1 == effects.len() { "└─ " } else { "├─ " };
            self.branch(*effect, (below.clone(), joint), marked, (&mut *text, &mut *shown));
        }
    }

    /// How long after its cause an event was recorded; when, where no cause is known.
    fn since_cause(&self, node: &Node) -> String {
        let cause = node.causation_id.as_ref().and_then(|id| self.nodes.iter().find(|other| other.id == *id));
        match cause {
            Some(cause) => {
                let seconds = (node.recorded_at - cause.recorded_at).as_seconds_f64();
                format!("+{} ", crate::overview::duration(seconds.max(0.0)))
            }
            None => format!("{} ", format_timestamp(&node.recorded_at)),
        }
    }

    /// As a graph in the language of Graphviz.
    pub fn dot(&self, marked: &str) -> String {
        let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        let mut text = String::from("digraph flow {\n  node [shape=box];\n");
        let mut named = BTreeSet::new();
        for (node, cause) in self.edges() {
            if named.insert(&node.position) {
                let label = quoted(&format!("{}\n{}", node.event_type, node.subject)).replace('\n', "\\n");
                let style = if node.id == marked { ", style=bold" } else { "" };
                text.push_str(&format!("  {} [label={label}{style}];\n", quoted(&node.position)));
            }
            if let Some(cause) = cause {
                text.push_str(&format!("  {} -> {};\n", quoted(&cause.position), quoted(&node.position)));
            }
        }
        text.push_str("}\n");
        text
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};

    use super::*;

    fn node(number: i64, id: &str, cause: Option<&str>) -> Node {
        Node {
            id: id.to_owned(),
            source: "tests".to_owned(),
            event_type: format!("type.{id}"),
            subject: "about \"x\"".to_owned(),
            position: format!("brainops.agent/0@{number}"),
            causation_id: cause.map(str::to_owned),
            recorded_at: DateTime::UNIX_EPOCH + TimeDelta::seconds(number),
        }
    }

    #[test]
    fn effects_stand_below_their_causes_and_strangers_begin_anew() {
        let tree = Tree::of(vec![
            node(0, "a", None),
            node(1, "b", Some("a")),
            node(2, "c", Some("b")),
            node(3, "d", Some("a")),
            node(4, "e", Some("elsewhere")),
        ]);
        let lines: Vec<String> = tree
            .text("c")
            .lines()
            .map(|line| line.replace("about \"x\"  ", "").replace("brainops.agent/0", ""))
            .collect();
        assert_eq!(
            lines,
            [
                "type.a  1970-01-01T00:00:00.000Z (@0)",
                "├─ type.b  +1.0 s (@1)",
                "│  └─ type.c  +1.0 s (@2)  <-- this one",
                "└─ type.d  +3.0 s (@3)",
                "type.e  1970-01-01T00:00:04.000Z (@4)",
            ]
        );
    }

    #[test]
    fn a_circle_of_ids_ends() {
        let tree = Tree::of(vec![node(0, "a", Some("b")), node(1, "b", Some("a")), node(2, "a", Some("b"))]);
        assert_eq!(tree.text("a").lines().count(), 3);
    }

    #[test]
    fn a_graph_quotes_what_it_names() {
        let dot = Tree::of(vec![node(0, "a", None), node(1, "b", Some("a"))]).dot("b");
        assert!(dot.contains("label=\"type.a\\nabout \\\"x\\\"\""), "{dot}");
        assert!(dot.contains("\"brainops.agent/0@0\" -> \"brainops.agent/0@1\";"), "{dot}");
    }
}
