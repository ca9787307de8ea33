//! Files that are damaged, missing or of a newer release.

use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use serde_json::json;

use super::{here, history};
use crate::client::Client;
use crate::harness::scene::{Broker, Scene};
use crate::harness::wait::eventually;

/// Where to read what to do.
const WAY_OUT: &str = "see docs/operations.md, \"When the machine fails\"";

/// A deployment, with a chat in it, that was ended.
struct Ended {
    scene: Scene,
    visitor: Client,
    id: String,
    said: Vec<String>,
}

impl Ended {
    /// Ended with everything in the store.
    async fn new(kill: bool) -> Self {
        let mut scene = Scene::start(Broker::Embedded).await;
        let chat = scene.chat().await;
        let (mut visitor, id) = (chat.visitor, chat.id);
        let mut said = vec!["hello".to_owned()];
        for number in 0..40 {
            let text = format!("number {number}");
            visitor.say(&id, &text).await;
            said.push(text);
        }
        history(&visitor.person.api, &id, said.len()).await;
        if kill {
            scene.kefu.own_mut().kill();
        } else {
            scene.kefu.own().terminate();
            scene.kefu.own_mut().ended().await;
        }
        visitor.until_closed().await;
        visitor.cut().await;
        Self { scene, visitor, id, said }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.scene.kefu.own().data_dir().join(name)
    }

    fn segment(&self) -> PathBuf {
        self.file("log/0000000000000001.seg")
    }

    /// Writes into a file, and answers what stood there.
    fn overwrite(&self, name: &str, at: u64, bytes: &[u8]) -> Vec<u8> {
        let file = std::fs::File::options().read(true).write(true).open(self.file(name)).expect("the file");
        let mut before = vec![0; bytes.len()];
        file.read_exact_at(&mut before, at).expect("it is so long");
        file.write_all_at(bytes, at).expect("it can be written");
        before
    }

    /// It does not start, and says these things.
    async fn is_refused(&mut self, says: &[&str]) {
        let said = self.scene.kefu.own_mut().fails_to_start().await;
        for wanted in says {
            assert!(said.contains(wanted), "{said} says nothing of {wanted:?}");
        }
    }

    /// It starts, and everything is there and goes on.
    async fn goes_on(&mut self) {
        self.scene.kefu.own_mut().start_again().await;
        self.visitor.resume().await;
        self.is_whole().await;
    }

    /// Everything is there and goes on.
    async fn is_whole(&mut self) {
        assert_eq!(history(&self.visitor.person.api, &self.id, self.said.len()).await, self.said);
        self.visitor.say(&self.id, "and on").await;
        self.said.push("and on".to_owned());
        assert_eq!(history(&self.visitor.person.api, &self.id, self.said.len()).await, self.said);
    }
}

#[test]
fn a_torn_last_write_is_cut_off_and_said() {
    here(async || {
        let mut ended = Ended::new(true).await;
        let segment = ended.segment();
        let len = std::fs::metadata(&segment).expect("the segment").len();
        // Half of a record that was never confirmed: a copy of how another begins.
        let mut bytes = std::fs::read(&segment).expect("the segment");
        bytes.extend_from_within(16..50);
        std::fs::write(&segment, bytes).expect("it can be written");
        ended.goes_on().await;
        let output = ended.scene.kefu.output();
        let line = output.lines().find(|line| line.contains("cut off a torn write that was never confirmed"));
        let line = line.expect("it says so");
        assert!(line.contains("0000000000000001.seg") && line.contains(&len.to_string()), "{line}");
    });
}

#[test]
fn damage_in_the_middle_of_the_log_is_refused_and_the_next_epoch_goes_on() {
    here(async || {
        let mut ended = Ended::new(true).await;
        let middle = std::fs::metadata(ended.segment()).expect("the segment").len() / 2;
        ended.overwrite("log/0000000000000001.seg", middle, &[0xaa; 8]);
        ended.is_refused(&["corrupt data in", "0000000000000001.seg", "at byte", WAY_OUT]).await;
        next_epoch(&mut ended).await;
        let aside = ended.file("log.epoch-1/0000000000000001.seg");
        assert!(aside.is_file(), "the old log is kept");
    });
}

/// Opens the next epoch, and sees that clients and sessions go on in it.
async fn next_epoch(ended: &mut Ended) {
    let asked = ended.scene.kefu.own().command(&["epoch", "next"]).await;
    assert!(!asked.success && asked.stderr.contains("--yes") && asked.stderr.contains("epoch 2"), "{}", asked.stderr);
    let done = ended.scene.kefu.own().command(&["epoch", "next", "--yes"]).await;
    assert!(done.success && done.stdout.contains("Epoch 2 is open"), "{}{}", done.stdout, done.stderr);
    ended.scene.kefu.own_mut().start_again().await;
    let (visitor, id) = (&mut ended.visitor, &ended.id);
    visitor.reconnect().await;
    let attached = visitor.attach(id).await;
    assert_eq!(attached["recovered"], false, "{attached}");
    visitor.attach_from_history(id).await;
    ended.is_whole().await;
    // The session is still the agent's, and ends.
    let (visitor, id) = (&mut ended.visitor, &ended.id);
    let session = ended.scene.admin.api.get(&format!("/api/sessions/{id}.1")).await.ok();
    assert_eq!((&session["status"], &session["agent"]["id"]), (&"active".into(), &"mei".into()), "{session}");
    let answer = visitor.ask(id, json!({"type": "end_session"})).await;
    assert_eq!(answer["t"], "ack", "{answer}");
    // A new session finds a place: allocation has forgotten nothing and counted nothing twice.
    let agent = ended.scene.online_agent("bo", 1).await;
    visitor.say(id, "again").await;
    visitor.until_assigned(id).await;
    drop(agent);
}

#[test]
fn a_damaged_store_is_refused_and_a_copy_of_it_goes_on() {
    here(async || {
        let mut ended = Ended::new(false).await;
        let copy = std::fs::read(ended.file("kefu.db")).expect("the store");
        // The beginning, and then every page but the first.
        ended.overwrite("kefu.db", 0, &[0xaa; 100]);
        ended.is_refused(&["kefu.db", "file is not a database", WAY_OUT]).await;
        let mut pages = copy.clone();
        pages[4_096..].fill(0xaa);
        std::fs::write(ended.file("kefu.db"), pages).expect("it can be written");
        ended.is_refused(&["kefu.db", "malformed", WAY_OUT]).await;
        for left in ["kefu.db-wal", "kefu.db-shm"] {
            let _ = std::fs::remove_file(ended.file(left));
        }
        std::fs::write(ended.file("kefu.db"), copy).expect("it can be written");
        ended.goes_on().await;
    });
}

#[test]
fn a_store_whose_wal_is_gone_catches_up_or_is_refused() {
    here(async || {
        // Killed: what is new is in the WAL only. Without it the store is empty, and nobody begins anew beside the log.
        let mut ended = Ended::new(true).await;
        let wal = std::fs::read(ended.file("kefu.db-wal")).expect("the WAL");
        let copy = std::fs::read(ended.file("kefu.db")).expect("the store");
        std::fs::remove_file(ended.file("kefu.db-wal")).expect("it can be deleted");
        ended.is_refused(&["kefu.db is empty, but the log", "Restore it", WAY_OUT]).await;
        // Given back, it is all there.
        let _ = std::fs::remove_file(ended.file("kefu.db-shm"));
        std::fs::write(ended.file("kefu.db"), copy).expect("it can be written");
        std::fs::write(ended.file("kefu.db-wal"), &wal).expect("it can be written");
        ended.goes_on().await;

        // A WAL that is lost after a clean stop takes what came after that stop; the log still has the conversations.
        ended.scene.kefu.own().terminate();
        ended.scene.kefu.own_mut().ended().await;
        ended.visitor.until_closed().await;
        ended.visitor.cut().await;
        ended.scene.kefu.own_mut().start_again().await;
        ended.visitor.resume().await;
        ended.visitor.say(&ended.id, "only in the WAL").await;
        ended.said.push("only in the WAL".to_owned());
        history(&ended.visitor.person.api, &ended.id, ended.said.len()).await;
        ended.scene.kefu.own_mut().kill();
        ended.visitor.until_closed().await;
        ended.visitor.cut().await;
        std::fs::remove_file(ended.file("kefu.db-wal")).expect("it can be deleted");
        ended.goes_on().await;
    });
}

#[test]
fn files_of_a_newer_release_are_refused_with_both_versions() {
    here(async || {
        let mut ended = Ended::new(false).await;
        // SQLite keeps `user_version` here.
        let version = ended.overwrite("kefu.db", 60, &99_u32.to_be_bytes());
        let known = u32::from_be_bytes(version.clone().try_into().expect("four bytes"));
        let both = format!("the store has schema version 99, this release knows up to {known}");
        ended.is_refused(&[&both, "use the newer release", "kefu.db"]).await;
        ended.overwrite("kefu.db", 60, &version);
        let format = std::fs::read(ended.file("log/FORMAT")).expect("the format");
        std::fs::write(ended.file("log/FORMAT"), "kefu-log 2\n").expect("it can be written");
        ended.is_refused(&["kefu-log 2", "kefu-log 1", "FORMAT"]).await;
        std::fs::write(ended.file("log/FORMAT"), format).expect("it can be written");
        ended.goes_on().await;
    });
}

/// Nothing to be reopened: a mistyped folder, or one that runs.
#[test]
fn an_epoch_is_opened_of_a_deployment_that_is_there_and_ended() {
    here(async || {
        let nothing = crate::harness::kefu::run(&["epoch", "next", "--yes", "--data-dir", "nothing"], "").await;
        assert!(!nothing.success && nothing.stderr.contains("there is no deployment in nothing"), "{}", nothing.stderr);
        let scene = Scene::start(Broker::Embedded).await;
        let running =
            eventually("an answer", async || Some(scene.kefu.own().command(&["epoch", "next", "--yes"]).await)).await;
        assert!(!running.success && running.stderr.contains("another process uses"), "{}", running.stderr);
    });
}
