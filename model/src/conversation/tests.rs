//! What conversations decide. [`Talk`] is one conversation with what an owner remembers of its commands.

mod dedup;
mod linking;
mod members;
mod messages;
mod properties;
mod sessions;
mod strangers;

use std::collections::HashMap;

use super::*;
use crate::command::{Actor, Answer, Body, Command, CommandHash, Identity, Parties};
use crate::content::Content;
use crate::event::{Audience, Event, Numbered, Outcome, QueueReason};
use crate::ids::{CommandKey, DeviceId, Role, UserId, UserKind};
use crate::limits::KEY_RETENTION_MS;
use crate::refusal::Refusal;

fn tenant() -> TenantId {
    TenantId::new("t").unwrap()
}

fn customer(id: &str) -> User {
    User::customer(UserId::new(id).unwrap())
}

fn agent(id: &str) -> User {
    User::agent(UserId::new(id).unwrap())
}

fn name(text: &str) -> Option<Name> {
    Some(Name::new(text).unwrap())
}

fn by(user: &User, role: Role) -> Actor {
    Actor::User { user: user.clone(), role, name: name("Somebody") }
}

/// The visitor of the support conversation.
fn visitor() -> Actor {
    by(&customer("v"), Role::Customer)
}

fn kefu(id: &str) -> Actor {
    by(&agent(id), Role::Agent)
}

fn supervisor() -> Actor {
    by(&agent("boss"), Role::Supervisor)
}

fn text(text: &str) -> Content {
    Content::Text(text.to_owned())
}

fn message(words: &str) -> Body {
    Body::Message { content: text(words), audience: Audience::All }
}

fn note(words: &str) -> Body {
    Body::Message { content: text(words), audience: Audience::Staff }
}

fn refused(refusal: Refusal) -> Answer {
    Answer::refused(refusal)
}

/// The numbers of an accepted answer.
fn numbers(answer: Answer) -> (u64, Option<u64>) {
    match answer {
        Answer::Accepted { rev, seq, .. } => (rev, seq),
        Answer::Refused { refusal, .. } => panic!("refused: {refusal:?}"),
    }
}

/// A conversation with its log and its memory of commands.
#[derive(Clone)]
struct Talk {
    state: Conversation,
    parties: Option<Parties>,
    devices: HashMap<DeviceId, DeviceLog>,
    keys: HashMap<CommandKey, KeyEntry>,
    now: At,
    log: Vec<Outcome>,
    used_keys: u64,
}

impl Talk {
    fn of(id: ConversationId, parties: Option<Parties>) -> Self {
        Self {
            state: Conversation::absent(tenant(), id),
            parties,
            devices: HashMap::new(),
            keys: HashMap::new(),
            now: At(1_000_000),
            log: Vec::new(),
            used_keys: 0,
        }
    }

    /// The visitor's support conversation, which does not exist yet.
    fn support() -> Self {
        let visitor = customer("v");
        let parties = Parties::Support { customer: visitor.clone(), name: name("Visitor") };
        Self::of(ConversationId::support(&tenant(), &visitor.id), Some(parties))
    }

    /// A support conversation whose first message waits for an agent.
    fn waiting() -> Self {
        let mut talk = Self::support();
        numbers(talk.ask(visitor(), message("hello")));
        talk
    }

    /// A support conversation that agent `a` has.
    fn active() -> Self {
        let mut talk = Self::waiting();
        numbers(talk.assign("a"));
        talk
    }

    /// A room with these members.
    fn room(members: &[User]) -> Self {
        let mut talk = Self::of(ConversationId::room([5; 16]), None);
        let members = members.iter().map(|user| (user.clone(), None)).collect();
        let created = Numbered { rev: 1, seq: 0, event: Event::Created { members } };
        talk.record(Outcome {
            tenant: tenant(),
            conversation: talk.state.id,
            identity: None,
            hash: CommandHash([0; 16]),
            at: talk.now,
            rev: 1,
            verdict: crate::event::Verdict::Accepted(vec![created]),
        });
        talk
    }

    fn command(&self, actor: Actor, identity: Option<Identity>, body: Body) -> Command {
        let mut hash = [0; 16];
        for (place, byte) in format!("{body:?}").bytes().enumerate() {
            hash[place % 16] = (hash[place % 16] ^ byte).rotate_left(3);
        }
        let hash = CommandHash(hash);
        let (tenant, conversation, parties) = (tenant(), self.state.id, self.parties.clone());
        Command { tenant, conversation, actor, identity, hash, parties, body }
    }

    fn decide(&self, command: &Command) -> Decision {
        let unused = DeviceLog::default();
        let prior = match &command.identity {
            None => Prior::None,
            Some(Identity::Device { device, .. }) => Prior::Device(self.devices.get(device).unwrap_or(&unused)),
            Some(Identity::Key(key)) => {
                let kept = |entry: &&KeyEntry| self.now.millis_since(entry.at) <= KEY_RETENTION_MS;
                Prior::Key(self.keys.get(key).filter(kept))
            }
        };
        decide(&self.state, prior, command, self.now)
    }

    /// Decides and, as an owner does, writes down, applies and remembers.
    fn submit(&mut self, command: &Command) -> Option<Answer> {
        match self.decide(command) {
            Decision::Record(outcome) => {
                let answer = outcome.answer();
                self.record(outcome);
                Some(answer)
            }
            Decision::Reply(answer) => Some(answer),
            Decision::Nothing => None,
        }
    }

    fn record(&mut self, outcome: Outcome) {
        self.state.apply(&outcome).unwrap();
        let kept = KeptAnswer { hash: outcome.hash, answer: outcome.answer() };
        match &outcome.identity {
            Some(Identity::Device { device, n }) => {
                self.devices.entry(device.clone()).or_default().remember(*n, kept.hash, kept.answer);
            }
            Some(Identity::Key(key)) => {
                self.keys.insert(key.clone(), KeyEntry { kept, at: outcome.at });
            }
            None => {}
        }
        self.log.push(outcome);
    }

    /// Asks once, under a key of its own.
    fn ask(&mut self, actor: Actor, body: Body) -> Answer {
        self.used_keys += 1;
        let key = Identity::Key(CommandKey::new(&format!("k{}", self.used_keys)).unwrap());
        let command = self.command(actor, Some(key), body);
        self.submit(&command).expect("a command with an identity is answered")
    }

    /// Says something that nobody answers.
    fn tell(&mut self, actor: Actor, body: Body) -> Decision {
        let command = self.command(actor, None, body);
        let decision = self.decide(&command);
        self.submit(&command);
        decision
    }

    fn mark(&mut self, actor: Actor, read: Option<u64>, delivered: Option<u64>) -> Decision {
        self.tell(actor, Body::Mark { read, delivered })
    }

    fn assign(&mut self, to: &str) -> Answer {
        let queued_rev = self.state.session.as_ref().map_or(0, |session| session.queued_rev);
        self.ask(Actor::Worker, assign(to, queued_rev))
    }

    fn end(&mut self, actor: Actor) -> Answer {
        self.ask(actor, Body::EndSession { reason: None })
    }

    fn events(&self) -> impl Iterator<Item = &Numbered> {
        self.log.iter().flat_map(Outcome::events)
    }

    fn session(&self) -> &Session {
        self.state.session.as_ref().unwrap()
    }

    fn marks(&self, user: &User) -> (u64, u64) {
        let member = &self.state.members[user];
        (member.read, member.delivered)
    }

    fn sees(&self, user: &User, role: Role, rev: u64) -> bool {
        let audience =
            self.events().find(|numbered| numbered.event.takes_rev() && numbered.rev == rev).unwrap().event.audience();
        sees(View::of(&self.state, user, role), rev, audience)
    }
}

fn assign(to: &str, queued_rev: u64) -> Body {
    Body::Assign { agent: agent(to), name: name(to), queued_rev, reason: "least loaded".to_owned() }
}

fn transfer(from: &str, to: &str) -> Body {
    Body::Transfer { from: agent(from), agent: agent(to), name: name(to), reason: "language".to_owned() }
}

fn requeue(from: &str, reason: QueueReason) -> Body {
    Body::Requeue { from: agent(from), reason }
}
