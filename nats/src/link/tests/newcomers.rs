//! Notices of newcomers that are lost are found.

use super::*;
use crate::transport::SUBSCRIPTION_CAPACITY;

/// A site that has heard its owner, so that the first generation is no news.
async fn known() -> (Site, FakeOwner) {
    let mut site = Site::open(|_| {}).await;
    let mut owner = FakeOwner::new(&site.broker, 1).await;
    owner.beat(0).await;
    assert!(site.missed().await, "what an owner said before it was heard is not known");
    owner.announce().await;
    assert!(matches!(site.event().await, LinkEvent::Notice(Notice::Added { .. })));
    (site, owner)
}

impl Site {
    /// Whether the next event within a second and a half is that notices may have been missed.
    async fn missed(&mut self) -> bool {
        let event = timeout(Duration::from_millis(1_500), self.events.recv()).await;
        matches!(event, Ok(Some(LinkEvent::NewcomersMissed)))
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_missed_while_every_number_comes() {
    let (mut site, mut owner) = known().await;
    for _ in 0..3 {
        owner.announce().await;
        assert!(matches!(site.event().await, LinkEvent::Notice(_)));
        owner.beat(0).await;
    }
    assert!(!site.missed().await);
}

#[tokio::test(start_paused = true)]
async fn a_gap_is_found_by_the_next_notice() {
    let (mut site, mut owner) = known().await;
    site.controls.drop_core("notice", 1);
    owner.announce().await;
    assert!(!site.missed().await, "nobody knows yet");
    owner.announce().await;
    let (mut missed, mut told) = (false, false);
    while !(missed && told) {
        match timeout(PATIENCE, site.events.recv()).await.expect("an event in time").unwrap() {
            LinkEvent::NewcomersMissed => missed = true,
            LinkEvent::Notice(_) => told = true,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_last_notice_is_found_by_the_heartbeat_once() {
    let (mut site, mut owner) = known().await;
    site.controls.drop_core("notice", 1);
    owner.announce().await;
    owner.beat(0).await;
    owner.beat(0).await;
    assert!(site.missed().await);
    owner.beat(0).await;
    owner.beat(0).await;
    assert!(!site.missed().await);
}

#[tokio::test(start_paused = true)]
async fn of_a_new_generation_nobody_knows_what_the_last_one_owed() {
    let (mut site, mut owner) = known().await;
    let mut zombie = FakeOwner::new(&site.broker, 1).await;
    owner.succeed();
    owner.beat(0).await;
    assert!(site.missed().await);
    zombie.announce().await;
    assert!(matches!(site.event().await, LinkEvent::Notice(_)), "what an old owner says is true all the same");
    assert!(!site.missed().await);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_keep_up_may_have_missed_some() {
    let (mut site, _owner) = known().await;
    let notice = Notice::Added { tenant: tenant(), user: visitor(), conversation: conversation() };
    // Nobody takes the events meanwhile.
    for _ in 0..SUBSCRIPTION_CAPACITY + 500 {
        site.link.notify(&notice).await;
    }
    loop {
        match timeout(PATIENCE, site.events.recv()).await.expect("an event in time").unwrap() {
            LinkEvent::NewcomersMissed => break,
            LinkEvent::Notice(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_notice_without_a_number_is_no_sign() {
    let (mut site, _owner) = known().await;
    let notice = Notice::Added { tenant: tenant(), user: visitor(), conversation: conversation() };
    site.link.notify(&notice).await;
    assert!(matches!(site.event().await, LinkEvent::Notice(told) if told == notice));
    assert!(!site.missed().await);
}
