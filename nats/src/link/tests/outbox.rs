use super::super::outbox::{ENVELOPE_BYTES, ENVELOPE_COMMANDS, Outbox};
use super::*;
use crate::payload::EnvelopeWire;

type Told = mpsc::UnboundedReceiver<(u8, Result<(), Refusal>)>;

struct Desk {
    outbox: Outbox,
    told: Told,
    tell: mpsc::UnboundedSender<(u8, Result<(), Refusal>)>,
}

impl Desk {
    fn new() -> Self {
        let (tell, told) = mpsc::unbounded_channel();
        Self { outbox: Outbox::new("e".to_owned()), told, tell }
    }

    fn push(&mut self, number: u8, bytes: usize) {
        let tell = self.tell.clone();
        let mut command = vec![number];
        command.resize(bytes.max(1), 0);
        self.outbox.push(command.into(), Box::new(move |wire| tell.send((number, wire.map(drop))).unwrap()));
    }

    /// The first bytes of the next envelope's commands.
    fn envelope(&mut self) -> Vec<u8> {
        let Some(bytes) = self.outbox.envelope() else { return Vec::new() };
        let envelope: EnvelopeWire = payload::decode(&bytes).unwrap();
        envelope.items.iter().map(|(_, command)| command[0]).collect()
    }

    fn tick(&mut self) {
        self.outbox.tick(Duration::from_secs(1), Duration::from_secs(5));
    }

    fn told(&mut self) -> Vec<(u8, Result<(), Refusal>)> {
        std::iter::from_fn(|| self.told.try_recv().ok()).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn envelopes_are_bounded_in_bytes_and_commands() {
    let mut desk = Desk::new();
    desk.push(1, ENVELOPE_BYTES * 2);
    desk.push(2, ENVELOPE_BYTES / 2);
    desk.push(3, ENVELOPE_BYTES / 2);
    desk.push(4, 1);
    assert_eq!(desk.envelope(), [1], "one too large goes alone");
    assert_eq!(desk.envelope(), [2, 3]);
    assert_eq!(desk.envelope(), [4]);
    assert!(desk.envelope().is_empty());
    for _ in 0..=ENVELOPE_COMMANDS {
        desk.push(5, 1);
    }
    assert_eq!((desk.envelope().len(), desk.envelope().len()), (ENVELOPE_COMMANDS, 1));
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_again_keeps_its_order_among_the_new() {
    let mut desk = Desk::new();
    for number in 1..=3 {
        desk.push(number, 1);
    }
    assert_eq!(desk.envelope(), [1, 2, 3]);
    desk.outbox.answer(2, AnswerWire::Done);
    desk.push(4, 1);
    desk.outbox.resend_all();
    assert_eq!(desk.envelope(), [1, 3, 4]);
    assert_eq!(desk.told(), [(2, Ok(()))]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_before_the_second_sending_takes_it_out() {
    let mut desk = Desk::new();
    desk.push(1, 1);
    desk.push(2, 1);
    assert_eq!(desk.envelope(), [1, 2]);
    desk.outbox.resend_all();
    desk.outbox.answer(1, AnswerWire::Done);
    assert_eq!(desk.envelope(), [2]);
    desk.outbox.answer(1, AnswerWire::Done);
    assert_eq!(desk.told(), [(1, Ok(()))], "once");
}

#[tokio::test(start_paused = true)]
async fn the_oldest_decides_when_all_is_sent_again() {
    let mut desk = Desk::new();
    desk.push(1, 1);
    assert_eq!(desk.envelope(), [1]);
    tokio::time::advance(Duration::from_millis(700)).await;
    desk.push(2, 1);
    assert_eq!(desk.envelope(), [2]);
    desk.tick();
    assert!(desk.envelope().is_empty());
    tokio::time::advance(Duration::from_millis(400)).await;
    desk.tick();
    assert_eq!(desk.envelope(), [1, 2]);
    desk.tick();
    assert!(desk.envelope().is_empty(), "it was sent just now");
}

#[tokio::test(start_paused = true)]
async fn the_deadline_counts_from_when_it_was_asked() {
    let mut desk = Desk::new();
    desk.push(1, 1);
    tokio::time::advance(Duration::from_secs(3)).await;
    desk.push(2, 1);
    tokio::time::advance(Duration::from_secs(2)).await;
    desk.tick();
    assert_eq!(desk.told(), [(1, Err(Refusal::NoAnswer))]);
    desk.outbox.close();
    assert_eq!(desk.told(), [(2, Err(Refusal::NoAnswer))]);
}
