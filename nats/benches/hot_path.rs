//! Encodings on the way of a message, and the engine from an envelope to the delivery of its outcomes.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kefu_model::command::Parties;
use kefu_model::conversation::{Decision, Prior, decide};
use kefu_model::{
    Actor, At, Audience, Body, Command, CommandHash, Content, Conversation, ConversationId, DeviceId, Identity, Name,
    Outcome, Role, TenantId, User, UserId,
};
use kefu_nats::codec;

fn command() -> Command {
    let tenant = TenantId::new("default").expect("a tenant");
    let customer = User::customer(UserId::new("visitor-1").expect("a user"));
    Command {
        conversation: ConversationId::support(&tenant, &customer.id),
        tenant,
        actor: Actor::User { user: customer.clone(), role: Role::Customer, name: Name::new("访客").ok() },
        identity: Some(Identity::Device { device: DeviceId::new("device-1").expect("a device"), n: 17 }),
        hash: CommandHash([7; 16]),
        parties: Some(Parties::Support { customer, name: Name::new("访客").ok() }),
        body: Body::Message { content: Content::Text("where is my order?".repeat(4)), audience: Audience::All },
    }
}

fn outcome(command: &Command) -> Outcome {
    let state = Conversation::absent(command.tenant.clone(), command.conversation);
    let Decision::Record(mut outcome) = decide(&state, Prior::None, command, At(1_700_000_000_000)) else {
        panic!("it is accepted")
    };
    // Only the message itself: what a hot conversation writes.
    if let kefu_model::Verdict::Accepted(events) = &mut outcome.verdict {
        events.drain(..events.len() - 1);
    }
    outcome
}

fn encodings(criterion: &mut Criterion) {
    let command = command();
    let outcome = outcome(&command);
    let encoded_command = codec::encode_command(&command);
    let encoded_outcome = codec::encode_outcome(&outcome);
    let mut group = criterion.benchmark_group("payload");
    group.measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500));
    group.throughput(Throughput::Elements(1));
    group.bench_function("encode a command", |bencher| bencher.iter(|| codec::encode_command(black_box(&command))));
    group.bench_function("decode a command", |bencher| {
        bencher.iter(|| codec::decode_command(black_box(&encoded_command)))
    });
    group.bench_function("encode an outcome", |bencher| bencher.iter(|| codec::encode_outcome(black_box(&outcome))));
    group.bench_function("decode an outcome", |bencher| {
        bencher.iter(|| codec::decode_outcome(black_box(&encoded_outcome)))
    });
    group.finish();
}

#[path = "hot_path/engine.rs"]
mod engine;

criterion_group!(benches, encodings, engine::owner);
criterion_main!(benches);
