//! Notices on the wire.

use kefu_model::allocation::{AgentStatus, QueuePlace};
use kefu_model::ids::UserId;
use serde::{Deserialize, Serialize};

use super::PayloadError;
use super::ids::{ConversationWire, UserWire, tenant};
use crate::broker::LogName;
use crate::notice::Notice;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct NoticeWire {
    tenant: String,
    fact: FactWire,
    /// Of a numbered one: its owner's log and generation, and which of the notices to all edges in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    number: Option<(String, u64, u64)>,
}

impl NoticeWire {
    /// A notice that an owner numbers.
    pub(crate) fn numbered(notice: &Notice, log: LogName, generation: u64, number: u64) -> Self {
        Self { number: Some((log.to_string(), generation, number)), ..Self::from(notice) }
    }

    /// Log, generation and number of a numbered one.
    pub(crate) fn number(&self) -> Option<(&str, u64, u64)> {
        self.number.as_ref().map(|(log, generation, number)| (log.as_str(), *generation, *number))
    }
}

#[derive(Debug, Serialize, Deserialize)]
enum FactWire {
    #[serde(rename = "t")]
    Typing(ConversationWire, UserWire, bool, Option<String>, String),
    #[serde(rename = "p")]
    Presence(UserWire, String),
    #[serde(rename = "c")]
    Customers(Vec<String>, Vec<String>),
    #[serde(rename = "a")]
    Added(UserWire, ConversationWire),
    #[serde(rename = "q")]
    Places(Vec<(ConversationWire, u64, Option<u64>)>, u64),
    #[serde(rename = "r")]
    Revoked(UserWire, Option<String>),
    #[serde(rename = "d")]
    Disconnect(Option<String>, Option<UserWire>),
}

impl From<&Notice> for NoticeWire {
    fn from(notice: &Notice) -> Self {
        let (tenant, fact) = match notice {
            Notice::Typing { tenant, conversation, user, on, preview, connection } => (
                tenant,
                FactWire::Typing((*conversation).into(), user.into(), *on, preview.clone(), connection.clone()),
            ),
            Notice::Presence { tenant, user, status } => {
                (tenant, FactWire::Presence(user.into(), status.as_str().to_owned()))
            }
            Notice::Customers { tenant, online, offline } => {
                (tenant, FactWire::Customers(texts(online), texts(offline)))
            }
            Notice::Added { tenant, user, conversation } => {
                (tenant, FactWire::Added(user.into(), (*conversation).into()))
            }
            Notice::Places { tenant, places, waiting } => {
                let places =
                    places.iter().map(|(id, place)| ((*id).into(), place.position, place.estimate_s)).collect();
                (tenant, FactWire::Places(places, *waiting))
            }
            Notice::Revoked { tenant, user, session } => (tenant, FactWire::Revoked(user.into(), session.clone())),
            Notice::Disconnect { tenant, connection, user } => {
                (tenant, FactWire::Disconnect(connection.clone(), user.as_ref().map(UserWire::from)))
            }
        };
        Self { tenant: tenant.as_str().to_owned(), fact, number: None }
    }
}

impl TryFrom<NoticeWire> for Notice {
    type Error = PayloadError;
    fn try_from(wire: NoticeWire) -> Result<Self, PayloadError> {
        let tenant = tenant(&wire.tenant)?;
        Ok(match wire.fact {
            FactWire::Typing(conversation, user, on, preview, connection) => Self::Typing {
                tenant,
                conversation: conversation.try_into()?,
                user: user.try_into()?,
                on,
                preview,
                connection,
            },
            FactWire::Presence(user, status) => Self::Presence {
                tenant,
                user: user.try_into()?,
                status: AgentStatus::parse(&status).ok_or(PayloadError::Unknown("agent status"))?,
            },
            FactWire::Customers(online, offline) => {
                Self::Customers { tenant, online: ids(&online)?, offline: ids(&offline)? }
            }
            FactWire::Added(user, conversation) => {
                Self::Added { tenant, user: user.try_into()?, conversation: conversation.try_into()? }
            }
            FactWire::Places(places, waiting) => Self::Places {
                tenant,
                places: places
                    .into_iter()
                    .map(|(id, position, estimate_s)| Ok((id.try_into()?, QueuePlace { position, estimate_s })))
                    .collect::<Result<_, PayloadError>>()?,
                waiting,
            },
            FactWire::Revoked(user, session) => Self::Revoked { tenant, user: user.try_into()?, session },
            FactWire::Disconnect(connection, user) => {
                Self::Disconnect { tenant, connection, user: user.map(TryInto::try_into).transpose()? }
            }
        })
    }
}

fn texts(ids: &[UserId]) -> Vec<String> {
    ids.iter().map(|id| id.as_str().to_owned()).collect()
}

fn ids(texts: &[String]) -> Result<Vec<UserId>, PayloadError> {
    texts.iter().map(|text| Ok(UserId::new(text)?)).collect()
}
