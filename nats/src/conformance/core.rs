//! Core messages: at most once, in order, and a loss is told.

use std::time::Duration;

use bytes::Bytes;

use super::{Harness, QUIET, payload, soon};
use crate::transport::{
    CoreEvent, CoreMessage, MAX_PAYLOAD_BYTES, SUBSCRIPTION_CAPACITY, Subscription, Transport, TransportError,
};

async fn message(subscription: &mut dyn Subscription) -> CoreMessage {
    match soon(subscription.next()).await {
        Some(CoreEvent::Message(message)) => message,
        other => panic!("no message: {other:?}"),
    }
}

async fn publish_range(transport: &dyn Transport, subject: &str, numbers: std::ops::RangeInclusive<u64>) {
    for number in numbers {
        soon(transport.publish(subject, payload(number))).await.expect("it is sent");
    }
}

/// Two subscribers get all messages in the order of sending.
pub async fn messages_arrive_in_order(harness: impl Harness) {
    let transport = harness.transport();
    let mut one = transport.subscribe("a.b").await.expect("a subscription");
    let mut two = transport.subscribe("a.b").await.expect("a subscription");
    transport.flush().await.expect("a flush");
    publish_range(&*transport, "a.b", 1..=1000).await;
    for subscription in [&mut one, &mut two] {
        for number in 1..=1000 {
            let message = message(&mut **subscription).await;
            assert_eq!((&*message.subject, message.payload), ("a.b", payload(number)));
            assert!(message.reply.is_none());
        }
    }
}

/// `*` is one token, a last `>` one or more; everything else is exact.
pub async fn wildcards_match(harness: impl Harness) {
    let transport = harness.transport();
    let mut star = transport.subscribe("a.*.c").await.expect("a subscription");
    let mut rest = transport.subscribe("a.>").await.expect("a subscription");
    let mut exact = transport.subscribe("a").await.expect("a subscription");
    for subject in ["a.b.c", "a.x.c", "a.b.c.d", "a", "b.b.c", "a.b"] {
        transport.publish(subject, Bytes::new()).await.expect("it is sent");
    }
    for (subscription, expected) in
        [(&mut star, &["a.b.c", "a.x.c"][..]), (&mut rest, &["a.b.c", "a.x.c", "a.b.c.d", "a.b"]), (&mut exact, &["a"])]
    {
        for subject in expected {
            assert_eq!(message(&mut **subscription).await.subject, *subject);
        }
        assert!(tokio::time::timeout(QUIET, subscription.next()).await.is_err());
    }
}

/// A subscriber that does not read keeps a bounded number of messages, learns that some are missing, and goes on.
pub async fn a_lagging_subscriber_is_told(harness: impl Harness) {
    let transport = harness.transport();
    let mut slow = transport.subscribe("flood").await.expect("a subscription");
    let mut witness = transport.subscribe("flood").await.expect("a subscription");
    let count = SUBSCRIPTION_CAPACITY as u64 * 2;
    for number in 1..=count {
        publish_range(&*transport, "flood", number..=number).await;
        assert_eq!(message(&mut *witness).await.payload, payload(number));
    }
    let mut kept = 0;
    loop {
        match soon(slow.next()).await {
            Some(CoreEvent::Message(message)) => {
                kept += 1;
                assert_eq!(message.payload, payload(kept));
            }
            Some(CoreEvent::Lagged) => break,
            None => panic!("the subscription ended"),
        }
    }
    assert!(kept <= SUBSCRIPTION_CAPACITY as u64, "{kept}");
    publish_range(&*transport, "flood", count + 1..=count + 1).await;
    let last = async {
        while slow.next().await.and_then(CoreEvent::into_message).is_none_or(|last| last.payload != payload(count + 1))
        {
        }
    };
    soon(last).await;
}

/// A request gets its own answer, also among others.
pub async fn requests_are_answered(harness: impl Harness) {
    let transport = harness.transport();
    let mut service = transport.subscribe("service.*").await.expect("a subscription");
    transport.flush().await.expect("a flush");
    let serving = tokio::spawn(async move {
        for _ in 0..20 {
            let request = message(&mut *service).await;
            let answer = [b"re: ", &*request.payload].concat();
            request.reply.expect("a way to answer").send(answer.into()).await.expect("it is sent");
        }
    });
    let ask = |number: u64| {
        let transport = transport.clone();
        async move {
            let answer = transport.request("service.a", payload(number), Duration::from_secs(10)).await;
            assert_eq!(answer.expect("an answer"), [b"re: ", &*payload(number)].concat());
        }
    };
    soon(futures::future::join_all((0..20).map(ask))).await;
    soon(serving).await.expect("all were served");
}

/// That nobody listens is told at once, not after the timeout.
pub async fn nobody_answers(harness: impl Harness) {
    let asked = harness.transport().request("nobody", Bytes::new(), Duration::from_secs(3600)).await;
    assert!(matches!(asked, Err(TransportError::NoResponder { ref subject }) if subject == "nobody"), "{asked:?}");
}

/// Somebody listens and does not answer in time; an answer afterwards harms nobody.
pub async fn an_answer_may_come_too_late(harness: impl Harness) {
    let transport = harness.transport();
    let mut service = transport.subscribe("slow").await.expect("a subscription");
    transport.flush().await.expect("a flush");
    let asked = soon(transport.request("slow", Bytes::new(), Duration::from_millis(100))).await;
    assert!(matches!(asked, Err(TransportError::Timeout)), "{asked:?}");
    let late = message(&mut *service).await.reply.expect("a way to answer");
    late.send(Bytes::new()).await.expect("it is sent");
}

/// A dropped subscription is no responder any more.
pub async fn dropping_unsubscribes(harness: impl Harness) {
    let transport = harness.transport();
    drop(transport.subscribe("gone").await.expect("a subscription"));
    let gone = async {
        loop {
            transport.flush().await.expect("a flush");
            match transport.request("gone", Bytes::new(), Duration::from_millis(200)).await {
                Err(TransportError::NoResponder { .. }) => return,
                Err(TransportError::Timeout) => {}
                other => panic!("{other:?}"),
            }
        }
    };
    soon(gone).await;
}

/// The largest payload passes, as message and as answer.
pub async fn large_messages_pass(harness: impl Harness) {
    let transport = harness.transport();
    let large = Bytes::from(vec![3; MAX_PAYLOAD_BYTES]);
    let mut service = transport.subscribe("large").await.expect("a subscription");
    transport.flush().await.expect("a flush");
    let serving = tokio::spawn(async move {
        let request = message(&mut *service).await;
        request.reply.expect("a way to answer").send(request.payload).await
    });
    let answer = transport.request("large", large.clone(), Duration::from_secs(10)).await.expect("an answer");
    assert_eq!(answer, large);
    soon(serving).await.expect("it was served").expect("it was sent");
}

/// A close ends what waits for messages.
pub async fn close_ends_subscriptions(harness: impl Harness) {
    let transport = harness.transport();
    let mut subscription = transport.subscribe("x").await.expect("a subscription");
    transport.close().await.expect("it closes");
    let ended = async { while subscription.next().await.is_some() {} };
    soon(ended).await;
}
