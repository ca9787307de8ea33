//! A reader who stops reading is cut off and loses nothing.

use crate::harness::scene::{Broker, Scene};

pub async fn a_slow_reader_is_cut_off_and_resumes(broker: Broker) {
    // More than the kernel takes for a reader who does not read.
    const MESSAGES: usize = 400;
    let scene = Scene::start_with(broker, &[("KEFU_LIMITS__OUTGOING_BYTES", "131072")]).await;
    let chat = scene.chat().await;
    let (mut agent, mut visitor, id) = (chat.agent, chat.visitor, chat.id);
    visitor.read_on(false);
    let texts: Vec<String> = (0..MESSAGES).map(|number| format!("{number} {}", "長".repeat(7_000))).collect();
    for text in &texts {
        // One by one: the sender reads its own at the same pace.
        agent.say(&id, text).await;
    }
    visitor.read_on(true);
    let code = visitor.until_closed().await;
    assert!([4002, 1006].contains(&code), "{code}");
    let seen = visitor.look(|view| view.texts(&id).len());
    assert!(seen < MESSAGES, "it was cut off before it had all");

    // What it missed may be too much to be told at once: then it goes on from the history.
    visitor.cut().await;
    visitor.resume().await;
    agent.say(&id, "are you with me?").await;
    let mut all = vec!["hello"];
    all.extend(texts.iter().map(String::as_str));
    all.push("are you with me?");
    visitor.until_texts(&id, &all).await;
    agent.until_texts(&id, &all).await;
}
