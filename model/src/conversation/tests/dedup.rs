use super::*;
use crate::limits::DEVICE_WINDOW;

fn device(id: &str, n: u64) -> Option<Identity> {
    Some(Identity::Device { device: DeviceId::new(id).unwrap(), n })
}

fn key(text: &str) -> Option<Identity> {
    Some(Identity::Key(CommandKey::new(text).unwrap()))
}

fn not_next(expected_n: u64) -> Answer {
    Answer::Refused { refusal: Refusal::NotNext, expected_n: Some(expected_n) }
}

impl Talk {
    fn send(&mut self, identity: Option<Identity>, body: Body) -> Answer {
        let command = self.command(visitor(), identity, body);
        self.submit(&command).unwrap()
    }
}

#[test]
fn the_same_command_gets_the_same_answer_and_happens_once() {
    for identity in [device("d", 1), key("order 17")] {
        let mut talk = Talk::support();
        let first = talk.send(identity.clone(), message("hello"));
        talk.now.0 += 5_000;
        numbers(talk.ask(visitor(), message("in between")));
        for _ in 0..3 {
            assert_eq!(talk.send(identity.clone(), message("hello")), first);
        }
        assert_eq!((talk.log.len(), talk.state.seq), (2, 2));
    }
}

#[test]
fn a_refusal_is_an_answer_too() {
    let mut talk = Talk::active();
    let rate = Body::Rate { session: 1, score: 5, comment: None };
    for identity in [device("d", 1), key("k")] {
        assert_eq!(talk.send(identity, rate.clone()), refused(Refusal::WrongState));
    }
    let rev = talk.state.rev;
    numbers(talk.end(visitor()));
    for identity in [device("d", 1), key("k")] {
        assert_eq!(talk.send(identity, rate.clone()), refused(Refusal::WrongState), "though it could be done now");
    }
    assert_eq!(talk.state.rev, rev + 1);
    numbers(talk.send(device("d", 2), rate));
}

#[test]
fn other_content_under_the_same_identity_is_refused() {
    for identity in [device("d", 1), key("k")] {
        let mut talk = Talk::support();
        numbers(talk.send(identity.clone(), message("hello")));
        assert_eq!(talk.send(identity, message("other")), refused(Refusal::OtherContent));
        assert_eq!(talk.state.seq, 1);
    }
}

#[test]
fn a_device_counts_without_holes() {
    let mut talk = Talk::support();
    assert_eq!(talk.send(device("d", 2), message("two")), not_next(1));
    assert_eq!(talk.send(device("d", 0), message("zero")), not_next(1));
    numbers(talk.send(device("d", 1), message("one")));
    assert_eq!(talk.send(device("d", 3), message("three")), not_next(2));
    numbers(talk.send(device("d", 2), message("two")));
    numbers(talk.send(device("e", 1), message("another device counts for itself")));
    assert_eq!(talk.state.seq, 3);
}

#[test]
fn the_last_answers_are_kept() {
    let window = u64::try_from(DEVICE_WINDOW).unwrap();
    let mut talk = Talk::support();
    let answers: Vec<Answer> = (1..=window + 1).map(|n| talk.send(device("d", n), message(&format!("m{n}")))).collect();
    assert_eq!(talk.send(device("d", 1), message("m1")), refused(Refusal::Forgotten));
    for n in 2..=window + 1 {
        let index = usize::try_from(n).unwrap() - 1;
        assert_eq!(talk.send(device("d", n), message(&format!("m{n}"))), answers[index]);
    }
    assert_eq!(talk.devices[&DeviceId::new("d").unwrap()].answers.len(), DEVICE_WINDOW);
}

#[test]
fn a_key_is_remembered_for_a_time() {
    let mut talk = Talk::support();
    let first = talk.send(key("k"), message("hello"));
    talk.now.0 += KEY_RETENTION_MS;
    assert_eq!(talk.send(key("k"), message("hello")), first);
    talk.now.0 += 1;
    assert_ne!(talk.send(key("k"), message("hello")), first);
    assert_eq!(talk.state.seq, 2);
}

#[test]
fn remembering_twice_changes_nothing() {
    let answer = refused(Refusal::NoSession);
    let hash = CommandHash([1; 16]);
    let mut log = DeviceLog::default();
    log.remember(1, hash, answer);
    let once = log.clone();
    log.remember(1, CommandHash([2; 16]), refused(Refusal::TooLate));
    log.remember(3, hash, answer);
    assert_eq!(log, once);
}
