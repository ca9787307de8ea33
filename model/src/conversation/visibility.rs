//! Who sees what: one function for live delivery, resume and history alike.

use super::{Conversation, Member};
use crate::event::Audience;
use crate::ids::{Role, User, UserKind};

/// Through whose eyes.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// Agent or customer.
    pub kind: UserKind,
    /// Overseers see every event of a support conversation without being members.
    pub oversees: bool,
    /// The viewer's membership, past or present.
    pub member: Option<&'a Member>,
}

impl<'a> View<'a> {
    /// The view of a user with that role on a conversation.
    #[must_use]
    pub fn of(conversation: &'a Conversation, user: &User, role: Role) -> Self {
        let support = conversation.id.kind() == crate::ids::ConversationKind::Support;
        Self { kind: user.kind, oversees: support && role.oversees(), member: conversation.members.get(user) }
    }

    /// Whether anything at all may be seen.
    #[must_use]
    pub fn any(&self) -> bool {
        self.oversees || self.member.is_some()
    }
}

/// Whether the viewer sees an event with that `rev` and audience. Who may not gets an empty placeholder for the `rev`.
#[must_use]
pub fn sees(view: View<'_>, rev: u64, audience: Audience) -> bool {
    let may = match audience {
        Audience::All => true,
        Audience::Staff => view.kind == UserKind::Agent,
    };
    may && (view.oversees || view.member.is_some_and(|member| was_in(member, rev)))
}

fn was_in(member: &Member, rev: u64) -> bool {
    member.intervals.iter().any(|interval| interval.from <= rev && interval.until.is_none_or(|until| rev <= until))
}
