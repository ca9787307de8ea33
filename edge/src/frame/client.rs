//! Frames from a client.

use kefu_model::Body;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::NUMBER_END;
use super::content::{Audience, Content};
use super::server::AgentStatus;

/// A frame from a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum ClientFrame {
    /// The first frame: who speaks.
    Hello {
        /// Version of the protocol.
        v: u32,
        /// The credential, unless it came with the request.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<String>,
        /// One client instance with its outbox: 1–64 characters `A-Za-z0-9_-`.
        device: String,
        /// Name and version of the client, at most 64 characters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client: Option<String>,
        /// Whether the server may send arrays of frames.
        #[serde(default)]
        batch: bool,
    },
    /// Follow conversations.
    Attach {
        /// Chosen by the client.
        id: u64,
        /// At most 200.
        #[schemars(length(max = 200))]
        items: Vec<AttachItem>,
    },
    /// Follow them no more.
    Detach {
        /// Conversations.
        items: Vec<String>,
    },
    /// A command.
    Command {
        /// To which conversation.
        conversation: String,
        /// Dense from 1 per device and conversation.
        n: u64,
        /// What is wanted.
        body: CommandBody,
    },
    /// High-water marks.
    Mark {
        /// In which conversation.
        conversation: String,
        /// Read up to this seq.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        read: Option<u64>,
        /// Delivered up to this seq.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        delivered: Option<u64>,
    },
    /// Typing.
    Typing {
        /// In which conversation.
        conversation: String,
        /// Whether.
        on: bool,
        /// What is about to be sent, at most 500 characters; shown to agents only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        preview: Option<String>,
    },
    /// An agent's status.
    Status {
        /// The status.
        status: AgentStatus,
    },
    /// A sign of life.
    Ping {
        /// Answered in `pong`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
    },
}

/// A conversation to follow, with or without a cursor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AttachItem {
    /// Which.
    pub conversation: String,
    /// The log's epoch that `rev` belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    /// The last event the client has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rev: Option<u64>,
}

/// What a command wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum CommandBody {
    /// Say something.
    Message {
        /// What.
        content: Content,
        /// To whom.
        #[serde(default, skip_serializing_if = "Audience::is_all")]
        audience: Audience,
    },
    /// Replace a message's content.
    Edit {
        /// Which.
        seq: u64,
        /// By what.
        content: Content,
    },
    /// Take a message back.
    Recall {
        /// Which.
        seq: u64,
    },
    /// End the open session.
    EndSession {
        /// Why, at most 200 characters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Rate an ended session.
    Rate {
        /// Its ordinal.
        session: u64,
        /// 1 (bad) to 5 (good).
        score: u8,
        /// At most 1000 characters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        comment: Option<String>,
    },
}

impl From<CommandBody> for Body {
    fn from(body: CommandBody) -> Self {
        match body {
            CommandBody::Message { content, audience } => {
                Self::Message { content: content.into(), audience: audience.into() }
            }
            CommandBody::Edit { seq, content } => Self::Edit { seq, content: content.into() },
            CommandBody::Recall { seq } => Self::Recall { seq },
            CommandBody::EndSession { reason } => Self::EndSession { reason },
            CommandBody::Rate { session, score, comment } => Self::Rate { session, score, comment },
        }
    }
}

impl ClientFrame {
    /// Its `t`, for metrics.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Hello { .. } => "hello",
            Self::Attach { .. } => "attach",
            Self::Detach { .. } => "detach",
            Self::Command { .. } => "command",
            Self::Mark { .. } => "mark",
            Self::Typing { .. } => "typing",
            Self::Status { .. } => "status",
            Self::Ping { .. } => "ping",
        }
    }

    /// Whether its numbers are below 2^53, which every client can tell apart. `n` is judged with the command it numbers.
    #[must_use]
    pub(super) fn numbers_fit(&self) -> bool {
        match self {
            Self::Attach { id, items } => fits(*id) && items.iter().all(|item| fit([item.epoch, item.rev])),
            Self::Command { body, .. } => body.numbers_fit(),
            Self::Mark { read, delivered, .. } => fit([*read, *delivered]),
            Self::Ping { id } => fit([*id]),
            Self::Hello { .. } | Self::Detach { .. } | Self::Typing { .. } | Self::Status { .. } => true,
        }
    }

    /// Whether there is a frame of that kind.
    #[must_use]
    pub fn is_kind(kind: &str) -> bool {
        ["hello", "attach", "detach", "command", "mark", "typing", "status", "ping"].contains(&kind)
    }
}

impl CommandBody {
    fn numbers_fit(&self) -> bool {
        match self {
            Self::Message { content, .. } => content.numbers_fit(),
            Self::Edit { seq, content } => fits(*seq) && content.numbers_fit(),
            Self::Recall { seq } => fits(*seq),
            Self::Rate { session, .. } => fits(*session),
            Self::EndSession { .. } => true,
        }
    }
}

fn fits(number: u64) -> bool {
    number < NUMBER_END
}

fn fit<const N: usize>(numbers: [Option<u64>; N]) -> bool {
    numbers.into_iter().flatten().all(fits)
}
