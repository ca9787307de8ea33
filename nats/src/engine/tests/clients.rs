//! Clients: each sends its commands in order, a few at a time, and again until they are answered.

use kefu_model::command::{Answer, Parties};
use kefu_model::ids::CommandKey;
use kefu_model::{
    Actor, Audience, Body, Command, CommandHash, Content, ConversationId, DeviceId, Identity, Refusal, Role, User,
    UserId,
};

use super::shelf::tenant;

/// Commands that a client has under way at most.
const WINDOW: usize = 6;

pub(super) fn visitor(number: usize) -> User {
    User::customer(UserId::new(&format!("v{number}")).unwrap())
}

pub(super) fn conversation(number: usize) -> ConversationId {
    ConversationId::support(&tenant(), &visitor(number).id)
}

/// A sender with its commands and their answers.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) commands: Vec<Command>,
    pub(super) answers: Vec<Option<Answer>>,
    /// An answer that is not the one given before.
    pub(super) changed: Option<(usize, Answer, Answer)>,
}

impl Client {
    /// A device of the visitor of that conversation, or a caller with keys.
    pub(super) fn new(name: &str, of: usize, is_device: bool, commands: usize) -> Self {
        let commands: Vec<Command> = (0..commands).map(|index| command(name, of, is_device, index)).collect();
        Self { answers: vec![None; commands.len()], commands, changed: None }
    }

    /// Indexes of the first commands without an answer.
    pub(super) fn unanswered(&self) -> Vec<usize> {
        (0..self.commands.len()).filter(|index| self.answers[*index].is_none()).take(WINDOW).collect()
    }

    pub(super) fn is_done(&self) -> bool {
        self.answers.iter().all(Option::is_some)
    }

    pub(super) fn told(&mut self, index: usize, answer: Answer) {
        use Refusal::{Forgotten, NoConversation, NotNext, Overloaded};
        // Said of the moment, not of the command: nothing is written of it. An old command sent again may be forgotten.
        if let Answer::Refused { refusal: NotNext | Overloaded | NoConversation | Forgotten, .. } = answer {
            return;
        }
        match self.answers[index] {
            None => self.answers[index] = Some(answer),
            Some(known) if known != answer => self.changed = Some((index, known, answer)),
            Some(_) => {}
        }
    }
}

fn command(name: &str, of: usize, is_device: bool, index: usize) -> Command {
    let customer = visitor(of);
    let identity = if is_device {
        Identity::Device { device: DeviceId::new(name).unwrap(), n: u64::try_from(index).unwrap() + 1 }
    } else {
        Identity::Key(CommandKey::new(&format!("{name}:{index}")).unwrap())
    };
    let mut hash = [0; 16];
    hash[0] = u8::try_from(index % 256).unwrap();
    let (actor, body) = match index % 9 {
        // Whether this is refused depends on what was decided before.
        4 => (user(&customer), Body::EndSession { reason: None }),
        7 => (user(&customer), Body::Rate { session: 1, score: 5, comment: None }),
        8 => (Actor::Worker, message(name, index, Audience::Staff)),
        _ => (user(&customer), message(name, index, Audience::All)),
    };
    Command {
        tenant: tenant(),
        conversation: conversation(of),
        actor,
        identity: Some(identity),
        hash: CommandHash(hash),
        parties: Some(Parties::Support { customer, name: None }),
        body,
    }
}

fn user(user: &User) -> Actor {
    Actor::User { user: user.clone(), role: Role::Customer, name: None }
}

fn message(name: &str, index: usize, audience: Audience) -> Body {
    Body::Message { content: Content::Text(format!("{name} {index}")), audience }
}

/// The visitor read everything; nobody waits for an answer.
pub(super) fn mark(of: usize) -> Command {
    let mut command = command("mark", of, false, 0);
    command.identity = None;
    command.body = Body::Mark { read: Some(u64::MAX), delivered: None };
    command
}
