//! Allocation and real conversations together: what is owed arrives late, twice or again, facts are read late.

use std::collections::HashMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::command::{Actor, Answer, Command, CommandHash, Identity, Parties};
use crate::content::Content;
use crate::conversation::{self, Conversation, Decision, KeptAnswer, KeyEntry, Prior, SessionStatus};
use crate::event::{Audience, Event, Outcome};
use crate::ids::{CommandKey, Role};

const CHATS: usize = 4;

/// A conversation, its log, and how far allocation has read it.
struct Chat {
    state: Conversation,
    keys: HashMap<CommandKey, KeyEntry>,
    log: Vec<Outcome>,
    read: usize,
}

struct Site {
    desk: Desk,
    chats: Vec<Chat>,
    keys: u64,
}

fn visitor(number: usize) -> User {
    User::customer(id(&format!("v{number}")))
}

fn facts_of(outcome: &Outcome) -> Vec<SessionFact> {
    let conversation = outcome.conversation;
    outcome
        .events()
        .iter()
        .filter_map(|numbered| match &numbered.event {
            Event::SessionQueued { session, opened_at, customer, .. } => Some(SessionFact::Queued {
                conversation,
                waiting: Waiting {
                    session: *session,
                    queued_rev: numbered.rev,
                    opened_at: *opened_at,
                    queued_at: outcome.at,
                    priority: 0,
                    customer: customer.id.clone(),
                    name: None,
                },
            }),
            Event::SessionAssigned { agent, .. } | Event::SessionTransferred { agent, .. } => {
                Some(SessionFact::Assigned { conversation, agent: agent.id.clone() })
            }
            Event::SessionEnded { .. } => Some(SessionFact::Ended { conversation }),
            _ => None,
        })
        .collect()
}

impl Site {
    fn new() -> Self {
        let chats = (0..CHATS).map(|number| {
            let tenant = TenantId::new("t").unwrap();
            let id = ConversationId::support(&tenant, &visitor(number).id);
            Chat { state: Conversation::absent(tenant, id), keys: HashMap::new(), log: Vec::new(), read: 0 }
        });
        Self { desk: Desk::with(&[("a", 1), ("b", 2)]), chats: chats.collect(), keys: 0 }
    }

    fn send(&mut self, number: usize, actor: Actor, key: &str, body: Body) -> Answer {
        let now = self.desk.now;
        let chat = &mut self.chats[number];
        let key = CommandKey::new(key).unwrap();
        let command = Command {
            tenant: chat.state.tenant.clone(),
            conversation: chat.state.id,
            actor,
            identity: Some(Identity::Key(key.clone())),
            hash: CommandHash([0; 16]),
            parties: Some(Parties::Support { customer: visitor(number), name: None }),
            body,
        };
        match conversation::decide(&chat.state, Prior::Key(chat.keys.get(&key)), &command, now) {
            Decision::Record(outcome) => {
                chat.state.apply(&outcome).unwrap();
                let answer = outcome.answer();
                chat.keys.insert(key, KeyEntry { kept: KeptAnswer { hash: outcome.hash, answer }, at: now });
                chat.log.push(outcome);
                answer
            }
            Decision::Reply(answer) => answer,
            Decision::Nothing => panic!("a keyed command is answered"),
        }
    }

    fn visitor_does(&mut self, number: usize, body: Body) {
        self.keys += 1;
        let actor = Actor::User { user: visitor(number), role: Role::Customer, name: None };
        let key = format!("v{}", self.keys);
        self.send(number, actor, &key, body);
    }

    /// Sends the n-th debt; a refusal is told to allocation, unless that is lost.
    fn settle(&mut self, which: usize, told: bool) -> bool {
        let owed: Vec<Owed> = self.desk.state.owed().collect();
        let Some(owed) = owed.get(which % owed.len().max(1)).cloned() else { return false };
        let number = self.chats.iter().position(|chat| chat.state.id == owed.conversation).unwrap();
        let answer = self.send(number, Actor::Worker, &format!("match:{}", owed.number), owed.body);
        if told && matches!(answer, Answer::Refused { .. }) {
            let (conversation, number) = (owed.conversation, owed.number);
            self.desk.ask(&AllocationCommand::Declined { conversation, number });
        }
        true
    }

    /// Allocation reads on in one conversation's log.
    fn read(&mut self, number: usize, most: usize) -> bool {
        let chat = &mut self.chats[number];
        let until = (chat.read + most).min(chat.log.len());
        let facts: Vec<SessionFact> = chat.log[chat.read..until].iter().flat_map(facts_of).collect();
        let moved = until > chat.read;
        chat.read = until;
        let position = u64::try_from(until).unwrap();
        let partition = Partition(u16::try_from(number).unwrap());
        let read = ReadPosition { epoch: 1, position };
        self.desk.ask(&AllocationCommand::Observed { partition, read, facts });
        moved
    }

    fn step(&mut self, (what, number, which, pause): (usize, usize, usize, u64)) {
        self.desk.now.0 += pause;
        let agent = ["a", "b"][which % 2];
        match what {
            0 | 1 => {
                let content = Content::Text("hello".to_owned());
                self.visitor_does(number, Body::Message { content, audience: Audience::All });
            }
            2 => self.visitor_does(number, Body::EndSession { reason: None }),
            3..=5 => {
                self.settle(which, true);
            }
            6 => {
                self.settle(which, false);
            }
            7..=9 => {
                self.read(number, which + 1);
            }
            10 => self.desk.present(agent, number % 2 == 0),
            11 => {
                let conversation = self.chats[number].state.id;
                self.desk.ask(&AllocationCommand::Pick { conversation, agent: id(agent), reason: "p".to_owned() });
            }
            12 => {
                let conversation = self.chats[number].state.id;
                self.desk.ask(&AllocationCommand::Release { conversation, agent: None });
            }
            _ => self.desk.pass(pause),
        }
    }

    /// Everything owed is sent and everything written is read, until nothing moves any more.
    fn come_to_rest(&mut self) {
        for _ in 0..200 {
            let sent = self.settle(0, true);
            let read = (0..CHATS).filter(|number| self.read(*number, usize::MAX / 2)).count();
            if !sent && read == 0 {
                return;
            }
        }
        panic!("it never comes to rest: {:?}", self.desk.state.held);
    }

    /// Allocation and the conversations agree.
    fn check_agreement(&self) {
        for chat in &self.chats {
            let (id, state) = (chat.state.id, &self.desk.state);
            match chat.state.open_session() {
                None => assert!(!state.waiting.contains_key(&id) && !state.held.contains_key(&id)),
                Some(session) if session.status == SessionStatus::Waiting => {
                    assert_eq!(state.waiting.get(&id).map(|waiting| waiting.queued_rev), Some(session.queued_rev));
                }
                Some(session) => {
                    let held = state.held.get(&id).expect("an active session takes a place");
                    assert_eq!(Some(&User::agent(held.agent.clone())), session.agent.as_ref());
                    assert_eq!(held.stage, Stage::Active);
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn allocation_and_conversations_come_to_agree(
        steps in vec((0_usize..14, 0_usize..CHATS, 0_usize..4, 0_u64..8_000), 1..120),
    ) {
        let mut site = Site::new();
        for step in steps {
            site.step(step);
        }
        site.come_to_rest();
        site.check_agreement();
        for (agent, known) in &site.desk.state.agents {
            prop_assert!(site.desk.state.load(agent) <= usize::from(known.capacity), "{}", agent);
        }
    }
}
