//! What callers say about tasks, field by field.
use std::time::Duration;

use brainops_event::Timestamp;
use brainops_task::{Claim, Decider, FieldError, Kind, Lease, Outcome, TaskName, Worker};
use serde_json::Value;

use crate::object::Object;
use crate::problem::FieldProblem;

/// The most seconds that are a number of them: a hundred years.
const MAX_SECONDS: f64 = 3.2e9;

/// The body as JSON.
pub fn document(body: &[u8]) -> Result<Value, FieldProblem> {
    serde_json::from_slice(body).map_err(|_| FieldProblem::new("body", "JSON", "something else"))
}

/// `{"kinds": ["review"], "worker": "reviewer-7", "lease_seconds": 300}`
pub fn claim(document: &Value) -> Result<(Vec<Kind>, Worker, Lease), FieldProblem> {
    let root = Object::root(document)?;
    root.only(&["kinds", "worker", "lease_seconds"])?;
    let kinds = document.get("kinds").and_then(Value::as_array).filter(|kinds| !kinds.is_empty());
    let kinds = kinds.ok_or_else(|| root.wrong("kinds", "1 to 32 kinds of tasks", "something else"))?;
    let kind = |kind: &Value| {
        let text = kind.as_str().ok_or_else(|| root.wrong("kinds", "an array of text", "something else"))?;
        Kind::new(text).map_err(|error| field("kinds", &error))
    };
    let kinds = kinds.iter().map(kind).collect::<Result<_, _>>()?;
    let worker = Worker::new(root.text("worker")?).map_err(|error| field("worker", &error))?;
    Ok((kinds, worker, lease(document, &root)?))
}

/// `{"source": ..., "id": ..., "epoch": 1, "lease_seconds": 300}`
pub fn renew(document: &Value) -> Result<(Claim, Lease), FieldProblem> {
    let root = Object::root(document)?;
    root.only(&["source", "id", "epoch", "lease_seconds"])?;
    Ok((claimed(&root)?, lease(document, &root)?))
}

/// `{"source": ..., "id": ..., "epoch": 1}`, and `not_before` if it is not to be handed out at once.
pub fn release(document: &Value) -> Result<(Claim, Option<Timestamp>), FieldProblem> {
    let root = Object::root(document)?;
    root.only(&["source", "id", "epoch", "not_before"])?;
    let not_before = if root.has("not_before") { Some(root.moment("not_before")?) } else { None };
    Ok((claimed(&root)?, not_before))
}

/// `{"source": ..., "id": ..., "epoch": 1, "outcome": "approved"}`, and `result`, any JSON.
pub fn complete(document: &Value) -> Result<(Claim, Outcome), FieldProblem> {
    let root = Object::root(document)?;
    root.only(&["source", "id", "epoch", "outcome", "result"])?;
    let result = document.get("result").filter(|result| !result.is_null()).map(Value::to_string);
    let outcome = Outcome::new(root.text("outcome")?, result).map_err(|error| field(error.field, &error))?;
    Ok((claimed(&root)?, outcome))
}

/// `{"source": ..., "id": ..., "epoch": 1, "reason": ...}`, and `retry_after_seconds`.
pub fn fail(document: &Value) -> Result<(Claim, String, Option<Duration>), FieldProblem> {
    let root = Object::root(document)?;
    root.only(&["source", "id", "epoch", "reason", "retry_after_seconds"])?;
    let has_pause = root.has("retry_after_seconds");
    let pause = if has_pause { Some(seconds(document, &root, "retry_after_seconds")?) } else { None };
    Ok((claimed(&root)?, root.text("reason")?.to_owned(), pause))
}

/// `{"source": ..., "id": ..., "reason": ...}`, and `by`.
pub fn cancel(document: &Value, principal: &str) -> Result<(TaskName, Decider), FieldProblem> {
    let root = Object::root(document)?;
    root.only(&["source", "id", "by", "reason"])?;
    let by = root.optional_text("by")?.unwrap_or(principal);
    let decider = Decider::new(by, root.text("reason")?).map_err(|error| field(error.field, &error))?;
    Ok((name(&root)?, decider))
}

fn name(root: &Object<'_>) -> Result<TaskName, FieldProblem> {
    Ok(TaskName { source: root.text("source")?.to_owned(), id: root.text("id")?.to_owned() })
}

fn claimed(root: &Object<'_>) -> Result<Claim, FieldProblem> {
    let epoch = i64::try_from(root.number("epoch")?).ok().filter(|epoch| *epoch > 0);
    let epoch =
        epoch.ok_or_else(|| root.wrong("epoch", "the epoch of the claim, from 1", "another number"))?;
    Ok(Claim { task: name(root)?, epoch })
}

fn lease(document: &Value, root: &Object<'_>) -> Result<Lease, FieldProblem> {
    let lasts = seconds(document, root, "lease_seconds")?;
    Lease::new(lasts).map_err(|error| field("lease_seconds", &error))
}

fn seconds(document: &Value, root: &Object<'_>, name: &str) -> Result<Duration, FieldProblem> {
    let number =
        document.get(name).and_then(Value::as_f64).filter(|number| (0.0..=MAX_SECONDS).contains(number));
    let number = number.ok_or_else(|| root.wrong(name, "seconds, from 0", "something else"))?;
    Ok(Duration::from_secs_f64(number))
}

/// What a type of tasks refuses.
pub fn field(name: &str, error: &FieldError) -> FieldProblem {
    FieldProblem::new(name, error.expected, "another value")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_wrong_is_named() {
        let good = json!({"kinds": ["review"], "worker": "w", "lease_seconds": 0.5});
        assert!(claim(&good).is_ok());
        for (name, value) in [
            ("kinds", json!([])),
            ("kinds", json!("review")),
            ("kinds", json!([7])),
            ("kinds", json!(["a b"])),
            ("worker", json!("kim@example.org")),
            ("lease_seconds", json!(0)),
            ("lease_seconds", json!("1")),
            ("lease_seconds", json!(1e300)),
            ("lease", json!(1)),
        ] {
            let mut body = good.clone();
            body[name] = value;
            assert_eq!(claim(&body).unwrap_err().field, name, "{body}");
        }
        let of = json!({"source": "s", "id": "i", "epoch": 1, "outcome": "ok", "result": {"a": 1}});
        assert!(complete(&of).is_ok());
        for (name, value) in
            [("epoch", json!(0)), ("epoch", json!("1")), ("outcome", json!("")), ("id", json!(null))]
        {
            let mut body = of.clone();
            body[name] = value;
            assert_eq!(complete(&body).unwrap_err().field, name, "{body}");
        }
        let body = json!({"source": "s", "id": "i", "reason": "x".repeat(1_001)});
        assert_eq!(cancel(&body, "operator").unwrap_err().field, "reason");
        let body = json!({"source": "s", "id": "i", "epoch": 1, "reason": "r", "retry_after_seconds": -1});
        assert_eq!(fail(&body).unwrap_err().field, "retry_after_seconds");
    }
}
