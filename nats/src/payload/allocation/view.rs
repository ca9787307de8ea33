//! The view of an allocation on the wire.

use kefu_model::ids::At;
use serde::{Deserialize, Serialize};

use super::super::PayloadError;
use super::super::ids::{ConversationWire, name, name_text, user_id};
use super::{conversation, status};
use crate::view::{AgentView, AllocationView, HeldView, WaitingView};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AllocationViewWire {
    agents: Vec<(String, Option<String>, String, u16, u16)>,
    waiting: Vec<WaitingViewWire>,
    held: Vec<HeldViewWire>,
}

#[derive(Debug, Serialize, Deserialize)]
struct WaitingViewWire {
    conversation: ConversationWire,
    session: u64,
    customer: String,
    name: Option<String>,
    opened_at_ms: u64,
    queued_at_ms: u64,
    position: u64,
    estimate_s: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct HeldViewWire {
    conversation: ConversationWire,
    session: u64,
    customer: String,
    name: Option<String>,
    agent: String,
    opened_at_ms: u64,
    active: bool,
    reason: Option<String>,
}

impl From<&AllocationView> for AllocationViewWire {
    fn from(view: &AllocationView) -> Self {
        let agents = view.agents.iter().map(|agent| {
            let status = agent.status.as_str().to_owned();
            (agent.id.as_str().to_owned(), name_text(agent.name.as_ref()), status, agent.capacity, agent.load)
        });
        Self {
            agents: agents.collect(),
            waiting: view.waiting.iter().map(WaitingViewWire::from).collect(),
            held: view.held.iter().map(HeldViewWire::from).collect(),
        }
    }
}

impl From<&WaitingView> for WaitingViewWire {
    fn from(view: &WaitingView) -> Self {
        Self {
            conversation: view.conversation.into(),
            session: view.session,
            customer: view.customer.as_str().to_owned(),
            name: name_text(view.name.as_ref()),
            opened_at_ms: view.opened_at.0,
            queued_at_ms: view.queued_at.0,
            position: view.position,
            estimate_s: view.estimate_s,
        }
    }
}

impl From<&HeldView> for HeldViewWire {
    fn from(view: &HeldView) -> Self {
        Self {
            conversation: view.conversation.into(),
            session: view.session,
            customer: view.customer.as_str().to_owned(),
            name: name_text(view.name.as_ref()),
            agent: view.agent.as_str().to_owned(),
            opened_at_ms: view.opened_at.0,
            active: view.active,
            reason: view.reason.clone(),
        }
    }
}

impl TryFrom<WaitingViewWire> for WaitingView {
    type Error = PayloadError;
    fn try_from(wire: WaitingViewWire) -> Result<Self, PayloadError> {
        Ok(Self {
            conversation: conversation(wire.conversation)?,
            session: wire.session,
            customer: user_id(&wire.customer)?,
            name: name(wire.name.as_deref())?,
            opened_at: At(wire.opened_at_ms),
            queued_at: At(wire.queued_at_ms),
            position: wire.position,
            estimate_s: wire.estimate_s,
        })
    }
}

impl TryFrom<HeldViewWire> for HeldView {
    type Error = PayloadError;
    fn try_from(wire: HeldViewWire) -> Result<Self, PayloadError> {
        Ok(Self {
            conversation: conversation(wire.conversation)?,
            session: wire.session,
            customer: user_id(&wire.customer)?,
            name: name(wire.name.as_deref())?,
            agent: user_id(&wire.agent)?,
            opened_at: At(wire.opened_at_ms),
            active: wire.active,
            reason: wire.reason,
        })
    }
}

impl TryFrom<AllocationViewWire> for AllocationView {
    type Error = PayloadError;
    fn try_from(wire: AllocationViewWire) -> Result<Self, PayloadError> {
        let agents = wire.agents.into_iter().map(|(id, text, word, capacity, load)| {
            Ok(AgentView { id: user_id(&id)?, name: name(text.as_deref())?, status: status(&word)?, capacity, load })
        });
        Ok(Self {
            agents: agents.collect::<Result<_, PayloadError>>()?,
            waiting: wire.waiting.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            held: wire.held.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
        })
    }
}
