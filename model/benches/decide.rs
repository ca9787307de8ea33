//! Deciding and applying one message of a hot support conversation.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kefu_model::command::Parties;
use kefu_model::conversation::{Decision, DeviceLog, Prior, decide};
use kefu_model::{
    Actor, At, Audience, Body, Command, CommandHash, Content, Conversation, ConversationId, DeviceId, Identity, Role,
    TenantId, User, UserId,
};

fn decide_and_apply(criterion: &mut Criterion) {
    let tenant = TenantId::new("default").expect("a tenant");
    let customer = User::customer(UserId::new("visitor-1").expect("a user"));
    let id = ConversationId::support(&tenant, &customer.id);
    let device = DeviceId::new("device-1").expect("a device");
    let mut command = Command {
        tenant: tenant.clone(),
        conversation: id,
        actor: Actor::User { user: customer.clone(), role: Role::Customer, name: None },
        identity: None,
        hash: CommandHash([7; 16]),
        parties: Some(Parties::Support { customer, name: None }),
        body: Body::Message { content: Content::Text("你好, where is my order?".repeat(4)), audience: Audience::All },
    };
    let mut state = Conversation::absent(tenant, id);
    let mut log = DeviceLog::default();
    let mut now = 1_700_000_000_000;
    let mut group = criterion.benchmark_group("conversation");
    group
        .measurement_time(Duration::from_secs(2))
        .warm_up_time(Duration::from_millis(500))
        .throughput(Throughput::Elements(1));
    group.bench_function("decide and apply a message", |bencher| {
        bencher.iter(|| {
            now += 10;
            let n = log.last_n + 1;
            command.identity = Some(Identity::Device { device: device.clone(), n });
            let decision = decide(&state, Prior::Device(&log), black_box(&command), At(now));
            let Decision::Record(outcome) = decision else { panic!("it is accepted") };
            state.apply(&outcome).expect("it follows");
            log.remember(n, outcome.hash, outcome.answer());
        });
    });
    group.bench_function("answer a repeated command", |bencher| {
        let n = log.last_n;
        command.identity = Some(Identity::Device { device: device.clone(), n });
        bencher.iter(|| decide(&state, Prior::Device(&log), black_box(&command), At(now)));
    });
    group.finish();
}

criterion_group!(benches, decide_and_apply);
criterion_main!(benches);
