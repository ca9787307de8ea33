//! Numbers of sessions.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use kefu_model::At;
use kefu_store::{BUCKET_MS, Metric, RollupQuery, RollupRow};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::clock;
use crate::frame::{Code, Time};
use crate::http::{Access, Overseers, Problem, ProblemBody, QueryOf};
use crate::services::Services;

/// Of which time.
#[derive(Debug, Deserialize, garde::Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct StatisticsParams {
    /// From this time on, RFC 3339; a day ago unless given. Counted in quarters of an hour.
    #[garde(length(max = 40))]
    from: Option<String>,
    /// Before this time; now unless given.
    #[garde(length(max = 40))]
    to: Option<String>,
}

/// Numbers of sessions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Statistics {
    from: Time,
    to: Time,
    /// Now waiting for an agent.
    waiting: u64,
    /// Now with an agent.
    active: u64,
    /// Opened in that time.
    opened: u64,
    /// Ended in that time.
    ended: u64,
    /// Rated in that time.
    rated: u64,
    /// Mean score of those, 1 to 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    mean_rating: Option<f64>,
    /// Mean time until an agent was assigned, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    mean_wait_s: Option<f64>,
    /// Mean time until an agent first answered, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    mean_first_response_s: Option<f64>,
    /// Mean time from opening to end, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    mean_duration_s: Option<f64>,
}

/// Numbers of sessions: waiting and active now, exact; the rest of a time, from the reports' own numbers.
#[utoipa::path(get, path = "/api/sessions/statistics", tag = "sessions", params(StatisticsParams),
    responses((status = 200, body = Statistics), (status = "default", body = ProblemBody)))]
pub(crate) async fn statistics(
    State(services): State<Arc<Services>>,
    access: Access<Overseers>,
    QueryOf(params): QueryOf<StatisticsParams>,
) -> Result<Json<Statistics>, Problem> {
    let now = clock::now();
    let to = time("to", params.to.as_deref())?.unwrap_or(At(now.0 / BUCKET_MS * BUCKET_MS + BUCKET_MS));
    let from = time("from", params.from.as_deref())?.unwrap_or(At(to.0.saturating_sub(86_400_000)));
    if from >= to {
        return Err(Problem::of(Code::BadField).detail("from is not before to"));
    }
    let view = services.upstream.allocation_view(&access.tenant).await?;
    let rows = services.store.rollups(&access.tenant, &RollupQuery { from, to, agent: None }).await?;
    let sum = |metric| sum(&rows, metric);
    Ok(Json(Statistics {
        from: from.into(),
        to: to.into(),
        waiting: view.waiting.len() as u64,
        active: view.held.iter().filter(|held| held.active).count() as u64,
        opened: sum(Metric::SessionsOpened),
        ended: sum(Metric::SessionsEnded),
        rated: sum(Metric::Ratings),
        mean_rating: mean(sum(Metric::RatingSum), sum(Metric::Ratings), 1.0),
        mean_wait_s: mean(sum(Metric::WaitMs), sum(Metric::Waits), 1_000.0),
        mean_first_response_s: mean(sum(Metric::FirstResponseMs), sum(Metric::FirstResponses), 1_000.0),
        mean_duration_s: mean(sum(Metric::SessionMs), sum(Metric::SessionsEnded), 1_000.0),
    }))
}

fn time(name: &str, text: Option<&str>) -> Result<Option<At>, Problem> {
    let parsed = text.map(|text| Time::parse(text).ok_or_else(|| Problem::field(name, "is no time in RFC 3339")));
    Ok(parsed.transpose()?.map(|time| time.0))
}

fn sum(rows: &[RollupRow], metric: Metric) -> u64 {
    rows.iter().filter(|row| row.metric == metric).map(|row| row.value).sum()
}

#[expect(clippy::cast_precision_loss, reason = "means of sums far below 2^53")]
fn mean(sum: u64, count: u64, unit: f64) -> Option<f64> {
    (count > 0).then(|| sum as f64 / count as f64 / unit)
}
