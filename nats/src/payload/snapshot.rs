//! A conversation's state as owners tell it to edges.

use kefu_model::Conversation;
use kefu_model::conversation::{Interval, Member, Session, SessionStatus};
use kefu_model::ids::At;
use serde::{Deserialize, Serialize};

use super::PayloadError;
use super::ids::{ConversationWire, UserWire, at, name, name_text, tenant};
use crate::view::Snapshot;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SnapshotWire {
    epoch: u64,
    tenant: String,
    conversation: ConversationWire,
    rev: u64,
    seq: u64,
    updated_at_ms: u64,
    members: Vec<MemberWire>,
    session: Option<SessionWire>,
}

/// User, name, intervals, read, delivered.
type MemberWire = (UserWire, Option<String>, Vec<(u64, Option<u64>)>, u64, u64);

#[derive(Debug, Serialize, Deserialize)]
struct SessionWire {
    ordinal: u64,
    status: String,
    opened_at_ms: u64,
    queued_rev: u64,
    agent: Option<UserWire>,
    assigned_at_ms: Option<u64>,
    ended_at_ms: Option<u64>,
    ended_by: Option<UserWire>,
    rating: Option<u8>,
}

impl SnapshotWire {
    pub(crate) fn new(epoch: u64, conversation: &Conversation) -> Self {
        let members = conversation.members.iter().map(|(user, member)| {
            let intervals = member.intervals.iter().map(|interval| (interval.from, interval.until)).collect();
            (user.into(), name_text(member.name.as_ref()), intervals, member.read, member.delivered)
        });
        Self {
            epoch,
            tenant: conversation.tenant.as_str().to_owned(),
            conversation: conversation.id.into(),
            rev: conversation.rev,
            seq: conversation.seq,
            updated_at_ms: conversation.updated_at.0,
            members: members.collect(),
            session: conversation.session.as_ref().map(SessionWire::from),
        }
    }
}

impl From<&Session> for SessionWire {
    fn from(session: &Session) -> Self {
        Self {
            ordinal: session.ordinal,
            status: session.status.as_str().to_owned(),
            opened_at_ms: session.opened_at.0,
            queued_rev: session.queued_rev,
            agent: session.agent.as_ref().map(UserWire::from),
            assigned_at_ms: session.assigned_at.map(|at| at.0),
            ended_at_ms: session.ended_at.map(|at| at.0),
            ended_by: session.ended_by.as_ref().map(UserWire::from),
            rating: session.rating,
        }
    }
}

impl TryFrom<SessionWire> for Session {
    type Error = PayloadError;
    fn try_from(wire: SessionWire) -> Result<Self, PayloadError> {
        let status = [SessionStatus::Waiting, SessionStatus::Active, SessionStatus::Ended]
            .into_iter()
            .find(|status| status.as_str() == wire.status)
            .ok_or(PayloadError::Unknown("session status"))?;
        Ok(Self {
            ordinal: wire.ordinal,
            status,
            opened_at: At(wire.opened_at_ms),
            queued_rev: wire.queued_rev,
            agent: wire.agent.map(TryInto::try_into).transpose()?,
            assigned_at: at(wire.assigned_at_ms),
            ended_at: at(wire.ended_at_ms),
            ended_by: wire.ended_by.map(TryInto::try_into).transpose()?,
            rating: wire.rating,
        })
    }
}

impl TryFrom<SnapshotWire> for Snapshot {
    type Error = PayloadError;
    fn try_from(wire: SnapshotWire) -> Result<Self, PayloadError> {
        let mut conversation = Conversation::absent(tenant(&wire.tenant)?, wire.conversation.try_into()?);
        conversation.rev = wire.rev;
        conversation.seq = wire.seq;
        conversation.updated_at = At(wire.updated_at_ms);
        conversation.session = wire.session.map(TryInto::try_into).transpose()?;
        for (user, text, intervals, read, delivered) in wire.members {
            let intervals = intervals.into_iter().map(|(from, until)| Interval { from, until }).collect();
            let member = Member { name: name(text.as_deref())?, intervals, read, delivered };
            conversation.members.insert(user.try_into()?, member);
        }
        Ok(Self { epoch: wire.epoch, conversation })
    }
}
