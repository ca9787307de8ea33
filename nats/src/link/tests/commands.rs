use super::*;
use crate::delivery::Item;
use crate::faulty::AppendFault;

fn texts(commands: &[(u64, Command)]) -> Vec<String> {
    commands.iter().map(|(_, command)| words(command)).collect()
}

fn tokens(commands: &[(u64, Command)]) -> Vec<u64> {
    commands.iter().map(|(token, _)| *token).collect()
}

#[tokio::test(start_paused = true)]
async fn commands_arrive_in_order_and_are_answered_once() {
    let mut site = Site::open(|_| {}).await;
    let mut owner = FakeOwner::new(&site.broker, 1).await;
    for text in ["a", "b", "c"] {
        site.submit(text);
    }
    let mut commands = owner.commands().await;
    while commands.len() < 3 {
        commands.extend(owner.commands().await);
    }
    assert_eq!(texts(&commands), ["a", "b", "c"]);
    for (token, command) in &commands {
        let answer = owner.decide(command);
        owner.push(Item::Answer(*token, answer)).await;
        owner.push(Item::Answer(*token, answer)).await;
    }
    owner.push(Item::Answer(99, Answer::refused(Refusal::NoSession))).await;
    owner.flush().await;
    for (text, seq) in [("a", 1), ("b", 2), ("c", 3)] {
        let (answered, answer) = site.answer().await;
        assert_eq!(answered, text);
        assert!(matches!(answer, Answer::Accepted { seq: Some(told), .. } if told == seq), "{answer:?}");
    }
    site.settle().await;
    assert!(site.answers.try_recv().is_err(), "each once");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_answered_is_sent_again_in_order_and_given_up_in_the_end() {
    let mut site = Site::open(|_| {}).await;
    let mut owner = FakeOwner::new(&site.broker, 1).await;
    site.submit("a");
    let first = owner.commands().await;
    site.submit("b");
    let second = owner.commands().await;
    let again = owner.commands().await;
    assert_eq!(texts(&again), ["a", "b"], "both in one envelope");
    assert_eq!(tokens(&again), [tokens(&first), tokens(&second)].concat(), "under the same numbers");
    owner.push(Item::Answer(again[0].0, Answer::refused(Refusal::NoSession))).await;
    owner.flush().await;
    assert_eq!(site.answer().await, ("a".to_owned(), Answer::refused(Refusal::NoSession)));
    assert_eq!(site.answer().await, ("b".to_owned(), Answer::refused(Refusal::NoAnswer)));
    owner.push(Item::Answer(again[1].0, Answer::refused(Refusal::NoSession))).await;
    owner.flush().await;
    site.settle().await;
    assert!(site.answers.try_recv().is_err(), "a late answer is nobody's");
}

#[tokio::test(start_paused = true)]
async fn beyond_the_bound_commands_are_refused() {
    let mut site = Site::open(|config| config.pending_commands = 2).await;
    let mut owner = FakeOwner::new(&site.broker, 1).await;
    owner.beat(0).await;
    site.settle().await;
    for text in ["a", "b", "c"] {
        site.submit(text);
    }
    assert_eq!(site.answer().await, ("c".to_owned(), Answer::refused(Refusal::Overloaded)));
    let commands = owner.commands().await;
    owner.push(Item::Answer(commands[0].0, Answer::refused(Refusal::NoSession))).await;
    owner.flush().await;
    assert_eq!(site.answer().await.0, "a");
    site.submit("d");
    let mut rest = commands[1..].to_vec();
    while rest.len() < 2 {
        rest.extend(owner.commands().await);
    }
    assert_eq!(texts(&rest), ["b", "d"], "an answer makes room");
}

#[tokio::test(start_paused = true)]
async fn while_the_archive_is_behind_commands_are_refused() {
    let mut site = Site::open(|config| config.archive_lag_records = 10).await;
    let mut owner = FakeOwner::new(&site.broker, 1).await;
    owner.beat(11).await;
    site.settle().await;
    site.submit("a");
    assert_eq!(site.answer().await, ("a".to_owned(), Answer::refused(Refusal::ArchiveBehind)));
    assert_eq!(
        site.link.status(),
        LinkStatus { connected: true, trouble: None, owned: 1, logs: 2, archive_lag_records: 11 }
    );
    owner.beat(10).await;
    site.settle().await;
    site.submit("b");
    assert_eq!(texts(&owner.commands().await), ["b"]);
}

#[tokio::test(start_paused = true)]
async fn an_ambiguous_envelope_is_sent_again_under_its_id() {
    for fault in [AppendFault::LostAck, AppendFault::NotSent, AppendFault::Refused] {
        let mut site = Site::open(|config| config.resend_after_ms = 60_000).await;
        let mut owner = FakeOwner::new(&site.broker, 1).await;
        site.controls.fail_append(&LOG.in_stream(), fault.clone());
        site.submit("a");
        assert_eq!(texts(&owner.commands().await), ["a"], "{fault:?}");
        assert!(!owner.has_commands().await, "{fault:?}: once");
        site.submit("b");
        assert_eq!(texts(&owner.commands().await), ["b"], "{fault:?}");
        site.link.stop().await;
        assert_eq!(site.answer().await.0, "a");
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_owner_is_sent_everything_unanswered() {
    let site = Site::open(|config| config.resend_after_ms = 60_000).await;
    let mut owner = FakeOwner::new(&site.broker, 1).await;
    owner.beat(0).await;
    site.settle().await;
    site.submit("a");
    assert_eq!(texts(&owner.commands().await), ["a"]);
    owner.succeed();
    owner.beat(0).await;
    assert_eq!(texts(&owner.commands().await), ["a"]);
    owner.beat(0).await;
    assert!(!owner.has_commands().await, "the same generation changes nothing");
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_missed_by_its_number() {
    let mut site = Site::open(|config| config.resend_after_ms = 60_000).await;
    let mut owner = FakeOwner::new(&site.broker, 1).await;
    for text in ["a", "b"] {
        site.submit(text);
    }
    let mut commands = owner.commands().await;
    while commands.len() < 2 {
        commands.extend(owner.commands().await);
    }
    let answers: Vec<Answer> = commands.iter().map(|(_, command)| owner.decide(command)).collect();
    site.controls.drop_core("deliver.", 1);
    owner.push(Item::Answer(commands[0].0, answers[0])).await;
    owner.flush().await;
    owner.push(Item::Answer(commands[1].0, answers[1])).await;
    owner.flush().await;
    assert_eq!(site.answer().await, ("b".to_owned(), answers[1]));
    let again = owner.commands().await;
    assert_eq!(again[0].0, commands[0].0);
    owner.push(Item::Answer(again[0].0, answers[0])).await;
    owner.flush().await;
    assert_eq!(site.answer().await, ("a".to_owned(), answers[0]));
}

#[tokio::test(start_paused = true)]
async fn a_stopped_link_answers_everybody() {
    let mut site = Site::open(|_| {}).await;
    site.submit("a");
    site.settle().await;
    site.submit("b");
    site.link.stop().await;
    site.submit("c");
    for text in ["a", "b", "c"] {
        assert_eq!(site.answer().await, (text.to_owned(), Answer::refused(Refusal::NoAnswer)));
    }
}
