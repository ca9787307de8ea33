//! Creates, verifies and describes streams.

use std::collections::HashMap;
use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::CreateStreamErrorKind;
use async_nats::jetstream::stream::{Config, DiscardPolicy, Info, StorageType};
use uuid::Uuid;

use super::connection::Connection;
use super::errors;
use crate::transport::{
    Durability, Overflow, StreamInfo, StreamSpec, TransportError, UNLIMITED_BYTES, first_difference,
};

/// Before a stream that is being made is looked for again.
const NEW_STREAM_PAUSE: Duration = Duration::from_millis(100);
/// The key of a stream's id in its metadata.
const ID_KEY: &str = "kefu-stream-id";

impl Connection {
    /// The stream as the server sees it.
    pub(super) async fn server_info(&self, name: &str) -> Result<Info, TransportError> {
        self.check()?;
        let stream = self.context.get_stream(self.stream_name(name)).await;
        stream.map(|stream| stream.cached_info().clone()).map_err(|error| errors::get_stream(name, error))
    }

    /// Identity and bounds.
    pub(super) async fn stream_info(&self, name: &str) -> Result<StreamInfo, TransportError> {
        describe(name, &self.server_info(name).await?)
    }

    /// Identity, bounds, and where the stream is kept.
    pub(super) async fn stream_state(&self, name: &str) -> Result<(StreamInfo, Durability), TransportError> {
        let info = self.server_info(name).await?;
        Ok((describe(name, &info)?, durability(&info)))
    }

    /// Creates the stream or verifies its shape.
    pub(super) async fn ensure_stream(&self, spec: &StreamSpec) -> Result<StreamInfo, TransportError> {
        let info = match self.server_info(&spec.name).await {
            Err(TransportError::NotFound { .. }) => self.create_stream(spec).await?,
            info => info?,
        };
        self.verify(spec, &info)?;
        describe(&spec.name, &info)
    }

    async fn create_stream(&self, spec: &StreamSpec) -> Result<Info, TransportError> {
        match self.context.create_stream(self.server_config(spec)).await {
            Ok(stream) => Ok(stream.cached_info().clone()),
            Err(error) => match error.kind() {
                // Another process was quicker, with an id of its own.
                CreateStreamErrorKind::JetStream(refusal) if refusal.error_code() == ErrorCode::STREAM_NAME_EXIST => {
                    self.info_of_new(&spec.name).await
                }
                _ => Err(errors::create_stream(&spec.name, error)),
            },
        }
    }

    /// A stream that another process is just making exists for those who would make it too before it can be described.
    async fn info_of_new(&self, name: &str) -> Result<Info, TransportError> {
        let deadline = tokio::time::Instant::now() + self.config.request_timeout;
        loop {
            match self.server_info(name).await {
                Err(error @ TransportError::NotFound { .. }) if tokio::time::Instant::now() >= deadline => {
                    return Err(TransportError::unavailable(error));
                }
                Err(TransportError::NotFound { .. }) => tokio::time::sleep(NEW_STREAM_PAUSE).await,
                result => return result,
            }
        }
    }

    fn server_config(&self, spec: &StreamSpec) -> Config {
        Config {
            name: self.stream_name(&spec.name),
            subjects: vec![self.stream_subject(&spec.name)],
            max_bytes: match spec.max_bytes {
                UNLIMITED_BYTES => -1,
                bytes => i64::try_from(bytes).unwrap_or(-1),
            },
            discard: match spec.overflow {
                Overflow::RefuseNew => DiscardPolicy::New,
                Overflow::DropOldest => DiscardPolicy::Old,
            },
            storage: match spec.durability {
                Durability::Disk => StorageType::File,
                Durability::Memory => StorageType::Memory,
            },
            max_age: spec.max_age.unwrap_or(Duration::ZERO),
            duplicate_window: spec.duplicate_window,
            num_replicas: spec.replicas,
            metadata: HashMap::from([(ID_KEY.to_owned(), Uuid::new_v4().to_string())]),
            ..Config::default()
        }
    }

    fn verify(&self, spec: &StreamSpec, info: &Info) -> Result<(), TransportError> {
        let config = &info.config;
        let found = StreamSpec {
            name: spec.name.clone(),
            durability: durability(info),
            max_bytes: u64::try_from(config.max_bytes).unwrap_or(UNLIMITED_BYTES),
            overflow: match config.discard {
                DiscardPolicy::New => Overflow::RefuseNew,
                DiscardPolicy::Old => Overflow::DropOldest,
            },
            duplicate_window: config.duplicate_window,
            max_age: (!config.max_age.is_zero()).then_some(config.max_age),
            replicas: config.num_replicas,
        };
        if let Some(difference) = first_difference(spec, &found) {
            return Err(difference);
        }
        let subjects = vec![self.stream_subject(&spec.name)];
        if config.subjects != subjects {
            return Err(TransportError::Mismatch {
                stream: spec.name.clone(),
                field: "subjects",
                expected: subjects.join(", "),
                found: config.subjects.join(", "),
            });
        }
        Ok(())
    }
}

fn durability(info: &Info) -> Durability {
    match info.config.storage {
        StorageType::File => Durability::Disk,
        StorageType::Memory => Durability::Memory,
    }
}

fn describe(name: &str, info: &Info) -> Result<StreamInfo, TransportError> {
    let found = info.config.metadata.get(ID_KEY);
    let Some(id) = found.and_then(|id| Uuid::parse_str(id).ok()) else {
        return Err(TransportError::Mismatch {
            stream: name.to_owned(),
            field: "id",
            expected: format!("a UUID as metadata {ID_KEY}"),
            found: found.cloned().unwrap_or_else(|| "none".to_owned()),
        });
    };
    let last = info.state.last_sequence;
    let first = if info.state.messages == 0 { last + 1 } else { info.state.first_sequence };
    Ok(StreamInfo { id, first, last })
}
