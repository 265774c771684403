//! Tables for people.

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};

use super::figures::{Dora, FunnelStage};
use super::models::{Model, ModelState, Place};
use super::units::{count, duration, percent, things};

/// One line, under the header.
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// A plain table; the columns in `right` hold numbers.
pub fn table(header: &[&str], right: &[usize]) -> Table {
    let mut table = Table::new();
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.to_vec());
    for column in right {
        if let Some(column) = table.column_mut(*column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// The read models, one a line.
pub fn models_table<'a>(models: impl IntoIterator<Item = &'a Model>) -> String {
    let mut table = table(
        &["read model", "generation", "rows", "parked", "lag", "lag in time", "state"],
        &[1, 2, 3, 4, 5],
    );
    let mut reasons = String::new();
    for model in models {
        table.add_row([
            model.read_model.clone(),
            model.generation.to_string(),
            count(model.rows),
            count(model.parked),
            model
                .lag_offsets
                .map_or("unknown".to_owned(), |lag| format!("{} events", count(lag.cast_signed()))),
            model.lag_seconds.map_or("unknown".to_owned(), duration),
            state(model.state).to_owned(),
        ]);
        reasons.extend(
            model.reasons.iter().map(|reason| format!("{} has stopped: {reason}\n", model.read_model)),
        );
    }
    format!("{table}\n{reasons}")
}

fn state(state: ModelState) -> &'static str {
    match state {
        ModelState::Running => "running",
        ModelState::Stopped => "stopped",
        ModelState::NotFollowed => "not followed",
    }
}

/// The tables of one read model.
pub fn rows_table(model: &Model) -> String {
    let mut table = table(&["table", "rows"], &[1]);
    for rows in &model.tables {
        table.add_row([rows.table.clone(), count(rows.rows)]);
    }
    table.to_string()
}

/// The partitions of one read model.
pub fn places_table(places: &[Place]) -> String {
    let mut table = table(&["partition", "next offset", "lag", "lag in time", "state"], &[1, 2, 3]);
    for place in places {
        let state = place.state.clone().unwrap_or_else(|| "not followed".to_owned());
        table.add_row([
            format!("{}/{}", place.topic, place.partition),
            place.next_offset.to_string(),
            place.lag_offsets.map_or("unknown".to_owned(), |lag| lag.to_string()),
            place.lag_seconds.map_or("unknown".to_owned(), duration),
            place.reason.as_ref().map_or(state.clone(), |reason| format!("{state}: {reason}")),
        ]);
    }
    table.to_string()
}

/// The four DORA figures; an empty one says why it is.
pub fn dora_table(dora: &[Dora]) -> String {
    if dora.is_empty() {
        return "DORA: n/a, because no deployment is known".to_owned();
    }
    let header = [
        "service/environment",
        "deployments a week",
        "lead time (median)",
        "failure rate",
        "time to restore (median)",
    ];
    let mut table = table(&header, &[]);
    for figures in dora {
        let unknown = |reason: &Option<String>| {
            format!("n/a, because {}", reason.as_deref().unwrap_or("it is not known"))
        };
        table.add_row([
            format!("{}/{}", figures.service, figures.environment),
            figures.deployments_per_week.map_or_else(
                || unknown(&figures.deployments_per_week_na_reason),
                |rate| {
                    format!(
                        "{rate:.2} ({} in {})",
                        count(figures.succeeded),
                        things(figures.weeks.unwrap_or(0), "week")
                    )
                },
            ),
            figures.lead_time_median_seconds.map_or_else(
                || unknown(&figures.lead_time_na_reason),
                |seconds| {
                    format!("{} (of {})", duration(seconds), things(figures.lead_time_commits, "commit"))
                },
            ),
            figures.failure_rate.map_or_else(
                || unknown(&figures.failure_rate_na_reason),
                |rate| {
                    format!(
                        "{} ({} of {})",
                        percent(rate),
                        figures.failed + figures.rolled_back,
                        count(figures.finished)
                    )
                },
            ),
            figures.restore_median_seconds.map_or_else(
                || unknown(&figures.restore_na_reason),
                |seconds| format!("{} (of {})", duration(seconds), count(figures.restored)),
            ),
        ]);
    }
    table.to_string()
}

/// The lead funnel.
pub fn funnel_table(funnel: &[FunnelStage]) -> String {
    let header = ["lead stage", "reached", "now there", "of those before", "time in stage (median)"];
    let mut table = table(&header, &[1, 2, 3, 4]);
    for stage in funnel {
        table.add_row([
            stage.stage.clone(),
            count(stage.reached),
            count(stage.current),
            stage.conversion_from_previous.map_or_else(String::new, percent),
            stage.median_seconds_in_stage.map_or_else(String::new, duration),
        ]);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_figure_says_why() {
        let dora = Dora {
            service: "shop".to_owned(),
            environment: "production".to_owned(),
            weeks: Some(4),
            finished: 3,
            succeeded: 2,
            failed: 1,
            rolled_back: 0,
            deployments_per_week: Some(0.5),
            deployments_per_week_na_reason: None,
            lead_time_median_seconds: Some(7_200.0),
            lead_time_commits: 12,
            lead_time_na_reason: None,
            failure_rate: Some(1.0 / 3.0),
            failure_rate_na_reason: None,
            restore_median_seconds: None,
            restored: 0,
            restore_na_reason: Some("no failure was restored".to_owned()),
        };
        let text = dora_table(&[dora]);
        for part in [
            "0.50 (2 in 4 weeks)",
            "2.0 h (of 12 commits)",
            "33.3 % (1 of 3)",
            "n/a, because no failure was restored",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
        assert!(dora_table(&[]).contains("n/a, because"));
    }
}
