//! A process that may open few files.

use tokio::net::TcpStream;

use super::here;
use crate::harness::kefu::Kefu;
use crate::harness::scene::Scene;
use crate::harness::wait::eventually;

/// Runs what follows with both limits of open files at this.
const FEW_FILES: [&str; 4] = ["sh", "-c", "ulimit -n 64 && exec \"$@\"", "sh"];
/// Fewer than it can start with.
const TOO_FEW_FILES: [&str; 4] = ["sh", "-c", "ulimit -n 40 && exec \"$@\"", "sh"];
/// Only the soft limit.
const SOFT_LIMIT: [&str; 4] = ["sh", "-c", "ulimit -S -n 64 && exec \"$@\"", "sh"];

#[test]
fn more_connections_than_files_wait_and_break_nothing() {
    here(async || {
        let scene = Scene::start_by(&FEW_FILES, None, &[]).await;
        assert!(scene.kefu.output().contains("limits.connections does not fit into the limit of open files"));
        let mut visitor = scene.connected_visitor().await;
        let id = visitor.support();
        let mut open = Vec::new();
        for _ in 0..100 {
            // More than are taken wait with the system.
            open.push(TcpStream::connect(scene.kefu.address()).await.expect("the system takes it"));
        }
        eventually("it says so", async || {
            scene.kefu.output().contains("all places for connections are taken").then_some(())
        })
        .await;
        for number in 0..200 {
            visitor.until_room().await;
            visitor.command(&id, crate::client::message(&format!("{number}")));
        }
        visitor.until_answered().await;
        assert!(scene.api().try_get("/livez").await.is_none(), "there is no place for one more");
        drop(open);
        let mut another = scene.connected_visitor().await;
        let its = another.support();
        another.say(&its, "here I am").await;
        assert!(!scene.kefu.output().contains("a partition is no longer owned here"));
    });
}

#[test]
fn the_soft_limit_is_raised_to_the_hard_one() {
    here(async || {
        let kefu = Kefu::start_by(&SOFT_LIMIT, None, &[], &[]).await;
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", kefu.pid())).expect("its limits");
        let line = limits.lines().find(|line| line.starts_with("Max open files")).expect("the limit");
        let numbers: Vec<&str> = line.split_whitespace().skip(3).take(2).collect();
        assert_eq!(numbers[0], numbers[1], "{line}");
    });
}

#[test]
fn too_few_files_are_refused_at_the_start() {
    here(async || {
        let mut kefu = Kefu::start_by(&[], None, &[], &[]).await;
        kefu.kill();
        kefu.start_by_another(&TOO_FEW_FILES);
        let said = kefu.fails_to_start().await;
        assert!(said.contains("may open only 40 files") && said.contains("ulimit -n"), "{said}");
    });
}
