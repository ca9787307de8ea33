use std::collections::{BTreeMap, VecDeque};

use kefu_model::command::Answer;
use kefu_model::content::{Attachment, Card};
use kefu_model::conversation::{
    DeviceLog, EditableMessage, Interval, KeptAnswer, KeyEntry, Member, Session, SessionStatus,
};
use kefu_model::event::QueueReason;
use kefu_model::{
    At, Audience, CommandHash, Content, Conversation, ConversationId, Event, Name, Refusal, TenantId, User, UserId,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::Index;

use super::event::Body;
use super::{Blob, CheckpointBody};
use crate::{Checkpoint, LogReader, StoreError};

fn user() -> impl Strategy<Value = User> {
    (any::<bool>(), "[a-z0-9客]{1,8}").prop_map(|(agent, id)| {
        let id = UserId::new(&id).unwrap();
        if agent { User::agent(id) } else { User::customer(id) }
    })
}

fn name() -> impl Strategy<Value = Option<Name>> {
    option::of("[a-z小王 ]{1,12}".prop_map(|text| Name::new(&text).unwrap()))
}

fn attachment() -> impl Strategy<Value = Attachment> {
    (".{1,8}", ".{1,8}", any::<u64>(), option::of(any::<u32>()), option::of(any::<u64>())).prop_map(
        |(file_id, name, size_bytes, width_px, duration_ms)| Attachment {
            file_id,
            name,
            size_bytes,
            mime: "image/png".into(),
            width_px,
            height_px: width_px,
            duration_ms,
        },
    )
}

fn content() -> impl Strategy<Value = Content> {
    let card = (".{1,8}", option::of(".{0,8}"), vec((".{0,4}", ".{0,4}"), 0..3)).prop_map(|(title, text, fields)| {
        Content::Card(Card { title, url: text.clone(), image_url: None, text, fields })
    });
    prop_oneof![
        ".{0,40}".prop_map(Content::Text),
        attachment().prop_map(Content::Image),
        attachment().prop_map(Content::File),
        attachment().prop_map(Content::Audio),
        attachment().prop_map(Content::Video),
        card,
        ".{0,40}".prop_map(Content::System),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let message = (option::of(user()), name(), content(), any::<bool>()).prop_map(|(by, by_name, content, staff)| {
        let audience = if staff { Audience::Staff } else { Audience::All };
        Event::Message { by, by_name, content, audience }
    });
    let reason = prop_oneof![Just(QueueReason::Opened), Just(QueueReason::AgentGone), Just(QueueReason::Released)];
    prop_oneof![
        message,
        user().prop_map(|user| Event::MemberAdded { user }),
        user().prop_map(|user| Event::MemberRemoved { user }),
        any::<u64>().prop_map(|session| Event::SessionOpened { session }),
        (any::<u64>(), reason, user(), name()).prop_map(|(session, reason, customer, name)| Event::SessionQueued {
            session,
            reason,
            opened_at: At(session),
            customer,
            name,
        }),
        (any::<u64>(), user(), name(), ".{0,9}").prop_map(|(session, agent, name, reason)| Event::SessionAssigned {
            session,
            agent,
            name,
            reason
        }),
        (any::<u64>(), user(), user(), name(), ".{0,9}").prop_map(|(session, from, agent, name, reason)| {
            Event::SessionTransferred { session, from, agent, name, reason }
        }),
        (any::<u64>(), option::of(user()), option::of(".{0,9}"))
            .prop_map(|(session, by, reason)| Event::SessionEnded { session, by, reason }),
        (any::<u64>(), 1..=5u8, option::of(".{0,9}")).prop_map(|(session, score, comment)| Event::SessionRated {
            session,
            score,
            comment
        }),
    ]
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        (any::<u64>(), option::of(any::<u64>()), any::<u64>()).prop_map(|(rev, seq, at)| Answer::Accepted {
            rev,
            seq,
            at: At(at)
        }),
        (0..Refusal::ALL.len(), option::of(any::<u64>()))
            .prop_map(|(index, expected_n)| Answer::Refused { refusal: Refusal::ALL[index], expected_n }),
    ]
}

fn kept() -> impl Strategy<Value = KeptAnswer> {
    (any::<[u8; 16]>(), answer()).prop_map(|(hash, answer)| KeptAnswer { hash: CommandHash(hash), answer })
}

fn member() -> impl Strategy<Value = Member> {
    (name(), vec((any::<u64>(), option::of(any::<u64>())), 0..4), any::<u64>(), any::<u64>()).prop_map(
        |(name, intervals, read, delivered)| Member {
            name,
            intervals: intervals.into_iter().map(|(from, until)| Interval { from, until }).collect(),
            read,
            delivered,
        },
    )
}

fn session() -> impl Strategy<Value = Session> {
    let status = prop_oneof![Just(SessionStatus::Waiting), Just(SessionStatus::Active), Just(SessionStatus::Ended)];
    (any::<u64>(), status, any::<u64>(), option::of(user()), option::of(any::<u64>()), option::of(1..=5u8)).prop_map(
        |(ordinal, status, at, agent, ended_at, rating)| Session {
            ordinal,
            status,
            opened_at: At(at),
            queued_rev: at,
            ended_by: agent.clone(),
            agent,
            assigned_at: ended_at.map(At),
            ended_at: ended_at.map(At),
            rating,
        },
    )
}

fn conversation() -> impl Strategy<Value = Conversation> {
    let editable = (any::<u64>(), option::of(user()), any::<u64>(), any::<bool>())
        .prop_map(|(seq, by, at, recalled)| EditableMessage { seq, by, at: At(at), recalled });
    (any::<[u8; 16]>(), any::<u64>(), vec((user(), member()), 0..4), option::of(session()), vec(editable, 0..4))
        .prop_map(|(bits, rev, members, session, mut editable)| {
            // No message is ahead of its conversation.
            editable.iter_mut().for_each(|message| {
                message.seq %= rev / 2 + 1;
                message.at.0 %= rev.saturating_add(1);
            });
            Conversation {
                tenant: TenantId::new("t1").unwrap(),
                id: ConversationId::room(bits),
                rev,
                seq: rev / 2,
                updated_at: At(rev),
                members: members.into_iter().collect::<BTreeMap<_, _>>(),
                session,
                editable: editable.into(),
            }
        })
}

proptest! {
    #[test]
    fn contents_come_back(content in content()) {
        prop_assert_eq!(Content::from_blob(&content.to_blob().unwrap()).unwrap(), content);
    }

    #[test]
    fn events_come_back(event in event()) {
        prop_assert_eq!(Body::from_blob(&Body(event.clone()).to_blob().unwrap()).unwrap().0, event);
    }

    #[test]
    fn states_come_back(state in conversation()) {
        prop_assert_eq!(Conversation::from_blob(&state.to_blob().unwrap()).unwrap(), state);
    }

    #[test]
    fn device_logs_and_keys_come_back(kept in vec(kept(), 0..5), last_n: u64, at: u64) {
        let log = DeviceLog { last_n, answers: VecDeque::from(kept.clone()) };
        prop_assert_eq!(DeviceLog::from_blob(&log.to_blob().unwrap()).unwrap(), log);
        for kept in kept {
            let entry = KeyEntry { kept, at: At(at) };
            prop_assert_eq!(KeyEntry::from_blob(&entry.to_blob().unwrap()).unwrap(), entry);
        }
    }

    #[test]
    fn garbage_is_an_error_and_no_panic(bytes in vec(any::<u8>(), 0..200)) {
        let _ = Conversation::from_blob(&bytes);
        let _ = Body::from_blob(&bytes);
        let _ = DeviceLog::from_blob(&bytes);
        let _ = CheckpointBody::from_blob(&bytes);
    }

    /// Bytes that get further than to the version.
    #[test]
    fn a_damaged_checkpoint_is_an_error_or_another_one_and_no_panic(
        reader in 0..4usize,
        state in vec(any::<u8>(), 0..300),
        at: Index,
        byte: u8,
        length: Index,
        garbage in vec(any::<u8>(), 0..200),
    ) {
        let reader = [LogReader::Archiver, LogReader::Reporter, LogReader::Assigner, LogReader::Search][reader];
        let checkpoint = Checkpoint { reader, state, ..crate::conformance::sample::checkpoint(3, 77) };
        let whole = CheckpointBody(checkpoint.clone()).to_blob().unwrap();
        let mut changed = whole.clone();
        changed[at.index(whole.len())] = byte;
        if let Ok(CheckpointBody(read)) = CheckpointBody::from_blob(&changed) {
            let again = CheckpointBody::from_blob(&CheckpointBody(read.clone()).to_blob().unwrap()).unwrap();
            prop_assert_eq!(again.0, read);
        }
        let cut = &whole[..length.index(whole.len())];
        prop_assert!(CheckpointBody::from_blob(cut).is_err(), "{} of {} bytes", cut.len(), whole.len());
        let _ = CheckpointBody::from_blob(&[&whole[..1], garbage.as_slice()].concat());
    }
}

#[test]
fn an_unknown_version_is_named() {
    let mut blob = Content::Text("你好".into()).to_blob().unwrap();
    blob[0] = 9;
    let error = Content::from_blob(&blob).unwrap_err();
    assert!(matches!(error, StoreError::UnknownVersion { what: "content", found: 9, known: 1 }), "{error}");
    assert!(matches!(Content::from_blob(&[]), Err(StoreError::Corrupt { .. })));
}

#[test]
fn checkpoints_come_back() {
    let checkpoint = crate::conformance::sample::checkpoint(3, 77);
    for reader in [LogReader::Archiver, LogReader::Reporter, LogReader::Assigner, LogReader::Search] {
        let checkpoint = Checkpoint { reader, ..checkpoint.clone() };
        let blob = CheckpointBody(checkpoint.clone()).to_blob().unwrap();
        assert_eq!(CheckpointBody::from_blob(&blob).unwrap().0, checkpoint);
    }
}

/// Errors go into logs, and what is stored does not.
#[test]
fn what_cannot_be_read_is_not_quoted() {
    #[derive(Debug, serde::Deserialize)]
    enum Known {
        #[serde(rename = "k")]
        Kind,
    }
    let read = |text: &str| super::decode::<Known>("row", 1, &super::encode("row", 1, &text).unwrap());
    assert!(matches!(read("k"), Ok(Known::Kind)));
    let told = read("a secret").unwrap_err().to_string();
    assert_eq!(told, "a stored row cannot be read: a value is none that is known here");
    let blob = super::encode("row", 1, &"a secret").unwrap();
    let told = super::decode::<Vec<u64>>("row", 1, &blob).unwrap_err().to_string();
    assert_eq!(told, "a stored row cannot be read: a value is none that is known here");
}
