use kefu_model::At;

use super::*;
use crate::delivery::{Inbound, reply_allocation, reply_snapshot};
use crate::transport::TransportError;
use crate::view::{AllocationView, WaitingView};

/// Answers every question about the log's conversations from `after` on.
async fn an_owner(broker: Broker, after: Duration) -> Result<(), TransportError> {
    tokio::time::sleep(after).await;
    let mut questions = broker.transport().subscribe(&subject::ask(LOG)).await?;
    let state = kefu_model::Conversation::absent(tenant(), conversation());
    while let Some(CoreEvent::Message(message)) = questions.next().await {
        let Ok(Inbound::Question { reply, .. }) = Inbound::read(message) else { panic!("no question") };
        reply_snapshot(reply, 1, &state).await;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_question_waits_until_the_log_has_an_owner() {
    let site = Site::open(|_| {}).await;
    tokio::spawn(an_owner(site.broker.clone(), Duration::from_secs(3)));
    let asked_at = tokio::time::Instant::now();
    let snapshot = site.link.snapshot(&tenant(), conversation()).await.expect("an answer");
    assert_eq!(snapshot.conversation.rev, 0);
    assert!(asked_at.elapsed() < Duration::from_secs(4), "{:?}", asked_at.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_question_that_nobody_answers_is_given_up() {
    let site = Site::open(|_| {}).await;
    let asked_at = tokio::time::Instant::now();
    assert_eq!(site.link.snapshot(&tenant(), conversation()).await.unwrap_err(), Refusal::NoAnswer);
    assert!(asked_at.elapsed() < Duration::from_secs(7), "{:?}", asked_at.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_queue_too_large_for_a_message_is_refused_and_not_passed_over_in_silence() {
    let site = Site::open(|_| {}).await;
    let subject = subject::ask(site.broker.allocation_log(&tenant()));
    let mut asked = site.broker.transport().subscribe(&subject).await.unwrap();
    let waiting = WaitingView {
        conversation: conversation(),
        session: 1,
        customer: visitor().id,
        name: None,
        opened_at: At(1),
        queued_at: At(1),
        position: 1,
        estimate_s: None,
    };
    for (sessions, expected) in [(1_000, Ok(1_000)), (50_000, Err(Refusal::Overloaded))] {
        let view = AllocationView { waiting: vec![waiting.clone(); sessions], ..AllocationView::default() };
        let answer = async {
            let CoreEvent::Message(message) = asked.next().await.unwrap() else { panic!("a question") };
            reply_allocation(message.reply.unwrap(), &view).await
        };
        let tenant = tenant();
        let (told, sent) = tokio::join!(site.link.allocation_view(&tenant), answer);
        assert_eq!(told.map(|view| view.waiting.len()), expected);
        assert_eq!(sent.is_ok(), expected.is_ok());
    }
}
