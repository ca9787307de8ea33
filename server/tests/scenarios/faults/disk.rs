//! A disk that is full or read-only. It is a small file system of the test's own, in a mount namespace that needs no
//! privileges; where such namespaces are forbidden, these tests fail and say so.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tempfile::TempDir;

use super::machine::Machine;
use super::{here, history, is_refused_for_now, readiness};
use crate::harness::scene::Scene;
use crate::harness::wait::eventually;

const EROFS: i64 = 30;
/// More than what may be left of a block of the file.
const LONG: usize = 7_900;

/// A file system in memory that only a process sees which keeps it.
struct Disk {
    keeper: Child,
    place: TempDir,
}

impl Disk {
    fn new(mib: u32) -> Self {
        let place = tempfile::tempdir().expect("a folder");
        let script =
            format!("mount -t tmpfs -o size={mib}m kefu '{}' && echo ready && exec sleep 600", path(place.path()));
        let mut keeper = Command::new("unshare");
        keeper.args(["-Urm", "sh", "-c", &script]).stdout(Stdio::piped()).stderr(Stdio::piped()).stdin(Stdio::null());
        let mut keeper = keeper.spawn().expect("unshare runs");
        let mut said = [0; 5];
        let ready = std::io::Read::read_exact(keeper.stdout.as_mut().expect("its output"), &mut said);
        if ready.is_err() {
            let told = keeper.wait_with_output().expect("its end");
            panic!(
                "this test needs a user namespace with a mount of its own (kernel.unprivileged_userns_clone, \
                 kernel.apparmor_restrict_unprivileged_userns): {}",
                String::from_utf8_lossy(&told.stderr)
            );
        }
        Self { keeper, place }
    }

    /// The command by which a process gets there.
    fn enter(&self) -> Vec<String> {
        let target = self.keeper.id().to_string();
        ["nsenter", "-U", "-m", "--preserve-credentials", "-t", &target].map(str::to_owned).to_vec()
    }

    fn data(&self) -> PathBuf {
        self.place.path().join("data")
    }

    /// Its root as seen from here.
    fn seen(&self) -> PathBuf {
        let inside = self.place.path().strip_prefix("/").expect("an absolute path");
        Path::new("/proc").join(self.keeper.id().to_string()).join("root").join(inside)
    }

    /// Fills it to the last byte, and keeps it full: room that somebody gives back is taken at once.
    fn fill(&self) -> Ballast {
        let path = self.seen().join("ballast");
        let mut file = File::create(&path).expect("a file");
        fill_up(&mut file);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let filler = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                fill_up(&mut file);
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        Ballast { path, stop, filler: Some(filler) }
    }

    fn mount_again(&self, options: &str) {
        let enter = self.enter();
        let mut command = Command::new(&enter[0]);
        command.args(&enter[1..]).args(["mount", "-o", &format!("remount,{options}"), path(self.place.path())]);
        assert!(command.status().expect("nsenter runs").success());
    }
}

/// What fills a disk.
struct Ballast {
    path: PathBuf,
    stop: Arc<AtomicBool>,
    filler: Option<JoinHandle<()>>,
}

impl Ballast {
    fn make_room(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.filler.take().expect("it fills").join().expect("the filler ends");
        std::fs::remove_file(&self.path).expect("the ballast can be deleted");
    }
}

impl Drop for Ballast {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn fill_up(file: &mut File) {
    for size in [65_536, 4_096, 1] {
        let block = vec![0; size];
        while file.write_all(&block).is_ok() {}
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path")
}

async fn scene_on(disk: &Disk) -> Scene {
    let enter = disk.enter();
    let enter: Vec<&str> = enter.iter().map(String::as_str).collect();
    Scene::start_by(&enter, Some(disk.data()), &[]).await
}

#[test]
fn a_full_disk_refuses_and_goes_on_once_there_is_room() {
    here(async || {
        let disk = Disk::new(16);
        let mut scene = scene_on(&disk).await;
        let mut visitor = scene.connected_visitor().await;
        let id = visitor.support();
        let long = |number: usize| format!("{number:0>LONG$}");
        let mut said = vec![long(0), long(1)];
        for text in &said {
            visitor.say(&id, text).await;
        }
        history(&visitor.person.api, &id, said.len()).await;
        let ballast = disk.fill();
        said.push(long(2));
        is_refused_for_now(&mut visitor, &id, &said[2]).await;
        let (ready, why) = readiness(&scene.api()).await;
        assert!(!ready && why.contains("log: its disk is full"), "{why}");
        assert!(scene.kefu.own_mut().runs(), "it lives");
        let output = scene.kefu.output();
        assert!(output.contains("the log was not written: its disk is full") && output.contains(path(&disk.data())));
        assert!(output.contains("No space left on device"), "{output}");
        // What is there can be read.
        assert_eq!(history(&visitor.person.api, &id, 2).await, said[..2]);
        ballast.make_room();
        // The same command under the same number.
        visitor.until_answered().await;
        said.push(long(3));
        visitor.say(&id, &said[3]).await;
        eventually("it is ready", async || readiness(&scene.api()).await.0.then_some(())).await;
        assert_eq!(history(&visitor.person.api, &id, 4).await, said);
        scene.kefu.own_mut().kill();
        scene.kefu.own_mut().start_again().await;
        assert_eq!(history(&visitor.person.api, &id, 4).await, said);
    });
}

#[test]
fn a_read_only_folder_is_refused_at_the_start() {
    here(async || {
        let disk = Disk::new(32);
        let mut scene = scene_on(&disk).await;
        let mut visitor = scene.connected_visitor().await;
        let id = visitor.support();
        visitor.say(&id, "before").await;
        scene.kefu.own_mut().kill();
        disk.mount_again("ro");
        let said = scene.kefu.own_mut().fails_to_start().await;
        assert!(said.contains(path(&disk.data())) && said.contains("Read-only file system"), "{said}");
        disk.mount_again("rw");
        scene.kefu.own_mut().start_again().await;
        assert_eq!(history(&visitor.person.api, &id, 1).await, ["before"]);
    });
}

#[test]
fn a_disk_that_turns_read_only_takes_no_more_until_the_next_start() {
    here(async || {
        let machine = Machine::new();
        let mut scene = Scene::start_by(&[], None, &machine.variables()).await;
        let mut visitor = scene.connected_visitor().await;
        let id = visitor.support();
        visitor.say(&id, "before").await;
        machine.refuse_writes(EROFS);
        is_refused_for_now(&mut visitor, &id, "meanwhile").await;
        let (ready, why) = readiness(&scene.api()).await;
        assert!(!ready && why.contains("log: its disk failed"), "{why}");
        assert!(
            scene.kefu.own_mut().runs() && scene.kefu.output().contains("the log takes no more until it is reopened")
        );
        assert_eq!(visitor.look(|view| view.closed), None);
        machine.refuse_writes(0);
        scene.kefu.own_mut().kill();
        visitor.until_closed().await;
        scene.kefu.own_mut().start_again().await;
        visitor.cut().await;
        visitor.resume().await;
        visitor.until_answered().await;
        assert_eq!(history(&visitor.person.api, &id, 2).await, ["before", "meanwhile"]);
    });
}
