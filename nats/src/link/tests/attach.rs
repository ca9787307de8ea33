use super::*;
use crate::delivery::{FollowItem, Item};
use crate::notice::Notice;

/// A site whose link follows the conversation, with some messages in it.
async fn attached(messages: usize) -> (Site, FakeOwner) {
    let mut site = Site::open(|_| {}).await;
    let mut owner = FakeOwner::new(&site.broker, 1).await;
    for number in 0..messages {
        owner.decide(&say(&format!("m{number}")));
    }
    site.attach(7, None);
    let (token, cursor) = owner.attach().await;
    owner.attached(token, cursor, true).await;
    let rev = owner.state.rev;
    match site.event().await {
        LinkEvent::Attached { token: 7, snapshot, recovered: true, missed, .. } => {
            assert_eq!((snapshot.conversation.rev, missed.len()), (rev, 0));
        }
        other => panic!("{other:?}"),
    }
    (site, owner)
}

impl Site {
    /// The `rev`s of the next outcomes handed on.
    async fn revs(&mut self) -> Vec<u64> {
        match self.event().await {
            LinkEvent::Outcomes { epoch: 1, outcomes, .. } => outcomes.iter().map(|outcome| outcome.rev).collect(),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn outcomes_follow_the_answer_each_once() {
    let (mut site, mut owner) = attached(1).await;
    let rev = owner.state.rev;
    owner.decide(&say("one"));
    owner.deliver().await;
    owner.deliver().await;
    assert_eq!(site.revs().await, [rev + 1]);
    owner.decide(&say("two"));
    owner.deliver().await;
    assert_eq!(site.revs().await, [rev + 2]);
    site.settle().await;
    assert!(site.events.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_cursor_is_told_and_what_was_missed_comes_back() {
    let mut site = Site::open(|_| {}).await;
    let mut owner = FakeOwner::new(&site.broker, 1).await;
    for text in ["one", "two", "three"] {
        owner.decide(&say(text));
    }
    let cursor = Cursor { epoch: 1, rev: 4 };
    site.attach(1, Some(cursor));
    let (token, asked) = owner.attach().await;
    assert_eq!(asked, Some(cursor));
    owner.attached(token, asked, true).await;
    let LinkEvent::Attached { missed, .. } = site.event().await else { panic!("no answer") };
    assert_eq!(missed.iter().map(|outcome| outcome.rev).collect::<Vec<_>>(), [5, 6]);
}

#[tokio::test(start_paused = true)]
async fn a_gap_in_the_numbers_attaches_again_from_where_it_stands() {
    let (mut site, mut owner) = attached(1).await;
    let rev = owner.state.rev;
    site.controls.drop_core("deliver.", 1);
    owner.decide(&say("lost"));
    owner.deliver().await;
    owner.decide(&say("arrives"));
    owner.deliver().await;
    let (token, cursor) = owner.attach().await;
    assert_eq!(cursor, Some(Cursor { epoch: 1, rev }));
    owner.decide(&say("meanwhile"));
    owner.deliver().await;
    owner.attached(token, cursor, true).await;
    assert_eq!(site.revs().await, [rev + 1, rev + 2, rev + 3]);
    owner.decide(&say("after"));
    owner.deliver().await;
    assert_eq!(site.revs().await, [rev + 4]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_last_message_is_found_by_the_heartbeat() {
    let (mut site, mut owner) = attached(1).await;
    let rev = owner.state.rev;
    owner.beat(0).await;
    site.controls.drop_core("deliver.", 1);
    owner.decide(&say("lost"));
    owner.deliver().await;
    owner.beat(0).await;
    owner.beat(0).await;
    let (token, cursor) = owner.attach().await;
    owner.attached(token, cursor, true).await;
    assert_eq!(site.revs().await, [rev + 1]);
}

#[tokio::test(start_paused = true)]
async fn a_new_generation_attaches_again_and_the_old_one_is_not_heard() {
    let (mut site, mut owner) = attached(1).await;
    let rev = owner.state.rev;
    let mut zombie = FakeOwner::new(&site.broker, 1).await;
    zombie.state = owner.state.clone();
    owner.succeed();
    owner.beat(0).await;
    let (token, cursor) = owner.attach().await;
    assert_eq!(cursor, Some(Cursor { epoch: 1, rev }));
    zombie.decide(&say("of the zombie"));
    zombie.deliver().await;
    owner.decide(&say("of the new one"));
    owner.attached(token, cursor, true).await;
    assert_eq!(site.revs().await, [rev + 1]);
    zombie.deliver().await;
    site.settle().await;
    assert!(site.events.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_forgot_this_edge_is_told_again() {
    let (_site, mut owner) = attached(1).await;
    let generation_one = FakeOwner::new(owner.broker(), 1).await;
    generation_one.beat(0).await;
    let (_, cursor) = owner.attach().await;
    assert_eq!(cursor.map(|cursor| cursor.rev), Some(owner.state.rev));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_recovered_begins_anew() {
    let (mut site, mut owner) = attached(1).await;
    owner.succeed();
    owner.beat(0).await;
    let (token, cursor) = owner.attach().await;
    owner.decide(&say("of which nothing is told"));
    owner.attached(token, cursor, false).await;
    let LinkEvent::Reset { snapshot, .. } = site.event().await else { panic!("no reset") };
    assert_eq!(snapshot.conversation.rev, owner.state.rev);
    owner.decide(&say("next"));
    owner.deliver().await;
    assert_eq!(site.revs().await, [owner.state.rev]);
}

#[tokio::test(start_paused = true)]
async fn a_hole_in_a_conversation_attaches_it_again() {
    let (mut site, mut owner) = attached(1).await;
    let rev = owner.state.rev;
    owner.decide(&say("not delivered"));
    owner.decide(&say("delivered"));
    owner.deliver().await;
    let (token, cursor) = owner.attach().await;
    owner.attached(token, cursor, true).await;
    assert_eq!(site.revs().await, [rev + 1, rev + 2]);
}

#[tokio::test(start_paused = true)]
async fn a_detached_conversation_is_not_handed_on() {
    let (mut site, mut owner) = attached(1).await;
    site.link.detach(&tenant(), conversation());
    let items = owner.follows().await;
    assert!(matches!(&items[..], [FollowItem::Detach { conversation: of, .. }] if *of == conversation()));
    owner.decide(&say("for nobody"));
    owner.deliver().await;
    site.settle().await;
    assert!(site.events.try_recv().is_err());
    site.attach(8, Some(Cursor { epoch: 1, rev: 4 }));
    let (token, cursor) = owner.attach().await;
    owner.attached(token, cursor, true).await;
    assert!(matches!(site.event().await, LinkEvent::Attached { token: 8, missed, .. } if missed.len() == 1));
}

#[tokio::test(start_paused = true)]
async fn an_attach_is_asked_again_and_given_up_in_the_end() {
    let mut site = Site::open(|_| {}).await;
    let mut owner = FakeOwner::new(&site.broker, 1).await;
    site.attach(1, None);
    let (first, _) = owner.attach().await;
    let (second, _) = owner.attach().await;
    assert_eq!(first, second, "the same one");
    match site.event().await {
        LinkEvent::AttachFailed { token: 1, refusal, .. } => assert_eq!(refusal, Refusal::NoAnswer),
        other => panic!("{other:?}"),
    }
    site.attach(2, None);
    let mut token = owner.attach().await.0;
    while token == first {
        token = owner.attach().await.0;
    }
    let (tenant, conversation, refusal) = (tenant(), conversation(), Refusal::NoConversation);
    owner.push(Item::AttachFailed { token, tenant: &tenant, conversation, refusal }).await;
    owner.flush().await;
    match site.event().await {
        LinkEvent::AttachFailed { token: 2, refusal, .. } => assert_eq!(refusal, Refusal::NoConversation),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn notices_are_handed_on() {
    let mut site = Site::open(|_| {}).await;
    let notice = Notice::Added { tenant: tenant(), user: visitor(), conversation: conversation() };
    site.link.notify(&notice).await;
    let LinkEvent::Notice(told) = site.event().await else { panic!("no notice") };
    assert_eq!(told, notice);
}
