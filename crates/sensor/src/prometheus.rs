//! Asks a Prometheus server how many requests were answered in a span, and how many of them failed: `GET /api/v1/query`, the
//! instant query of its HTTP API.

use brainops_deploy::ServiceKey;
use brainops_event::Outgoing;
use serde::Deserialize;

use crate::config::{PrometheusConfig, Rule};
use crate::run::{Blind, Sensor};
use crate::say::{self, Seen};
use crate::span::Span;

/// Asks a server once in each span.
pub(crate) struct Prometheus {
    key: ServiceKey,
    config: PrometheusConfig,
    rule: Rule,
    client: reqwest::Client,
}

#[derive(Deserialize)]
struct Answer {
    data: Data,
}

#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Data {
    Scalar((f64, String)),
    Vector(Vec<Series>),
}

#[derive(Deserialize)]
struct Series {
    value: (f64, String),
}

impl Prometheus {
    pub(crate) fn new(config: PrometheusConfig, rule: Rule, client: reqwest::Client) -> Self {
        let (key, rule) = (config.key(), config.rule.unwrap_or(rule));
        Self { key, config, rule, client }
    }

    async fn count(&self, query: &str, span: Span) -> Result<i64, Blind> {
        let seconds = (span.through - span.from).num_seconds();
        let query = query.replace("$span", &format!("{seconds}s"));
        let time = span.through.timestamp().to_string();
        let url = format!("{}/api/v1/query", self.config.url.trim_end_matches('/'));
        let asked = self.client.get(url).query(&[("query", &query), ("time", &time)]);
        let answer: Answer = asked.send().await?.error_for_status()?.json().await?;
        counted(&answer.data)
    }
}

/// The sum of what was answered: no series is none, and Prometheus extrapolates, so counts are rounded.
fn counted(data: &Data) -> Result<i64, Blind> {
    let values: Vec<&str> = match data {
        Data::Scalar((_, value)) => vec![value],
        Data::Vector(series) => series.iter().map(|one| one.value.1.as_str()).collect(),
    };
    let mut sum = 0.0;
    for value in values {
        let number: f64 = value.parse().map_err(|_| Blind::Answer(format!("{value:?} is no number")))?;
        // 0 / 0 is how a query says that there was nothing.
        if !number.is_nan() {
            sum += number;
        }
    }
    if (0.0..9e15).contains(&sum) {
        #[allow(clippy::cast_possible_truncation, reason = "it is within the bounds of an integer")]
        return Ok(sum.round() as i64);
    }
    Err(Blind::Answer(format!("{sum} is no count")))
}

impl Sensor for Prometheus {
    const NAME: &'static str = "prometheus";

    fn key(&self) -> &ServiceKey {
        &self.key
    }

    async fn see(&mut self, span: Span) -> Result<Vec<Outgoing>, Blind> {
        let requests = self.count(&self.config.requests, span).await?;
        let errors = self.count(&self.config.errors, span).await?;
        let seen = Seen { requests, errors: errors.min(requests) };
        Ok(vec![say::sample(Self::NAME, &self.key, (None, None), (span, seen), self.rule)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str) -> Result<i64, ()> {
        let answer: Answer = serde_json::from_str(text).map_err(|_| ())?;
        counted(&answer.data).map_err(|_| ())
    }

    #[test]
    fn answers_of_prometheus_are_counts() {
        let vector = |result: &str| {
            format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{result}]}}}}"#)
        };
        assert_eq!(count(&vector("")), Ok(0));
        assert_eq!(
            count(&vector(r#"{"metric":{},"value":[1,"41.6"]},{"metric":{},"value":[1,"NaN"]}"#)),
            Ok(42)
        );
        assert_eq!(count(&vector(r#"{"metric":{},"value":[1,"many"]}"#)), Err(()));
        assert_eq!(count(&vector(r#"{"metric":{},"value":[1,"-3"]}"#)), Err(()));
        assert_eq!(count(&vector(r#"{"metric":{},"value":[1,"+Inf"]}"#)), Err(()));
        assert_eq!(count(r#"{"status":"success","data":{"resultType":"scalar","result":[1,"7"]}}"#), Ok(7));
        assert_eq!(count(r#"{"status":"error","error":"no"}"#), Err(()));
    }
}
