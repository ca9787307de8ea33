use kefu_model::command::Parties;
use kefu_model::conversation::{Decision, Prior, decide};
use kefu_model::event::QueueReason;
use kefu_model::ids::CommandKey;
use kefu_model::{
    Actor, At, Audience, Body, Command, CommandHash, Content, ConversationId, DeviceId, Name, Role, UserId,
};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// Two customers' conversations decided as an owner would.
struct Owner {
    states: Vec<Conversation>,
    devices: HashMap<(ConversationId, DeviceId), DeviceLog>,
    now: u64,
}

fn tenant() -> TenantId {
    TenantId::new("t").unwrap()
}

fn customer(number: usize) -> User {
    User::customer(UserId::new(&format!("c{number}")).unwrap())
}

fn agent(number: usize) -> User {
    User::agent(UserId::new(&format!("a{number}")).unwrap())
}

fn conversation(number: usize) -> ConversationId {
    ConversationId::support(&tenant(), &customer(number).id)
}

fn name(text: &str) -> Option<Name> {
    Some(Name::new(text).unwrap())
}

impl Owner {
    fn new() -> Self {
        let states = (0..2).map(|number| Conversation::absent(tenant(), conversation(number))).collect();
        Self { states, devices: HashMap::new(), now: 1_000 }
    }

    fn decide(&mut self, number: usize, actor: Actor, identity: Option<Identity>, body: Body) -> Option<Outcome> {
        self.now += 7;
        let parties = Some(Parties::Support { customer: customer(number), name: name("访客") });
        let command = Command {
            tenant: tenant(),
            conversation: conversation(number),
            actor,
            identity: identity.clone(),
            hash: CommandHash([3; 16]),
            parties,
            body,
        };
        let state = &mut self.states[number];
        let place = match &identity {
            Some(Identity::Device { device, .. }) => Some((state.id, device.clone())),
            _ => None,
        };
        let log = place.clone().map(|place| self.devices.entry(place).or_default().clone());
        let prior = match (&log, &identity) {
            (Some(log), _) => Prior::Device(log),
            (None, Some(_)) => Prior::Key(None),
            (None, None) => Prior::None,
        };
        let Decision::Record(outcome) = decide(state, prior, &command, At(self.now)) else { return None };
        state.apply(&outcome).unwrap();
        if let (Some(place), Some(Identity::Device { n, .. })) = (place, identity) {
            self.devices.entry(place).or_default().remember(n, outcome.hash, outcome.answer());
        }
        Some(outcome)
    }

    /// One of many things that may happen, chosen by a number.
    fn act(&mut self, step: usize, choice: usize) -> Option<Outcome> {
        let number = choice % 2;
        let by = |user: User, role| Actor::User { user, role, name: name("名") };
        let from_customer = by(customer(number), Role::Customer);
        let who = (choice / 2) % 3;
        let from_agent = by(agent(who), Role::Agent);
        let key = Some(Identity::Key(CommandKey::new(&format!("k{step}")).unwrap()));
        let device = DeviceId::new("d").unwrap();
        let n = self.devices.get(&(conversation(number), device.clone())).map_or(0, |log| log.last_n) + 1;
        let socket = Some(Identity::Device { device, n });
        let state = &self.states[number];
        let (seq, queued_rev) = (state.seq, state.session.as_ref().map_or(0, |session| session.queued_rev));
        let text = Content::Text(format!("message {step}"));
        let holder = state.session.as_ref().and_then(|session| session.agent.clone()).unwrap_or_else(|| agent(0));
        let say = |audience| Body::Message { content: text.clone(), audience };
        match (choice / 6) % 12 {
            0..=2 => self.decide(number, from_customer, socket, say(Audience::All)),
            3 => self.decide(number, from_agent, key, say(Audience::All)),
            4 => self.decide(number, by(agent(who), Role::Supervisor), key, say(Audience::Staff)),
            5 => {
                let body = Body::Assign { agent: agent(who), name: name("小王"), queued_rev, reason: "test".into() };
                self.decide(number, Actor::Worker, key, body)
            }
            6 => {
                let body =
                    Body::Transfer { from: holder, agent: agent(who), name: name("小李"), reason: "test".into() };
                self.decide(number, Actor::Worker, key, body)
            }
            7 => self.decide(number, Actor::Worker, key, Body::Requeue { from: holder, reason: QueueReason::Released }),
            8 => {
                let mark = Body::Mark { read: Some(seq), delivered: None };
                let actor = if who == 0 { from_customer } else { by(holder, Role::Agent) };
                self.decide(number, actor, None, mark)
            }
            9 => self.decide(number, from_customer, key, Body::Edit { seq, content: text }),
            10 if who == 0 => self.decide(number, from_customer, key, Body::Recall { seq }),
            10 => self.decide(number, from_customer, key, Body::EndSession { reason: Some("done".into()) }),
            _ if choice.is_multiple_of(7) => {
                let person = User::customer(UserId::new(&format!("person{number}")).unwrap());
                self.decide(number, from_customer, key, Body::Link { person })
            }
            _ => {
                let session = state.session.as_ref().map_or(1, |session| session.ordinal);
                let comment = Some("好".to_owned());
                self.decide(number, from_customer, key, Body::Rate { session, score: 5, comment })
            }
        }
    }
}

/// A log of records with one to three outcomes each; position 1 is a claim.
fn log_of(choices: &[usize]) -> Vec<Vec<Outcome>> {
    let mut owner = Owner::new();
    let outcomes: Vec<Outcome> =
        choices.iter().enumerate().filter_map(|(step, choice)| owner.act(step, *choice)).collect();
    outcomes.chunks(2).map(<[Outcome]>::to_vec).collect()
}

/// A store as small as can be: the newest stamp wins, `None` leaves what is there.
#[derive(Debug, Default, Clone, PartialEq)]
struct Shelf {
    items: BTreeMap<(ConversationKey, u64), ItemRow>,
    versions: BTreeMap<(ConversationKey, u64), VersionRow>,
    amendments: BTreeMap<(ConversationKey, u64), Amendment>,
    devices: HashMap<DeviceKey, DeviceRow>,
    keys: HashMap<(ConversationKey, CommandKey), KeyRow>,
    members: BTreeMap<(ConversationKey, User), MemberRow>,
    sessions: BTreeMap<(ConversationKey, u64), SessionRow>,
    customers: BTreeMap<UserId, CustomerRow>,
    states: BTreeMap<ConversationKey, StateRow>,
}

macro_rules! keep {
    ($map:expr, $key:expr, $row:expr) => {{
        let (key, row) = ($key, $row);
        let newer = $map.get(&key).is_none_or(|old| old.stamp < row.stamp);
        if let Some(old) = $map.get(&key).filter(|old| old.stamp == row.stamp) {
            assert_eq!(*old, row, "the same stamp, another row");
        }
        if newer {
            $map.insert(key, row);
        }
    }};
}

impl Shelf {
    fn write(&mut self, batch: LogBatch) {
        for row in batch.items {
            keep!(self.items, (row.conversation.clone(), row.item.rev), row);
        }
        for row in batch.versions {
            keep!(self.versions, (row.conversation.clone(), row.version.rev()), row);
        }
        for mut row in batch.amendments {
            let place = (row.conversation.clone(), row.seq);
            if let Some(old) = self.amendments.get(&place) {
                row.edited = row.edited.or_else(|| old.edited.clone());
                row.recalled = row.recalled.or_else(|| old.recalled.clone());
            }
            keep!(self.amendments, place, row);
        }
        for row in batch.devices {
            keep!(self.devices, row.key.clone(), row);
        }
        for row in batch.keys {
            keep!(self.keys, (row.conversation.clone(), row.key.clone()), row);
        }
        for row in batch.members {
            keep!(self.members, (row.conversation.clone(), row.user.clone()), row);
        }
        for mut row in batch.sessions {
            let place = (row.conversation.clone(), row.ordinal);
            if let Some(old) = self.sessions.get(&place) {
                row.end_reason = row.end_reason.or_else(|| old.end_reason.clone());
                row.comment = row.comment.or_else(|| old.comment.clone());
            }
            keep!(self.sessions, place, row);
        }
        for mut row in batch.customers {
            if let Some(old) = self.customers.get(&row.id) {
                row.name = row.name.or_else(|| old.name.clone());
                row.created_at = row.created_at.or(old.created_at);
                row.last_seen_at = row.last_seen_at.or(old.last_seen_at);
            }
            keep!(self.customers, row.id.clone(), row);
        }
        for row in batch.states {
            let key = ConversationKey { tenant: row.state.tenant.clone(), conversation: row.state.id };
            keep!(self.states, key, row);
        }
    }

    fn supply(&self, fold: &mut Fold, needs: Needs) {
        for key in needs.conversations {
            let stored = self.states.get(&key).map(|row| Stored { value: row.state.clone(), stamp: row.stamp });
            fold.supply_conversation(key, stored);
        }
        for key in needs.devices {
            let stored = self.devices.get(&key).map(|row| Stored { value: row.log.clone(), stamp: row.stamp });
            fold.supply_device(key, stored);
        }
    }

    /// Folds the records from `first` on in windows of that many records.
    fn archive(&mut self, log: &[Vec<Outcome>], first: usize, window: usize, forget: bool) {
        let mut fold = Fold::default();
        for records in (first..log.len()).collect::<Vec<_>>().chunks(window.max(1)) {
            for &index in records {
                let needs = fold.needs(&log[index]);
                self.supply(&mut fold, needs);
                fold.fold(Record { epoch: 1, position: index as u64 + 2, outcomes: &log[index] }).unwrap();
            }
            self.write(fold.take(None));
            if forget {
                fold.shrink(0, 0);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn windows_and_replays_give_the_same_rows(
        choices in vec(0..72usize, 1..120),
        window in 1..20usize,
        from in 0..60usize,
    ) {
        let log = log_of(&choices);
        let mut at_once = Shelf::default();
        at_once.archive(&log, 0, log.len(), false);
        let mut singly = Shelf::default();
        singly.archive(&log, 0, 1, true);
        prop_assert_eq!(&at_once, &singly, "record by record");
        let mut windowed = Shelf::default();
        windowed.archive(&log, 0, window, true);
        prop_assert_eq!(&at_once, &windowed, "in windows");
        let before = windowed.clone();
        windowed.archive(&log, from.min(log.len()), 3, false);
        prop_assert_eq!(&before, &windowed, "replayed from an earlier checkpoint");
    }

    /// Another reader got ahead, lost its state rows, and the replay comes after it.
    #[test]
    fn rows_without_their_states_do_no_harm(choices in vec(0..72usize, 1..80), from in 0..40usize) {
        let log = log_of(&choices);
        let mut expected = Shelf::default();
        expected.archive(&log, 0, 1, true);
        let from = from.min(log.len());
        let mut shelf = Shelf::default();
        shelf.archive(&log[..from], 0, 4, true);
        let states = shelf.states.clone();
        shelf.archive(&log, from, log.len(), true);
        shelf.states = states;
        shelf.archive(&log, from, 2, true);
        prop_assert_eq!(&expected, &shelf);
    }

    #[test]
    fn states_are_the_owners(choices in vec(0..72usize, 1..120)) {
        let mut owner = Owner::new();
        for (step, choice) in choices.iter().enumerate() {
            owner.act(step, *choice);
        }
        let mut shelf = Shelf::default();
        shelf.archive(&log_of(&choices), 0, 5, true);
        for row in shelf.states.values() {
            prop_assert!(owner.states.contains(&row.state));
            let items = shelf.items.values().filter(|item| item.conversation.conversation == row.state.id);
            let seqs: Vec<u64> = items.filter(|row| row.item.key.slot == 0).map(|row| row.item.key.seq).collect();
            prop_assert_eq!(seqs, (1..=row.state.seq).collect::<Vec<_>>(), "every seq has its message");
            for (user, member) in &row.state.members {
                let key = ConversationKey { tenant: tenant(), conversation: row.state.id };
                let stored = &shelf.members[&(key, user.clone())];
                prop_assert_eq!(stored.active, member.is_active());
                prop_assert_eq!((stored.read, stored.delivered), (member.read, member.delivered));
            }
        }
    }
}

fn folded(choices: &[(usize, usize)]) -> LogBatch {
    let mut owner = Owner::new();
    let outcomes: Vec<Outcome> = choices.iter().filter_map(|(number, kind)| owner.act(*number, kind * 6)).collect();
    let mut fold = Fold::default();
    let needs = fold.needs(&outcomes);
    Shelf::default().supply(&mut fold, needs);
    fold.fold(Record { epoch: 1, position: 2, outcomes: &outcomes }).unwrap();
    fold.take(None)
}

#[test]
fn the_first_message_opens_everything() {
    let batch = folded(&[(0, 0)]);
    assert_eq!(batch.items.len(), 3, "session opened, queued, message");
    assert_eq!((batch.sessions.len(), batch.members.len(), batch.states.len(), batch.devices.len()), (1, 1, 1, 1));
    assert_eq!(batch.customers[0].name, name("名"));
    assert_eq!(batch.customers[0].created_at, batch.customers[0].last_seen_at);
}

#[test]
fn an_edit_and_a_recall_in_one_window_are_one_amendment_and_two_versions() {
    let batch = folded(&[(0, 0), (1, 9), (2, 10)]);
    assert_eq!((batch.amendments.len(), batch.versions.len()), (1, 2));
    assert!(batch.amendments[0].edited.is_some() && batch.amendments[0].recalled.is_some());
}

#[test]
fn what_was_not_loaded_is_named() {
    let outcomes = log_of(&[0]).remove(0);
    let error = Fold::default().fold(Record { epoch: 1, position: 2, outcomes: &outcomes }).unwrap_err();
    assert!(matches!(error, FoldError::NotLoaded { what: "state", .. }));
}

#[test]
fn shrinking_forgets_nothing_that_is_to_be_written() {
    let outcomes = log_of(&[0]).remove(0);
    let mut fold = Fold::default();
    let needs = fold.needs(&outcomes);
    Shelf::default().supply(&mut fold, needs);
    fold.fold(Record { epoch: 1, position: 2, outcomes: &outcomes }).unwrap();
    fold.shrink(0, 0);
    assert!(fold.needs(&outcomes).is_empty());
    assert_eq!(fold.take(None).states.len(), 1);
    fold.shrink(0, 0);
    assert!(!fold.needs(&outcomes).is_empty());
}
