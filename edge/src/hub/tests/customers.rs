//! Who is told of a customer.

use super::*;
use crate::frame::AgentStatus as Shown;

/// What a connection was told of customers, of all that is queued to it.
fn told(connection: &Connection) -> Vec<Shown> {
    let told = frames(connection).into_iter().filter_map(|frame| match frame {
        ServerFrame::Presence { user, status } => {
            assert_eq!(user, (&customer("c1").user).into());
            Some(status)
        }
        _ => None,
    });
    told.collect()
}

/// A connection that follows, as the first one or a later one.
async fn following(edge: &TestEdge, played: &Played, caller: crate::auth::Caller) -> Arc<Connection> {
    let connection = edge.connect(caller).await;
    let known = edge.services.hub.peek(&tenant(), played.state.id).is_some();
    follow(&connection, played.state.id, None);
    if !known {
        edge.services.hub.take(played.attached(last_token(edge), vec![]));
    }
    assert!(frames(&connection).iter().any(|frame| attached_state(frame).is_some()));
    connection
}

fn find(edge: &TestEdge, online: bool) -> usize {
    let asked = edge.services.hub.asked();
    asked.iter().for_each(|asked| edge.services.hub.found(asked, online));
    asked.len()
}

fn say(edge: &TestEdge, customer: &str, online: bool) {
    let (mut came, mut left) = (Vec::new(), Vec::new());
    if online { &mut came } else { &mut left }.push(kefu_model::UserId::new(customer).unwrap());
    edge.services.hub.take(LinkEvent::Notice(Notice::Customers { tenant: tenant(), online: came, offline: left }));
}

#[tokio::test]
async fn an_agent_who_attaches_is_told_and_nobody_else() {
    let edge = TestEdge::new(config());
    let played = Played::served();
    let visitor = following(&edge, &played, customer("c1")).await;
    assert_eq!(find(&edge, true), 0, "customers do not ask");
    let desk = following(&edge, &played, agent("a1", Role::Agent)).await;
    assert_eq!(find(&edge, true), 1);
    assert_eq!(told(&desk), [Shown::Online]);
    let second = following(&edge, &played, agent("a1", Role::Agent)).await;
    assert_eq!(find(&edge, true), 1);
    assert_eq!((told(&second), told(&desk)), (vec![Shown::Online], vec![]));
    assert_eq!(told(&visitor), []);
}

#[tokio::test]
async fn only_news_is_told_and_only_to_agents_who_follow() {
    let edge = TestEdge::new(config());
    let mut played = Played::served();
    let visitor = following(&edge, &played, customer("c1")).await;
    let desk = following(&edge, &played, agent("a1", Role::Agent)).await;
    let overseer = following(&edge, &played, agent("s1", Role::Supervisor)).await;
    let stranger = edge.connect(agent("a2", Role::Agent)).await;
    find(&edge, true);
    let desks = || (told(&desk), told(&overseer));
    assert_eq!(desks(), (vec![Shown::Online], vec![Shown::Online]));
    say(&edge, "c1", true);
    say(&edge, "c2", false);
    assert_eq!(desks(), (vec![], vec![]), "a reload is no news, nor is another customer");
    say(&edge, "c1", false);
    assert_eq!(desks(), (vec![Shown::Offline], vec![Shown::Offline]));
    say(&edge, "c1", true);
    assert_eq!(desks(), (vec![Shown::Online], vec![Shown::Online]));

    // Who is in the conversation no more is told no more.
    let (from, to) = (agent("a1", Role::Agent).user, agent("a2", Role::Agent).user);
    let reason = "picked".to_owned();
    let moved = Event::SessionTransferred { session: 1, from, agent: to, name: None, reason };
    let moved = played.happen(None, vec![moved]);
    edge.services.hub.take(played.outcomes(vec![moved]));
    say(&edge, "c1", false);
    assert_eq!(desks(), (vec![], vec![Shown::Offline]));
    assert_eq!((told(&visitor), told(&stranger)), (vec![], vec![]));
}

#[tokio::test]
async fn a_notice_is_newer_than_what_is_found_meanwhile() {
    let edge = TestEdge::new(config());
    let played = Played::served();
    let desk = following(&edge, &played, agent("a1", Role::Agent)).await;
    say(&edge, "c1", false);
    find(&edge, true);
    assert_eq!(told(&desk).last(), Some(&Shown::Offline));
    // Looked at again, what is found counts.
    edge.services.hub.ask_again();
    assert_eq!(find(&edge, true), 1);
    assert_eq!(told(&desk), [Shown::Online]);
    edge.services.hub.ask_again();
    find(&edge, true);
    assert_eq!(told(&desk), [], "nothing new");
}

#[tokio::test(start_paused = true)]
async fn a_question_without_an_answer_is_asked_again() {
    let (edge, live) = TestEdge::with_faults(config());
    tokio::time::advance(kefu_live::limits::LEASE).await;
    let played = Played::served();
    let desk = following(&edge, &played, agent("a1", Role::Agent)).await;
    live.fail();
    tokio::spawn(crate::customers::run(Arc::clone(&edge.services), tokio_util::sync::CancellationToken::new()));
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    assert_eq!(told(&desk), []);
    live.heal();
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    assert_eq!(told(&desk), [Shown::Offline]);
    // A memory that was lost does not know: what was told stays.
    say(&edge, "c1", true);
    live.forget();
    edge.services.hub.ask_again();
    edge.services.hub.ask_again();
    tokio::time::sleep(std::time::Duration::from_secs(20)).await;
    assert_eq!(told(&desk), [Shown::Online]);
    assert_eq!(edge.services.hub.asked().len(), 1, "asked once, and waiting");
}
