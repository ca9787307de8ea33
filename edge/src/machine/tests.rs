use std::collections::BTreeSet;

use kefu_model::{At, Refusal, TenantId, User, UserId};
use proptest::prelude::*;

use super::*;
use crate::auth::Credential;
use crate::frame::{AttachItem, Audience, CommandBody, Content};

const NOW: Now = Now { at: At(1_000_000), steady_ms: 1_000 };

/// So many milliseconds later.
fn after(ms: u64) -> Now {
    Now { at: At(NOW.at.0 + ms), steady_ms: NOW.steady_ms + ms }
}

fn settings() -> Settings {
    Settings {
        frame_bytes: 65_536,
        attach_items: 200,
        in_flight: 32,
        in_flight_total: 40,
        protocol_errors: 16,
        hello_timeout_ms: 10_000,
        silence_ms: 60_000,
        heartbeat_s: 30,
    }
}

fn visitor() -> Caller {
    Caller {
        tenant: TenantId::new("default").unwrap(),
        user: User::customer(UserId::new("v_1").unwrap()),
        role: kefu_model::Role::Customer,
        name: None,
        capacity: None,
        credential: Credential::Visitor { issued_at: At(0), expires_at: At(NOW.at.0 + 3_600_000) },
    }
}

fn support() -> ConversationId {
    ConversationId::support(&visitor().tenant, &visitor().user.id)
}

fn hello() -> ClientFrame {
    ClientFrame::Hello { v: 1, token: None, device: "d".into(), client: None, batch: false }
}

fn admission() -> Box<Admission> {
    Box::new(Admission { caller: visitor(), connection_id: "c".into(), status: None, renewed: None })
}

fn opened() -> Machine {
    let mut machine = Machine::new(NOW.steady_ms);
    machine.step(&settings(), Input::Frame(hello()), NOW);
    machine.step(&settings(), Input::Authenticated(Ok(admission())), NOW);
    let effects = machine.step(&settings(), Input::Joined(Ok(())), NOW);
    assert!(matches!(frames(&effects)[0], ServerFrame::Welcome(_)));
    machine
}

fn frames(effects: &Effects) -> Vec<ServerFrame> {
    let sent = effects.iter().filter_map(|effect| match effect {
        Effect::Send(frame) => Some((**frame).clone()),
        _ => None,
    });
    sent.collect()
}

fn closed_with(effects: &Effects) -> Option<Code> {
    effects.iter().find_map(|effect| match effect {
        Effect::Close(code) => Some(*code),
        _ => None,
    })
}

fn say(n: u64) -> Input {
    let body = CommandBody::Message { content: Content::Text { text: "hi".into() }, audience: Audience::All };
    Input::Frame(ClientFrame::Command { conversation: support().to_string(), n, body })
}

fn accepted(n: u64) -> Input {
    let answer = Answer::Accepted { rev: n, seq: Some(n), at: NOW.at };
    Input::Answer { conversation: support(), n: Some(n), answer }
}

#[test]
fn a_hello_is_checked_joined_and_welcomed_and_early_frames_wait() {
    let mut machine = Machine::new(NOW.steady_ms);
    let effects = machine.step(&settings(), Input::Frame(hello()), NOW);
    assert!(matches!(effects[..], [Effect::Authenticate { token: None }]));
    assert!(machine.step(&settings(), say(1), NOW).is_empty());
    let effects = machine.step(&settings(), Input::Authenticated(Ok(admission())), NOW);
    assert!(matches!(effects[..], [Effect::Join(_)]));
    let effects = machine.step(&settings(), Input::Joined(Ok(())), NOW);
    assert!(matches!(effects[..], [Effect::Send(_), Effect::Submit { n: Some(1), .. }]));
}

#[test]
fn the_wrong_start_is_refused() {
    let mut machine = Machine::new(NOW.steady_ms);
    let effects = machine.step(&settings(), say(1), NOW);
    assert_eq!(frames(&effects), vec![ServerFrame::error(Code::HelloOrder)]);
    let old = ClientFrame::Hello { v: 2, token: None, device: "d".into(), client: None, batch: false };
    assert_eq!(closed_with(&machine.step(&settings(), Input::Frame(old), NOW)), Some(Code::Version));

    let mut machine = Machine::new(NOW.steady_ms);
    machine.step(&settings(), Input::Frame(hello()), NOW);
    let effects = machine.step(&settings(), Input::Authenticated(Err(Code::Revoked)), NOW);
    assert_eq!(closed_with(&effects), Some(Code::Revoked));
    assert!(machine.step(&settings(), Input::Tick, NOW).is_empty());
}

#[test]
fn a_second_hello_is_an_error_and_the_sixteenth_error_closes() {
    let mut machine = opened();
    for _ in 0..15 {
        let effects = machine.step(&settings(), Input::Frame(hello()), NOW);
        assert_eq!(frames(&effects), vec![ServerFrame::error(Code::HelloOrder)]);
    }
    let effects = machine.step(&settings(), Input::Malformed(Code::NotAFrame), NOW);
    assert_eq!(closed_with(&effects), Some(Code::Protocol));
}

#[test]
fn commands_carry_the_credentials_tenant_user_and_device() {
    let mut machine = opened();
    let effects = machine.step(&settings(), say(1), NOW);
    let [Effect::Submit { command, n: Some(1) }] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(command.tenant, visitor().tenant);
    assert_eq!(command.actor.user(), Some(&visitor().user));
    assert!(command.parties.is_some(), "a customer's first message opens their conversation");
    let device = DeviceId::new("d").unwrap();
    let internal = internal_device(&visitor().user, &device);
    assert_eq!(command.identity, Some(kefu_model::Identity::Device { device: internal.clone(), n: 1 }));
    assert_ne!(internal, internal_device(&User::agent(UserId::new("v_1").unwrap()), &device));
}

#[test]
fn thirty_two_commands_may_be_unanswered() {
    let mut machine = opened();
    for n in 1..=32 {
        assert!(matches!(machine.step(&settings(), say(n), NOW)[..], [Effect::Submit { .. }]));
    }
    let effects = machine.step(&settings(), say(33), NOW);
    let [ServerFrame::Rejected { code: 1004, n: 33, .. }] = frames(&effects)[..] else { panic!("{effects:?}") };
    let effects = machine.step(&settings(), accepted(1), NOW);
    let [ServerFrame::Ack { n: 1, seq: Some(1), .. }] = frames(&effects)[..] else { panic!("{effects:?}") };
    assert!(matches!(machine.step(&settings(), say(33), NOW)[..], [Effect::Submit { .. }]));
}

#[test]
fn a_refusal_says_what_to_do() {
    let mut machine = opened();
    machine.step(&settings(), say(5), NOW);
    let answer = Answer::Refused { refusal: Refusal::NotNext, expected_n: Some(1) };
    let effects = machine.step(&settings(), Input::Answer { conversation: support(), n: Some(5), answer }, NOW);
    let [ServerFrame::Rejected { code: 1001, expected_n: Some(1), retryable: false, .. }] = frames(&effects)[..] else {
        panic!("{effects:?}")
    };
}

#[test]
fn silence_and_a_missing_hello_close() {
    let mut machine = Machine::new(NOW.steady_ms);
    assert!(machine.step(&settings(), Input::Tick, after(9_999)).is_empty());
    assert_eq!(closed_with(&machine.step(&settings(), Input::Tick, after(10_000))), Some(Code::NoHello));

    let mut machine = opened();
    machine.step(&settings(), Input::Heard, after(30_000));
    assert!(machine.step(&settings(), Input::Tick, after(89_999)).is_empty());
    assert_eq!(closed_with(&machine.step(&settings(), Input::Tick, after(90_000))), Some(Code::Silent));
}

#[test]
fn a_clock_that_is_set_throws_nobody_out() {
    for hour in [NOW.at.0 - 900_000, NOW.at.0 + 3_000_000] {
        let mut machine = opened();
        let set = Now { at: At(hour), steady_ms: NOW.steady_ms + 1_000 };
        assert!(machine.step(&settings(), Input::Tick, set).is_empty());
        let silent = Now { at: At(hour), steady_ms: NOW.steady_ms + 60_000 };
        assert_eq!(closed_with(&machine.step(&settings(), Input::Tick, silent)), Some(Code::Silent));
    }
}

#[test]
fn a_credential_that_ran_out_closes() {
    let mut machine = opened();
    let later = after(3_600_000);
    machine.step(&settings(), Input::Heard, later);
    assert_eq!(closed_with(&machine.step(&settings(), Input::Tick, later)), Some(Code::Expired));
}

#[test]
fn customers_have_no_status_and_previews_are_bounded() {
    let mut machine = opened();
    let status = ClientFrame::Status { status: crate::frame::AgentStatus::Online };
    assert_eq!(frames(&machine.step(&settings(), Input::Frame(status), NOW)), vec![ServerFrame::error(Code::BadFrame)]);
    let typing = |preview: String| {
        Input::Frame(ClientFrame::Typing { conversation: support().to_string(), on: true, preview: Some(preview) })
    };
    assert!(matches!(machine.step(&settings(), typing("x".repeat(500)), NOW)[..], [Effect::Typing { .. }]));
    assert!(matches!(machine.step(&settings(), typing("x".repeat(501)), NOW)[..], [Effect::Send(_)]));
}

fn any_frame() -> impl Strategy<Value = Input> {
    let conversation = prop_oneof![Just(support().to_string()), "[a-z]{0,30}"];
    let text = (conversation.clone(), 0_u64..40).prop_map(|(conversation, n)| {
        let body = CommandBody::Message { content: Content::Text { text: "x".into() }, audience: Audience::Staff };
        Input::Frame(ClientFrame::Command { conversation, n, body })
    });
    let attach = (conversation.clone(), 0_usize..300).prop_map(|(conversation, count)| {
        let item = AttachItem { conversation, epoch: Some(1), rev: Some(1) };
        Input::Frame(ClientFrame::Attach { id: 1, items: vec![item; count] })
    });
    let mark = conversation.prop_map(|conversation| {
        Input::Frame(ClientFrame::Mark { conversation, read: Some(u64::MAX), delivered: None })
    });
    prop_oneof![
        4 => text,
        4 => (0_u64..40).prop_map(accepted),
        1 => attach,
        1 => mark,
        1 => Just(Input::Frame(hello())),
        1 => Just(Input::Frame(ClientFrame::Ping { id: Some(1) })),
        1 => Just(Input::Malformed(Code::UnknownKind)),
        1 => Just(Input::Authenticated(Ok(admission()))),
        1 => Just(Input::Joined(Ok(()))),
        1 => Just(Input::Tick),
        1 => Just(Input::Drain { reconnect_after_ms: 10 }),
    ]
}

proptest! {
    #[test]
    fn whatever_comes_limits_hold_and_every_submission_is_answered_once(
        inputs in proptest::collection::vec(any_frame(), 0..200)
    ) {
        let mut machine = Machine::new(NOW.steady_ms);
        let mut unanswered = Vec::new();
        let mut welcomed = false;
        for input in inputs {
            let answered = match &input {
                Input::Answer { n, .. } if !unanswered.is_empty() => *n,
                _ => None,
            };
            for effect in machine.step(&settings(), input, NOW) {
                match effect {
                    Effect::Submit { n: Some(n), .. } => {
                        prop_assert!(welcomed, "nothing is submitted before the welcome");
                        unanswered.push(n);
                        prop_assert!(unanswered.len() <= 32);
                    }
                    Effect::Send(frame) => match *frame {
                        ServerFrame::Welcome(_) => welcomed = true,
                        ServerFrame::Ack { n, .. } => {
                            prop_assert_eq!(Some(n), answered);
                            unanswered.pop();
                        }
                        _ => {}
                    },
                    _ => {}
                }
            }
        }
    }
}

#[test]
fn closing_happens_once() {
    let mut machine = opened();
    let mut codes = BTreeSet::new();
    for code in [Code::Revoked, Code::SlowConsumer, Code::Disconnected] {
        codes.extend(closed_with(&machine.step(&settings(), Input::Close(code), NOW)));
    }
    assert_eq!(codes.into_iter().collect::<Vec<_>>(), vec![Code::Revoked]);
    assert!(machine.is_closed());
}
