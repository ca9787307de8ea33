//! A clock that is set while people chat.

use std::time::Duration;

use super::machine::Machine;
use super::{here, history};
use crate::harness::scene::Scene;

/// Longer than a client may be silent would be waiting for nothing: what is looked at every second is seen after this.
const LOOKED_AT: Duration = Duration::from_secs(4);

#[test]
fn a_clock_that_is_set_disturbs_nobody() {
    here(async || {
        let machine = Machine::new();
        let mut scene = Scene::start_by(&[], None, &machine.variables()).await;
        let chat = scene.chat().await;
        let (mut agent, mut visitor, id) = (chat.agent, chat.visitor, chat.id);
        let mut said = vec!["hello".to_owned()];
        // A login lasts an hour; so far forward it has to be used before it runs out.
        for ahead in [1_800, -3_600, 3_500, 0] {
            machine.set_clock(ahead);
            tokio::time::sleep(LOOKED_AT).await;
            for client in [&mut agent, &mut visitor] {
                let text = format!("{}, {ahead} s", client.person.id);
                client.say(&id, &text).await;
                said.push(text);
            }
            for client in [&agent, &visitor] {
                assert_eq!(client.look(|view| view.closed), None, "nobody is thrown out at {ahead} s");
            }
            let session = agent.person.api.get(&format!("/api/sessions/{id}.1")).await.ok();
            assert_eq!((&session["status"], &session["agent"]["id"]), (&"active".into(), &"mei".into()), "{ahead} s");
        }
        assert_eq!(history(&visitor.person.api, &id, said.len()).await, said);
        // A restart while the clock is behind: within a conversation times still do not go back.
        machine.set_clock(-3_600);
        scene.kefu.own_mut().kill();
        visitor.until_closed().await;
        scene.kefu.own_mut().start_again().await;
        visitor.cut().await;
        visitor.resume().await;
        visitor.say(&id, "after the restart").await;
        let items = visitor.person.api.whole_history(&id).await;
        let times: Vec<&str> = items.iter().map(|item| item["at"].as_str().expect("a time")).collect();
        assert!(times.is_sorted(), "{times:?}");
    });
}

#[test]
fn an_absence_ends_though_the_clock_is_set_back() {
    here(async || {
        let machine = Machine::new();
        let mut settings = machine.variables().to_vec();
        settings.push(("KEFU_ALLOCATION__GRACE_S", "2"));
        let scene = Scene::start_by(&[], None, &settings).await;
        let chat = scene.chat().await;
        let (mut agent, visitor, id) = (chat.agent, chat.visitor, chat.id);
        let other = scene.online_agent("bo", 5).await;
        machine.set_clock(-3_600);
        agent.cut().await;
        // Time passes at half its speed until the clock has caught up: an absence is noticed later, not an hour later.
        let to_other = |view: &crate::client::View| (view.agent_of(&id).as_deref() == Some("bo")).then_some(());
        visitor.until_within(Duration::from_secs(40), "the other agent", to_other).await;
        drop(other);
    });
}
