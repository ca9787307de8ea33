//! Any values of the vocabulary.

mod allocation;
mod report;

use kefu_model::allocation::QueuePlace;
use kefu_model::command::Parties;
use kefu_model::content::{Attachment, Card};
use kefu_model::conversation::{Interval, Member, Session, SessionStatus};
use kefu_model::event::QueueReason;
use kefu_model::ids::{CommandKey, UserId};
use kefu_model::{
    Actor, At, Audience, Body, Command, CommandHash, Content, Conversation, ConversationId, DeviceId, Event, Identity,
    Name, Numbered, Outcome, Refusal, Role, TenantId, User, UserKind, Verdict,
};
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use self::allocation::status;
pub(super) use self::allocation::{allocation_command, allocation_outcome, allocation_state};
pub(super) use self::report::heard;
use crate::notice::Notice;
use crate::view::Snapshot;

fn tenant() -> impl Strategy<Value = TenantId> {
    "[A-Za-z0-9_-]{1,12}".prop_map(|text| TenantId::new(&text).unwrap())
}

fn user_id() -> impl Strategy<Value = UserId> {
    "[a-z客@.]{1,12}".prop_map(|text| UserId::new(&text).unwrap())
}

fn user() -> impl Strategy<Value = User> {
    (any::<bool>(), user_id()).prop_map(|(agent, id)| {
        let kind = if agent { UserKind::Agent } else { UserKind::Customer };
        User { kind, id }
    })
}

fn name() -> impl Strategy<Value = Option<Name>> {
    of("[A-Z王 ]{1,10}".prop_map(|text| Name::new(&text).unwrap()))
}

fn conversation() -> impl Strategy<Value = ConversationId> {
    (select(b"sdr".to_vec()), any::<[u8; 16]>()).prop_map(|(kind, bits)| {
        let bytes: Vec<u8> = std::iter::once(kind).chain(bits).collect();
        ConversationId::from_bytes(&bytes).unwrap()
    })
}

fn text() -> impl Strategy<Value = String> {
    "\\PC{0,20}"
}

fn at() -> impl Strategy<Value = At> {
    any::<u64>().prop_map(At)
}

fn audience() -> impl Strategy<Value = Audience> {
    select(vec![Audience::All, Audience::Staff])
}

fn reason() -> impl Strategy<Value = QueueReason> {
    select(vec![QueueReason::Opened, QueueReason::AgentGone, QueueReason::Released])
}

fn attachment() -> impl Strategy<Value = Attachment> {
    let sizes = (any::<u64>(), of(any::<u32>()), of(any::<u32>()), of(any::<u64>()));
    (text(), text(), text(), sizes).prop_map(|(file_id, name, mime, (size_bytes, width_px, height_px, duration_ms))| {
        Attachment { file_id, name, size_bytes, mime, width_px, height_px, duration_ms }
    })
}

fn content() -> impl Strategy<Value = Content> {
    let card = (text(), of(text()), of(text()), of(text()), vec((text(), text()), 0..4));
    prop_oneof![
        text().prop_map(Content::Text),
        text().prop_map(Content::System),
        attachment().prop_map(Content::Image),
        attachment().prop_map(Content::File),
        attachment().prop_map(Content::Audio),
        attachment().prop_map(Content::Video),
        card.prop_map(|(title, text, url, image_url, fields)| {
            Content::Card(Card { title, text, url, image_url, fields })
        }),
    ]
}

fn identity() -> impl Strategy<Value = Option<Identity>> {
    of(prop_oneof![
        ("[a-z0-9]{1,10}", any::<u64>())
            .prop_map(|(device, n)| Identity::Device { device: DeviceId::new(&device).unwrap(), n }),
        "[ -~客]{1,20}".prop_map(|key| Identity::Key(CommandKey::new(&key).unwrap())),
    ])
}

fn hash() -> impl Strategy<Value = CommandHash> {
    any::<[u8; 16]>().prop_map(CommandHash)
}

fn body() -> impl Strategy<Value = Body> {
    prop_oneof![
        (content(), audience()).prop_map(|(content, audience)| Body::Message { content, audience }),
        (any::<u64>(), content()).prop_map(|(seq, content)| Body::Edit { seq, content }),
        any::<u64>().prop_map(|seq| Body::Recall { seq }),
        (of(any::<u64>()), of(any::<u64>())).prop_map(|(read, delivered)| Body::Mark { read, delivered }),
        user().prop_map(|user| Body::AddMember { user }),
        user().prop_map(|user| Body::RemoveMember { user }),
        user().prop_map(|person| Body::Link { person }),
        Just(Body::OpenSession),
        (user(), name(), any::<u64>(), text()).prop_map(|(agent, name, queued_rev, reason)| Body::Assign {
            agent,
            name,
            queued_rev,
            reason
        }),
        (user(), user(), name(), text()).prop_map(|(from, agent, name, reason)| Body::Transfer {
            from,
            agent,
            name,
            reason
        }),
        (user(), reason()).prop_map(|(from, reason)| Body::Requeue { from, reason }),
        of(text()).prop_map(|reason| Body::EndSession { reason }),
        (any::<u64>(), any::<u8>(), of(text())).prop_map(|(session, score, comment)| Body::Rate {
            session,
            score,
            comment
        }),
    ]
}

fn actor() -> impl Strategy<Value = Actor> {
    let role = select(vec![Role::Customer, Role::Agent, Role::Supervisor, Role::Admin]);
    let user = (user(), role, name()).prop_map(|(user, role, name)| Actor::User { user, role, name });
    prop_oneof![Just(Actor::Worker), user]
}

fn parties() -> impl Strategy<Value = Option<Parties>> {
    of(prop_oneof![
        (user(), name()).prop_map(|(customer, name)| Parties::Support { customer, name }),
        (user(), user()).prop_map(|(a, b)| Parties::Direct(a, b)),
    ])
}

pub(super) fn command() -> impl Strategy<Value = Command> {
    (tenant(), conversation(), actor(), identity(), hash(), parties(), body()).prop_map(
        |(tenant, conversation, actor, identity, hash, parties, body)| Command {
            tenant,
            conversation,
            actor,
            identity,
            hash,
            parties,
            body,
        },
    )
}

fn event() -> impl Strategy<Value = Event> {
    let number = any::<u64>;
    prop_oneof![
        vec((user(), name()), 0..3).prop_map(|members| Event::Created { members }),
        (of(user()), name(), content(), audience()).prop_map(|(by, by_name, content, audience)| Event::Message {
            by,
            by_name,
            content,
            audience
        }),
        (number(), user(), content()).prop_map(|(message, by, content)| Event::Edited { message, by, content }),
        (number(), user()).prop_map(|(message, by)| Event::Recalled { message, by }),
        (user(), number(), number()).prop_map(|(user, read, delivered)| Event::Marked { user, read, delivered }),
        user().prop_map(|user| Event::MemberAdded { user }),
        user().prop_map(|user| Event::MemberRemoved { user }),
        number().prop_map(|session| Event::SessionOpened { session }),
        (number(), reason(), at(), user(), name()).prop_map(|(session, reason, opened_at, customer, name)| {
            Event::SessionQueued { session, reason, opened_at, customer, name }
        }),
        (number(), user(), name(), text()).prop_map(|(session, agent, name, reason)| Event::SessionAssigned {
            session,
            agent,
            name,
            reason
        }),
        (number(), user(), user(), name(), text()).prop_map(|(session, from, agent, name, reason)| {
            Event::SessionTransferred { session, from, agent, name, reason }
        }),
        (number(), of(user()), of(text())).prop_map(|(session, by, reason)| Event::SessionEnded {
            session,
            by,
            reason
        }),
        (number(), any::<u8>(), of(text())).prop_map(|(session, score, comment)| Event::SessionRated {
            session,
            score,
            comment
        }),
    ]
}

pub(super) fn outcome() -> impl Strategy<Value = Outcome> {
    let numbered = (any::<u64>(), any::<u64>(), event()).prop_map(|(rev, seq, event)| Numbered { rev, seq, event });
    let verdict = prop_oneof![
        4 => vec(numbered, 0..4).prop_map(Verdict::Accepted),
        1 => select(Refusal::ALL.to_vec()).prop_map(Verdict::Refused),
    ];
    (tenant(), conversation(), identity(), hash(), at(), any::<u64>(), verdict).prop_map(
        |(tenant, conversation, identity, hash, at, rev, verdict)| Outcome {
            tenant,
            conversation,
            identity,
            hash,
            at,
            rev,
            verdict,
        },
    )
}

fn session() -> impl Strategy<Value = Session> {
    let status = select(vec![SessionStatus::Waiting, SessionStatus::Active, SessionStatus::Ended]);
    let numbers = (any::<u64>(), any::<u64>(), of(any::<u8>()));
    (numbers, status, at(), of(user()), of(at()), of(at()), of(user())).prop_map(
        |((ordinal, queued_rev, rating), status, opened_at, agent, assigned_at, ended_at, ended_by)| Session {
            ordinal,
            status,
            opened_at,
            queued_rev,
            agent,
            assigned_at,
            ended_at,
            ended_by,
            rating,
        },
    )
}

/// Editable messages are left out of snapshots.
pub(super) fn snapshot() -> impl Strategy<Value = Snapshot> {
    let interval = (any::<u64>(), of(any::<u64>())).prop_map(|(from, until)| Interval { from, until });
    let member = (name(), vec(interval, 0..4), any::<u64>(), any::<u64>())
        .prop_map(|(name, intervals, read, delivered)| Member { name, intervals, read, delivered });
    let numbers = any::<(u64, u64, u64)>();
    (tenant(), conversation(), numbers, at(), btree_map(user(), member, 0..4), of(session())).prop_map(
        |(tenant, id, (epoch, rev, seq), updated_at, members, session)| {
            let absent = Conversation::absent(tenant, id);
            Snapshot { epoch, conversation: Conversation { rev, seq, updated_at, members, session, ..absent } }
        },
    )
}

pub(super) fn notice() -> impl Strategy<Value = Notice> {
    let place = (conversation(), any::<u64>(), of(any::<u64>()))
        .prop_map(|(id, position, estimate_s)| (id, QueuePlace { position, estimate_s }));
    let typing = (tenant(), conversation(), user(), any::<bool>(), of(text()), text());
    prop_oneof![
        typing.prop_map(|(tenant, conversation, user, on, preview, connection)| Notice::Typing {
            tenant,
            conversation,
            user,
            on,
            preview,
            connection
        }),
        (tenant(), user(), status()).prop_map(|(tenant, user, status)| Notice::Presence { tenant, user, status }),
        (tenant(), vec(user(), 0..4), vec(user(), 0..4)).prop_map(|(tenant, online, offline)| Notice::Customers {
            tenant,
            online: online.into_iter().map(|user| user.id).collect(),
            offline: offline.into_iter().map(|user| user.id).collect()
        }),
        (tenant(), user(), conversation()).prop_map(|(tenant, user, conversation)| Notice::Added {
            tenant,
            user,
            conversation
        }),
        (tenant(), vec(place, 0..4), any::<u64>()).prop_map(|(tenant, places, waiting)| Notice::Places {
            tenant,
            places,
            waiting
        }),
        (tenant(), user(), of(text())).prop_map(|(tenant, user, session)| Notice::Revoked { tenant, user, session }),
        (tenant(), of(text()), of(user())).prop_map(|(tenant, connection, user)| Notice::Disconnect {
            tenant,
            connection,
            user
        }),
    ]
}
