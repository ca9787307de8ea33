//! What the writer answers when the disk fails.

use std::fs;

use tokio::sync::Semaphore;

use super::*;
use crate::conformance::spec;
use crate::embedded::format::SEGMENT_HEADER;
use crate::testing::TempDir;
use crate::transport::AppendTicket;

fn settings(dir: &TempDir) -> Settings {
    let dir = Arc::new(dir.path().join("log"));
    fs::create_dir_all(&*dir).expect("a folder");
    Settings { dir, fsync: true, segment_bytes: 1 << 10, tail_bytes: 1 << 10 }
}

fn writer(dir: &TempDir, settings: &Settings, segments: Segments) -> Writer {
    let lock = File::create(dir.path().join("LOCK")).expect("a file");
    Writer::new(settings.clone(), Catalog::default(), segments, lock)
}

fn append(writer: &mut Writer, stream: &Arc<Stream>, size: usize, msg_id: Option<&str>) -> AppendTicket {
    let permit = || Arc::new(Semaphore::new(1)).try_acquire_owned().expect("a permit");
    let (ticket, answer) = AppendTicket::channel();
    let payload = Bytes::from(vec![1; size]);
    let msg_id = msg_id.map(Into::into);
    writer.handle(Job::Append(Append { stream: stream.clone(), payload, msg_id, ticket, _room: (permit(), permit()) }));
    answer
}

#[tokio::test]
async fn after_a_failure_that_leaves_the_file_unknown_it_takes_no_more() {
    let dir = TempDir::new();
    let settings = settings(&dir);
    let path = dir.path().join("read-only");
    fs::write(&path, [0; SEGMENT_HEADER]).expect("a file");
    // It can be neither written nor truncated.
    let file = File::open(&path).expect("a file");
    let mut writer = writer(&dir, &settings, Segments::resume(1, file, SEGMENT_HEADER as u64));
    let stream = Arc::new(Stream::new(1, Uuid::new_v4(), spec("s")));
    let (one, two) = (append(&mut writer, &stream, 10, None), append(&mut writer, &stream, 10, None));
    writer.commit();
    for answer in [one, two] {
        assert!(answer.await.is_err_and(|error| error.is_ambiguous()));
    }
    let later = append(&mut writer, &stream, 10, None);
    writer.commit();
    let refused = later.await.expect_err("it is refused");
    assert!(matches!(refused, TransportError::Unavailable { .. }), "{refused:?}");
    assert_eq!(stream.info().last, 0);
}

#[tokio::test]
async fn what_was_certainly_not_written_leaves_no_trace() {
    let dir = TempDir::new();
    let settings = settings(&dir);
    let segments = Segments::create(1, &settings).expect("a segment");
    let mut writer = writer(&dir, &settings, segments);
    let stream = Arc::new(Stream::new(1, Uuid::new_v4(), spec("s")));
    let first = append(&mut writer, &stream, 900, None);
    writer.commit();
    assert_eq!(first.await.expect("it is stored"), 1);
    // The next segment cannot be made.
    let away = dir.path().join("away");
    fs::rename(&*settings.dir, &away).expect("it is moved");
    let second = append(&mut writer, &stream, 900, Some("id"));
    writer.commit();
    let refused = second.await.expect_err("it is refused");
    assert!(matches!(refused, TransportError::Unavailable { .. }), "{refused:?}");
    fs::rename(&away, &*settings.dir).expect("it is moved back");
    let again = append(&mut writer, &stream, 900, Some("id"));
    writer.commit();
    assert_eq!(again.await.expect("it is stored"), 2);
}
