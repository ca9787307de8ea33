//! `decide`: a command meets the state. Pure: the same state, command and time give the same outcome.

use super::dedup::Prior;
use super::{Conversation, EditableMessage, Session, SessionStatus};
use crate::command::{Actor, Answer, Body, Command, Identity, Parties};
use crate::content::{Content, check_text};
use crate::event::{Audience, Event, Numbered, Outcome, QueueReason, Verdict};
use crate::ids::{At, ConversationId, ConversationKind, Role, User, UserKind};
use crate::limits::{COMMENT_CHARS, EDIT_WINDOW_MS, MEMBERS, REASON_CHARS};
use crate::refusal::Refusal;

/// What is to be done with a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It is new: write the outcome down, then apply it.
    Record(Outcome),
    /// Nothing is written; this is the answer. It may repeat the answer of an outcome that is still being written, so it
    /// must not overtake it.
    Reply(Answer),
    /// Nothing changes and nobody waits for an answer.
    Nothing,
}

/// Decides a command to a conversation whose state includes every outcome before it.
#[must_use]
pub fn decide(state: &Conversation, prior: Prior<'_>, command: &Command, now: At) -> Decision {
    if is_closed_to(state, command) {
        return Decision::Reply(Answer::refused(Refusal::NoConversation));
    }
    if let Some(answer) = known_answer(prior, command) {
        return Decision::Reply(answer);
    }
    let mut draft = Draft { base: state, state: state.without_editable(), events: Vec::new(), now };
    let judged = open_if_absent(&mut draft, command).and_then(|()| judge(&mut draft, command));
    match judged {
        Ok(()) if draft.events.is_empty() && command.identity.is_none() => Decision::Nothing,
        Ok(()) => Decision::Record(outcome(command, now, draft.state.rev, Verdict::Accepted(draft.events))),
        Err(refusal) if !state.exists() || refusal.is_retryable() => Decision::Reply(Answer::refused(refusal)),
        Err(_) if command.identity.is_none() => Decision::Nothing,
        Err(refusal) => Decision::Record(outcome(command, now, state.rev, Verdict::Refused(refusal))),
    }
}

/// Whether the command comes from a customer who never was in the conversation and cannot open it. Whatever they ask, under
/// whichever identity, they are answered as if it did not exist, before anything else is looked at, and nothing is kept of
/// it: the answer must not tell a conversation that is there from one that is not (G7).
#[must_use]
pub fn is_closed_to(state: &Conversation, command: &Command) -> bool {
    let Actor::User { user, .. } = &command.actor else { return false };
    let opens = || !state.exists() && is_own_support(command, user);
    user.kind == UserKind::Customer && !state.members.contains_key(user) && !opens()
}

fn is_own_support(command: &Command, user: &User) -> bool {
    matches!(&command.parties, Some(Parties::Support { customer, .. }) if customer == user)
        && ConversationId::support(&command.tenant, &user.id) == command.conversation
}

fn outcome(command: &Command, at: At, rev: u64, verdict: Verdict) -> Outcome {
    Outcome {
        tenant: command.tenant.clone(),
        conversation: command.conversation,
        identity: command.identity.clone(),
        hash: command.hash,
        at,
        rev,
        verdict,
    }
}

fn known_answer(prior: Prior<'_>, command: &Command) -> Option<Answer> {
    match (prior, &command.identity) {
        (Prior::Device(log), Some(Identity::Device { n, .. })) => log.check(*n, command.hash),
        (Prior::Key(Some(entry)), Some(Identity::Key(_))) => Some(entry.check(command.hash)),
        _ => None,
    }
}

/// The events so far and the state after them, in which what may be edited is not kept.
struct Draft<'a> {
    base: &'a Conversation,
    state: Conversation,
    events: Vec<Numbered>,
    now: At,
}

impl Draft<'_> {
    fn push(&mut self, event: Event) {
        let numbered = Numbered {
            rev: self.state.rev + u64::from(event.takes_rev()),
            seq: self.state.seq + u64::from(event.takes_seq()),
            event,
        };
        if self.state.apply_event(&numbered, self.now).is_ok() {
            self.events.push(numbered);
        }
    }

    fn open_session(&self) -> Result<&Session, Refusal> {
        self.state.open_session().ok_or(Refusal::NoSession)
    }
}

fn open_if_absent(draft: &mut Draft<'_>, command: &Command) -> Result<(), Refusal> {
    if draft.state.exists() {
        return Ok(());
    }
    let parties = command.parties.as_ref().ok_or(Refusal::NoConversation)?;
    let (id, members) = match parties {
        Parties::Support { customer, name } => {
            (ConversationId::support(&command.tenant, &customer.id), vec![(customer.clone(), name.clone())])
        }
        Parties::Direct(a, b) => {
            (ConversationId::direct(&command.tenant, a, b), vec![(a.clone(), None), (b.clone(), None)])
        }
    };
    let opens = matches!(command.body, Body::Message { .. } | Body::OpenSession);
    if id != command.conversation || !opens {
        return Err(Refusal::NoConversation);
    }
    draft.push(Event::Created { members });
    Ok(())
}

fn judge(draft: &mut Draft<'_>, command: &Command) -> Result<(), Refusal> {
    match &command.body {
        Body::Message { content, audience } => post(draft, &command.actor, content, *audience),
        Body::Edit { seq, content } => edit(draft, &command.actor, *seq, content),
        Body::Recall { seq } => recall(draft, &command.actor, *seq),
        Body::Mark { read, delivered } => mark(draft, &command.actor, *read, *delivered),
        Body::AddMember { user } => add_member(draft, &command.actor, user),
        Body::RemoveMember { user } => remove_member(draft, &command.actor, user),
        Body::EndSession { reason } => end_session(draft, &command.actor, reason.as_deref()),
        Body::Rate { session, score, comment } => rate(draft, &command.actor, *session, *score, comment.as_deref()),
        Body::Link { person } => link(draft, &command.actor, person),
        Body::OpenSession => open_session(draft, &command.actor),
        Body::Assign { .. } | Body::Transfer { .. } | Body::Requeue { .. } => judge_allocation(draft, command),
    }
}

fn judge_allocation(draft: &mut Draft<'_>, command: &Command) -> Result<(), Refusal> {
    if command.actor != Actor::Worker {
        return Err(Refusal::RoleMayNot);
    }
    match &command.body {
        Body::Assign { agent, name, queued_rev, reason } => {
            let session = draft.open_session()?;
            if session.status == SessionStatus::Active {
                return Err(Refusal::HasAgent);
            }
            if session.queued_rev != *queued_rev {
                return Err(Refusal::StaleQueueing);
            }
            let session = session.ordinal;
            draft.push(Event::SessionAssigned {
                session,
                agent: agent.clone(),
                name: name.clone(),
                reason: reason.clone(),
            });
        }
        Body::Transfer { from, agent, name, reason } => {
            let session = held_by(draft, from)?;
            if from == agent {
                return Err(Refusal::HasAgent);
            }
            draft.push(Event::SessionTransferred {
                session,
                from: from.clone(),
                agent: agent.clone(),
                name: name.clone(),
                reason: reason.clone(),
            });
        }
        Body::Requeue { from, reason } => {
            let session = held_by(draft, from)?;
            let opened_at = draft.open_session()?.opened_at;
            queue(draft, session, *reason, opened_at)?;
        }
        _ => {}
    }
    Ok(())
}

fn held_by(draft: &Draft<'_>, agent: &User) -> Result<u64, Refusal> {
    let session = draft.open_session()?;
    if session.status == SessionStatus::Active && session.agent.as_ref() == Some(agent) {
        Ok(session.ordinal)
    } else {
        Err(Refusal::WrongState)
    }
}

fn post(draft: &mut Draft<'_>, actor: &Actor, content: &Content, audience: Audience) -> Result<(), Refusal> {
    content.validate()?;
    let (by, by_name) = match actor {
        Actor::Worker => (None, None),
        Actor::User { user, role, name } => {
            may_post(draft, user, *role, content, audience)?;
            (Some(user.clone()), name.clone())
        }
    };
    draft.push(Event::Message { by, by_name, content: content.clone(), audience });
    Ok(())
}

fn may_post(
    draft: &mut Draft<'_>,
    user: &User,
    role: Role,
    content: &Content,
    audience: Audience,
) -> Result<(), Refusal> {
    may_say(role, content)?;
    if audience == Audience::Staff && user.kind != UserKind::Agent {
        return Err(Refusal::RoleMayNot);
    }
    let support = draft.state.id.kind() == ConversationKind::Support;
    if !draft.state.has_active(user) {
        if !(support && role.oversees()) {
            return Err(Refusal::NotAMember);
        }
        draft.push(Event::MemberAdded { user: user.clone() });
    }
    if support && user.kind == UserKind::Customer && draft.state.open_session().is_none() {
        begin_session(draft)?;
    }
    Ok(())
}

/// Notices in the name of the organisation are for those who oversee.
fn may_say(role: Role, content: &Content) -> Result<(), Refusal> {
    if matches!(content, Content::System(_)) && !role.oversees() { Err(Refusal::RoleMayNot) } else { Ok(()) }
}

/// Once its visitor is linked, a conversation only finishes what is open in it: whoever uses that browser next must not go
/// on where the person reads along.
fn begin_session(draft: &mut Draft<'_>) -> Result<(), Refusal> {
    if draft.state.linked_person().is_some() {
        return Err(Refusal::Linked);
    }
    let session = draft.state.session.as_ref().map_or(0, |session| session.ordinal) + 1;
    draft.push(Event::SessionOpened { session });
    queue(draft, session, QueueReason::Opened, draft.now)
}

fn queue(draft: &mut Draft<'_>, session: u64, reason: QueueReason, opened_at: At) -> Result<(), Refusal> {
    let customer = draft.state.customer().cloned().ok_or(Refusal::WrongState)?;
    let name = draft.state.members.get(&customer).and_then(|member| member.name.clone());
    draft.push(Event::SessionQueued { session, reason, opened_at, customer, name });
    Ok(())
}

fn open_session(draft: &mut Draft<'_>, actor: &Actor) -> Result<(), Refusal> {
    if draft.state.id.kind() != ConversationKind::Support {
        return Err(Refusal::WrongState);
    }
    if let Actor::User { user, .. } = actor
        && user.kind == UserKind::Customer
        && !draft.state.has_active(user)
    {
        return Err(Refusal::NotAMember);
    }
    if draft.state.open_session().is_none() {
        begin_session(draft)?;
    }
    Ok(())
}

fn editable<'a>(draft: &Draft<'a>, actor: &Actor, seq: u64) -> Result<(&'a EditableMessage, User), Refusal> {
    let Actor::User { user, role, .. } = actor else { return Err(Refusal::RoleMayNot) };
    let support = draft.state.id.kind() == ConversationKind::Support;
    let overseen = support && role.oversees();
    if !draft.state.has_active(user) && !overseen {
        return Err(Refusal::NotAMember);
    }
    if seq == 0 || seq > draft.state.seq {
        return Err(Refusal::NoMessage);
    }
    let message = draft.base.editable.iter().find(|message| message.seq == seq).ok_or(Refusal::TooLate)?;
    if message.by.as_ref() != Some(user) && !role.oversees() {
        return Err(Refusal::NotTheAuthor);
    }
    if message.recalled {
        return Err(Refusal::Recalled);
    }
    if draft.now.millis_since(message.at) > EDIT_WINDOW_MS {
        return Err(Refusal::TooLate);
    }
    Ok((message, user.clone()))
}

fn edit(draft: &mut Draft<'_>, actor: &Actor, seq: u64, content: &Content) -> Result<(), Refusal> {
    content.validate()?;
    if let Actor::User { role, .. } = actor {
        may_say(*role, content)?;
    }
    let (_, by) = editable(draft, actor, seq)?;
    draft.push(Event::Edited { message: seq, by, content: content.clone() });
    Ok(())
}

fn recall(draft: &mut Draft<'_>, actor: &Actor, seq: u64) -> Result<(), Refusal> {
    let (_, by) = editable(draft, actor, seq)?;
    draft.push(Event::Recalled { message: seq, by });
    Ok(())
}

fn mark(draft: &mut Draft<'_>, actor: &Actor, read: Option<u64>, delivered: Option<u64>) -> Result<(), Refusal> {
    let user = actor.user().ok_or(Refusal::RoleMayNot)?;
    let head = draft.state.seq;
    let member = draft.state.members.get(user).filter(|member| member.is_active()).ok_or(Refusal::NotAMember)?;
    let read = read.unwrap_or(0).min(head).max(member.read);
    let delivered = delivered.unwrap_or(0).min(head).max(member.delivered).max(read);
    if (read, delivered) != (member.read, member.delivered) {
        draft.push(Event::Marked { user: user.clone(), read, delivered });
    }
    Ok(())
}

fn add_member(draft: &mut Draft<'_>, actor: &Actor, user: &User) -> Result<(), Refusal> {
    let Actor::User { user: by, role, .. } = actor else { return Err(Refusal::RoleMayNot) };
    if draft.state.id.kind() != ConversationKind::Room || by.kind != UserKind::Agent {
        return Err(Refusal::RoleMayNot);
    }
    if !draft.state.has_active(by) && !role.oversees() {
        return Err(Refusal::NotAMember);
    }
    if draft.state.has_active(user) {
        return Err(Refusal::AlreadyAMember);
    }
    if draft.state.members.values().filter(|member| member.is_active()).count() >= MEMBERS {
        return Err(Refusal::TooManyMembers);
    }
    draft.push(Event::MemberAdded { user: user.clone() });
    Ok(())
}

fn remove_member(draft: &mut Draft<'_>, actor: &Actor, user: &User) -> Result<(), Refusal> {
    let Actor::User { user: by, role, .. } = actor else { return Err(Refusal::RoleMayNot) };
    if draft.state.id.kind() != ConversationKind::Room || (by != user && !role.oversees()) {
        return Err(Refusal::RoleMayNot);
    }
    if !draft.state.has_active(user) {
        return Err(Refusal::NotAMember);
    }
    draft.push(Event::MemberRemoved { user: user.clone() });
    Ok(())
}

/// Only the visitor whose conversation it is can be linked, to one person for good; saying it again changes nothing.
fn link(draft: &mut Draft<'_>, actor: &Actor, person: &User) -> Result<(), Refusal> {
    let visitor = actor.user().filter(|user| draft.state.is_support_of(user)).ok_or(Refusal::RoleMayNot)?;
    if visitor.kind != UserKind::Customer || person.kind != UserKind::Customer || person == visitor {
        return Err(Refusal::RoleMayNot);
    }
    match draft.state.linked_person() {
        Some(linked) if linked == person => Ok(()),
        Some(_) => Err(Refusal::LinkedToAnother),
        None => {
            draft.push(Event::MemberAdded { user: person.clone() });
            Ok(())
        }
    }
}

fn end_session(draft: &mut Draft<'_>, actor: &Actor, reason: Option<&str>) -> Result<(), Refusal> {
    if let Some(reason) = reason {
        check_text(reason, REASON_CHARS)?;
    }
    if let Actor::User { user, role, .. } = actor
        && !role.oversees()
        && !draft.state.has_active(user)
    {
        return Err(Refusal::NotAMember);
    }
    let session = draft.open_session()?.ordinal;
    draft.push(Event::SessionEnded { session, by: actor.user().cloned(), reason: reason.map(str::to_owned) });
    Ok(())
}

fn rate(draft: &mut Draft<'_>, actor: &Actor, ordinal: u64, score: u8, comment: Option<&str>) -> Result<(), Refusal> {
    if !(1..=5).contains(&score) {
        return Err(Refusal::BadField);
    }
    if let Some(comment) = comment {
        check_text(comment, COMMENT_CHARS)?;
    }
    let user = actor.user().ok_or(Refusal::RoleMayNot)?;
    if user.kind != UserKind::Customer {
        return Err(Refusal::RoleMayNot);
    }
    if !draft.state.has_active(user) {
        return Err(Refusal::NotAMember);
    }
    let session =
        draft.state.session.as_ref().filter(|session| session.ordinal == ordinal).ok_or(Refusal::NoSession)?;
    if session.status != SessionStatus::Ended {
        return Err(Refusal::WrongState);
    }
    if session.rating.is_some() {
        return Err(Refusal::RatedAlready);
    }
    draft.push(Event::SessionRated { session: ordinal, score, comment: comment.map(str::to_owned) });
    Ok(())
}
