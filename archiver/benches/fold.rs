//! Folding a window of 1,000 messages in 200 conversations into rows.

use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use kefu_archiver::batch::{Fold, Record};
use kefu_model::command::Parties;
use kefu_model::conversation::{Decision, DeviceLog, Prior, decide};
use kefu_model::{
    Actor, At, Audience, Body, Command, CommandHash, Content, Conversation, ConversationId, DeviceId, Identity,
    Outcome, Role, TenantId, User, UserId,
};

const CONVERSATIONS: usize = 200;
const OUTCOMES: usize = 1_000;
/// Outcomes in one record.
const RECORD: usize = 50;

fn outcomes() -> Vec<Outcome> {
    let tenant = TenantId::new("default").expect("a tenant");
    let customers: Vec<User> = (0..CONVERSATIONS)
        .map(|number| User::customer(UserId::new(&format!("visitor-{number}")).expect("a user")))
        .collect();
    let mut states: Vec<(Conversation, DeviceLog)> = customers
        .iter()
        .map(|customer| ConversationId::support(&tenant, &customer.id))
        .map(|id| (Conversation::absent(tenant.clone(), id), DeviceLog::default()))
        .collect();
    let device = DeviceId::new("device-1").expect("a device");
    let mut log = Vec::with_capacity(OUTCOMES);
    for number in 0..OUTCOMES {
        let customer = customers[number % CONVERSATIONS].clone();
        let (state, answers) = &mut states[number % CONVERSATIONS];
        let n = answers.last_n + 1;
        let command = Command {
            tenant: tenant.clone(),
            conversation: state.id,
            actor: Actor::User { user: customer.clone(), role: Role::Customer, name: None },
            identity: Some(Identity::Device { device: device.clone(), n }),
            hash: CommandHash([7; 16]),
            parties: Some(Parties::Support { customer, name: None }),
            body: Body::Message { content: Content::Text("where is my order?".repeat(4)), audience: Audience::All },
        };
        let now = At(1_700_000_000_000 + n);
        let Decision::Record(outcome) = decide(state, Prior::Device(answers), &command, now) else {
            panic!("it is accepted")
        };
        state.apply(&outcome).expect("it follows");
        answers.remember(n, outcome.hash, outcome.answer());
        log.push(outcome);
    }
    log
}

fn ready(outcomes: &[Outcome]) -> Fold {
    let mut fold = Fold::default();
    let needs = fold.needs(outcomes);
    for key in needs.conversations {
        fold.supply_conversation(key, None);
    }
    for key in needs.devices {
        fold.supply_device(key, None);
    }
    fold
}

fn fold_window(criterion: &mut Criterion) {
    let outcomes = outcomes();
    let mut group = criterion.benchmark_group("fold");
    group.measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500));
    group.throughput(Throughput::Elements(u64::try_from(OUTCOMES).expect("it is small")));
    group.bench_function("1,000 outcomes", |bencher| {
        bencher.iter_batched_ref(
            || ready(&outcomes),
            |fold| {
                for (position, outcomes) in (2..).zip(outcomes.chunks(RECORD)) {
                    fold.fold(Record { epoch: 1, position, outcomes }).expect("it folds");
                }
                fold.take(None)
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

criterion_group!(benches, fold_window);
criterion_main!(benches);
