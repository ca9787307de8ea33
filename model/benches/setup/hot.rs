//! A support conversation in the middle of its life: an agent has it, and as many messages may be edited as can be.

use kefu_model::command::Parties;
use kefu_model::conversation::{Decision, DeviceLog, Prior, decide};
use kefu_model::{
    Actor, At, Audience, Body, Command, CommandHash, Content, Conversation, ConversationId, DeviceId, Identity,
    Outcome, Role, TenantId, User, UserId,
};

const MESSAGES: u64 = 300;
const TIME_STEP_MS: u64 = 10;

/// The conversation, its visitor's device and its agent.
pub(crate) struct Hot {
    state: Conversation,
    log: DeviceLog,
    device: DeviceId,
    agent: User,
    message: Command,
    now: At,
}

impl Hot {
    pub(crate) fn new() -> Self {
        let tenant = TenantId::new("default").expect("a tenant");
        let customer = User::customer(UserId::new("visitor-1").expect("a user"));
        let id = ConversationId::support(&tenant, &customer.id);
        let message = Command {
            tenant: tenant.clone(),
            conversation: id,
            actor: Actor::User { user: customer.clone(), role: Role::Customer, name: None },
            identity: None,
            hash: CommandHash([7; 16]),
            parties: Some(Parties::Support { customer, name: None }),
            body: Body::Message {
                content: Content::Text("你好, where is my order?".repeat(4)),
                audience: Audience::All,
            },
        };
        let mut hot = Self {
            state: Conversation::absent(tenant, id),
            log: DeviceLog::default(),
            device: DeviceId::new("device-1").expect("a device"),
            agent: User::agent(UserId::new("agent-1").expect("a user")),
            message,
            now: At(1_700_000_000_000),
        };
        hot.message();
        hot.assign();
        (0..MESSAGES).for_each(|_| hot.message());
        hot
    }

    /// Decides and applies the visitor's next message.
    pub(crate) fn message(&mut self) {
        let n = self.log.last_n + 1;
        self.message.identity = Some(Identity::Device { device: self.device.clone(), n });
        self.now.0 += TIME_STEP_MS;
        let decision = decide(&self.state, Prior::Device(&self.log), &self.message, self.now);
        let outcome = self.recorded(decision);
        self.log.remember(n, outcome.hash, outcome.answer());
    }

    /// Answers the visitor's last message, which was sent again.
    pub(crate) fn repeated(&self) -> Decision {
        decide(&self.state, Prior::Device(&self.log), &self.message, self.now)
    }

    /// Decides and applies that the agent has read one message more.
    pub(crate) fn mark(&mut self) {
        let read = self.state.members.get(&self.agent).map(|member| member.read + 1);
        let actor = Actor::User { user: self.agent.clone(), role: Role::Agent, name: None };
        let mark = self.command(actor, Body::Mark { read, delivered: None });
        let decision = decide(&self.state, Prior::None, &mark, self.now);
        self.recorded(decision);
    }

    fn assign(&mut self) {
        let queued_rev = self.state.session.as_ref().expect("a session waits").queued_rev;
        let (agent, reason) = (self.agent.clone(), "least loaded".to_owned());
        let assign = self.command(Actor::Worker, Body::Assign { agent, name: None, queued_rev, reason });
        let decision = decide(&self.state, Prior::None, &assign, self.now);
        self.recorded(decision);
    }

    fn command(&self, actor: Actor, body: Body) -> Command {
        let (tenant, conversation) = (self.state.tenant.clone(), self.state.id);
        Command { tenant, conversation, actor, identity: None, hash: CommandHash([8; 16]), parties: None, body }
    }

    fn recorded(&mut self, decision: Decision) -> Outcome {
        let Decision::Record(outcome) = decision else { panic!("it is recorded") };
        self.state.apply(&outcome).expect("it follows");
        outcome
    }
}
