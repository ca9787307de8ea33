//! Files in a local folder.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use bytes::Bytes;
use kefu_files::{FileKey, Files, FilesError, conformance};
use kefu_model::TenantId;

#[tokio::test]
async fn the_folder_does_what_the_seam_says() {
    let folder = tempfile::tempdir().unwrap();
    conformance::all(&Files::local(folder.path()).unwrap(), "local").await;
}

#[tokio::test]
async fn files_are_there_after_another_start() {
    let folder = tempfile::tempdir().unwrap();
    let key = FileKey::new(TenantId::new("t").unwrap(), 1);
    let bytes = futures::stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"hello"))]);
    Files::local(folder.path()).unwrap().write(&key, bytes, 100).await.unwrap();
    assert_eq!(Files::local(folder.path()).unwrap().size(&key).await.unwrap(), Some(5));
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let refused = Files::local(&file.path().join("below")).err();
    assert!(matches!(refused, Some(FilesError::Setting { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_folder_that_is_gone_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::local(&folder.path().join("files")).unwrap();
    files.ping().await.unwrap();
    std::fs::remove_dir(folder.path().join("files")).unwrap();
    assert!(matches!(files.ping().await, Err(FilesError::Unavailable(_))));
}

#[tokio::test]
async fn memory_does_what_the_seam_says() {
    conformance::all(&Files::in_memory(), "memory").await;
}
