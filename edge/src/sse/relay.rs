//! Frames that came to another edge than the one that has the stream: a load balancer need not be sticky.

use std::sync::Arc;

use axum::body::Bytes;
use kefu_nats::transport::{Reply, TransportError};
use serde::{Deserialize, Serialize};

use super::{Sender, take};
use crate::frame::Code;
use crate::http::Problem;
use crate::services::Services;

/// Frames on their way to the edge that has the stream.
#[derive(Debug, Serialize, Deserialize)]
struct Posted<'a> {
    connection: &'a str,
    sender: Sender,
    #[serde(with = "serde_bytes")]
    body: &'a [u8],
}

/// What became of them.
#[derive(Debug, Serialize, Deserialize)]
enum Answer {
    Taken,
    NoConnection,
    TooFast { wait_ms: u64 },
}

/// What a stream is called, so that any edge finds the one that has it.
pub(crate) fn name(id: &str, key: &str) -> String {
    format!("{id}-{key}")
}

/// The key of the edge that has a stream, if that is another one.
pub(super) fn elsewhere<'a>(services: &Services, connection: &'a str) -> Option<&'a str> {
    let (_, key) = connection.rsplit_once('-')?;
    (key != services.upstream.key()).then_some(key)
}

/// Hands frames to the edge with that key.
pub(super) async fn forward(
    services: &Services,
    key: &str,
    connection: &str,
    sender: Sender,
    body: &[u8],
) -> Result<(), Problem> {
    let payload = rmp_serde::to_vec(&Posted { connection, sender, body }).map_err(|_| Problem::of(Code::Internal))?;
    let answer = match services.upstream.relay(key, payload.into()).await {
        Ok(answer) => answer,
        // That edge is gone, and the stream with it.
        Err(TransportError::NoResponder { .. }) => return Err(Problem::of(Code::NoConnection)),
        Err(_) => return Err(Problem::of(Code::Unavailable)),
    };
    match rmp_serde::from_slice(&answer) {
        Ok(Answer::Taken) => Ok(()),
        Ok(Answer::NoConnection) => Err(Problem::of(Code::NoConnection)),
        Ok(Answer::TooFast { wait_ms }) => Err(Problem::of(Code::TooFast).retry_after_ms(wait_ms)),
        Err(_) => Err(Problem::of(Code::Internal)),
    }
}

/// Takes frames that another edge handed over.
pub(crate) async fn taken(services: &Arc<Services>, payload: &Bytes, reply: Reply) {
    let answer = match rmp_serde::from_slice::<Posted<'_>>(payload) {
        Ok(Posted { connection, sender, body }) => match take(services, connection, &sender, body) {
            Ok(()) => Answer::Taken,
            Err(super::NotTaken::NoConnection) => Answer::NoConnection,
            Err(super::NotTaken::TooFast { wait_ms }) => Answer::TooFast { wait_ms },
        },
        Err(_) => Answer::NoConnection,
    };
    if let Ok(answer) = rmp_serde::to_vec(&answer) {
        // Whoever does not hear it says so to its client, which connects anew.
        let _ = reply.send(answer.into()).await;
    }
}
