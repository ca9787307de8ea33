//! What the errors of `async-nats` mean at the seam.

use std::error::Error;

use async_nats::error::Error as NatsError;
use async_nats::jetstream::context::{
    CreateStreamErrorKind, GetStreamError, GetStreamErrorKind, PublishError, PublishErrorKind,
};
use async_nats::jetstream::stream::{LastRawMessageErrorKind, PurgeError, PurgeErrorKind};
use async_nats::jetstream::{Error as ServerError, ErrorCode};
use async_nats::{RequestError, RequestErrorKind};

use crate::transport::{MAX_PAYLOAD_BYTES, TransportError};

/// An append that the client did not send.
pub(super) fn not_sent(error: PublishError, size: usize) -> TransportError {
    match error.kind() {
        PublishErrorKind::MaxPayloadExceeded => TransportError::TooLarge { size, limit: MAX_PAYLOAD_BYTES },
        _ => TransportError::unavailable(error),
    }
}

/// An append that was sent and not confirmed.
pub(super) fn not_stored(stream: &str, error: PublishError) -> TransportError {
    match error.kind() {
        // Nobody took it: the stream is not there, or has no leader at the moment.
        PublishErrorKind::StreamNotFound => TransportError::unavailable(error),
        PublishErrorKind::TimedOut | PublishErrorKind::BrokenPipe => TransportError::ambiguous(error),
        _ => match server_error(&error).cloned() {
            Some(refusal) => refused(stream, &refusal),
            None => TransportError::ambiguous(error),
        },
    }
}

fn server_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a ServerError> {
    error.source()?.downcast_ref()
}

/// What the server's own refusal means.
pub(super) fn refused(stream: &str, error: &ServerError) -> TransportError {
    match error.error_code() {
        ErrorCode::STREAM_NOT_FOUND => TransportError::not_found(stream),
        // The same id is being stored right now.
        ErrorCode::STREAM_DUPLICATE_MESSAGE_CONFLICT => TransportError::ambiguous(error.clone()),
        ErrorCode::INSUFFICIENT_RESOURCES => TransportError::Full { stream: stream.to_owned() },
        ErrorCode::STREAM_STORE_FAILED if error.to_string().contains("maximum") => {
            TransportError::Full { stream: stream.to_owned() }
        }
        // Fewer servers are up than a stream has copies, or one is just joining or leaving: told as a bad request.
        ErrorCode::CLUSTER_NO_PEERS | ErrorCode::CLUSTER_SERVER_MEMBER_CHANGE_INFLIGHT => {
            TransportError::unavailable(error.clone())
        }
        _ if error.code() >= 500 => TransportError::unavailable(error.clone()),
        _ => TransportError::other(error.clone()),
    }
}

pub(super) fn get_stream(stream: &str, error: GetStreamError) -> TransportError {
    match error.kind() {
        GetStreamErrorKind::JetStream(refusal) => refused(stream, &refusal),
        GetStreamErrorKind::Request => TransportError::unavailable(error),
        _ => TransportError::other(error),
    }
}

pub(super) fn create_stream(stream: &str, error: NatsError<CreateStreamErrorKind>) -> TransportError {
    match error.kind() {
        CreateStreamErrorKind::JetStream(refusal) => refused(stream, &refusal),
        CreateStreamErrorKind::TimedOut => TransportError::ambiguous(error),
        CreateStreamErrorKind::JetStreamUnavailable | CreateStreamErrorKind::Response => {
            TransportError::unavailable(error)
        }
        _ => TransportError::other(error),
    }
}

/// `None`: there is no such record.
pub(super) fn raw_message(stream: &str, error: NatsError<LastRawMessageErrorKind>) -> Option<TransportError> {
    match error.kind() {
        LastRawMessageErrorKind::NoMessageFound => None,
        LastRawMessageErrorKind::JetStream(refusal) if refusal.error_code() == ErrorCode::NO_MESSAGE_FOUND => None,
        LastRawMessageErrorKind::JetStream(refusal) => Some(refused(stream, &refusal)),
        _ => Some(TransportError::unavailable(error)),
    }
}

pub(super) fn purge(stream: &str, error: PurgeError) -> TransportError {
    match error.kind() {
        PurgeErrorKind::JetStream(refusal) => refused(stream, &refusal),
        PurgeErrorKind::Request | PurgeErrorKind::TimedOut => TransportError::ambiguous(error),
    }
}

pub(super) fn request(subject: &str, size: usize, error: RequestError) -> TransportError {
    match error.kind() {
        RequestErrorKind::TimedOut => TransportError::Timeout,
        RequestErrorKind::NoResponders => TransportError::NoResponder { subject: subject.to_owned() },
        RequestErrorKind::MaxPayloadExceeded => TransportError::TooLarge { size, limit: MAX_PAYLOAD_BYTES },
        RequestErrorKind::InvalidSubject => {
            TransportError::Invalid { what: "subject", reason: "refused by the client".to_owned() }
        }
        RequestErrorKind::Other => TransportError::unavailable(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The client offers no other way to make one than to read it.
    fn answered(code: u16, err_code: u16, description: &str) -> TransportError {
        let fields = rmp_serde::to_vec(&(code, err_code, description)).unwrap();
        refused("LOG", &rmp_serde::from_slice(&fields).unwrap())
    }

    #[test]
    fn what_passes_when_servers_come_is_retryable() {
        for (code, err_code, description) in [
            (400, 10_005, "no suitable peers for placement"),
            (400, 10_202, "cluster member change is in progress"),
            (503, 10_008, "JetStream system temporarily unavailable"),
        ] {
            let error = answered(code, err_code, description);
            assert!(matches!(error, TransportError::Unavailable { .. }) && error.is_retryable(), "{error}");
        }
    }

    #[test]
    fn what_stays_wrong_is_not() {
        let error = answered(400, 10_058, "stream name already in use with a different configuration");
        assert!(!error.is_retryable(), "{error}");
    }
}
