//! What every implementation has to do. Each case uses a tenant of its own, so that one bucket serves them all.

#![allow(clippy::unwrap_used, reason = "tests")]

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use kefu_model::TenantId;

use crate::error::FilesError;
use crate::{Content, FileKey, Files, limits};

/// Runs every case.
///
/// # Panics
/// Where one does not hold.
pub async fn all(files: &Files, run: &str) {
    what_was_written_is_read(files, &tenant(run, "read")).await;
    ranges_are_cut(files, &tenant(run, "range")).await;
    what_is_not_there_is_not_found(files, &tenant(run, "missing")).await;
    what_was_given_up_is_not_there(files, &tenant(run, "abort")).await;
    a_second_write_replaces(files, &tenant(run, "again")).await;
    a_tenants_files_are_listed(files, &tenant(run, "list"), &tenant(run, "other")).await;
    writes_at_once_do_not_mix(files, &tenant(run, "many")).await;
    files.ping().await.unwrap();
}

const ROOM: u64 = 1 << 30;

fn tenant(run: &str, case: &str) -> TenantId {
    TenantId::new(&format!("{run}-{case}")).unwrap()
}

/// Bytes that differ by place and by seed.
fn sample(len: usize, seed: u8) -> Bytes {
    (0..len).map(|at| u8::try_from((at / 251 + at) % 256).unwrap_or_default() ^ seed).collect()
}

async fn write(files: &Files, key: &FileKey, bytes: &Bytes, chunk: usize) -> Result<u64, FilesError> {
    let chunks: Vec<_> = bytes.chunks(chunk).map(|part| Ok::<_, std::io::Error>(bytes.slice_ref(part))).collect();
    files.write(key, futures::stream::iter(chunks), ROOM).await
}

async fn bytes_of(content: Content) -> Vec<u8> {
    let add = |mut all: Vec<u8>, part: Bytes| async move {
        all.extend_from_slice(&part);
        Ok(all)
    };
    content.bytes.try_fold(Vec::new(), add).await.unwrap()
}

async fn what_was_written_is_read(files: &Files, tenant: &TenantId) {
    // None, a few, one part exactly, several parts and a rest.
    for (id, len) in [0, 7, limits::PART_BYTES, 2 * limits::PART_BYTES + 12_345].into_iter().enumerate() {
        let (key, bytes) = (FileKey::new(tenant.clone(), id as u128), sample(len, 3));
        assert_eq!(write(files, &key, &bytes, 700_001).await.unwrap(), len as u64);
        assert_eq!(files.size(&key).await.unwrap(), Some(len as u64));
        let content = files.read(&key, None).await.unwrap();
        assert_eq!((content.size_bytes, content.range.clone()), (len as u64, 0..len as u64));
        assert_eq!(bytes_of(content).await, bytes, "{len} bytes");
    }
}

async fn ranges_are_cut(files: &Files, tenant: &TenantId) {
    let (key, bytes) = (FileKey::new(tenant.clone(), 1), sample(1_000, 9));
    write(files, &key, &bytes, 100).await.unwrap();
    for (asked, given) in [(0..1, 0..1), (10..20, 10..20), (990..5_000, 990..1_000), (0..1_000, 0..1_000)] {
        let content = files.read(&key, Some(asked)).await.unwrap();
        assert_eq!((content.size_bytes, content.range.clone()), (1_000, given.clone()));
        let (from, to) = (usize::try_from(given.start).unwrap(), usize::try_from(given.end).unwrap());
        assert_eq!(bytes_of(content).await, bytes[from..to]);
    }
    for asked in [1_000..1_001, 5_000..6_000, 5..5] {
        let refused = files.read(&key, Some(asked.clone())).await.err();
        assert!(matches!(refused, Some(FilesError::OutOfRange { size_bytes: 1_000 })), "{asked:?}: {refused:?}");
    }
}

async fn what_is_not_there_is_not_found(files: &Files, tenant: &TenantId) {
    let key = FileKey::new(tenant.clone(), 1);
    assert!(matches!(files.read(&key, None).await.err(), Some(FilesError::NotFound)));
    assert!(matches!(files.read(&key, Some(0..1)).await.err(), Some(FilesError::NotFound)));
    assert_eq!(files.size(&key).await.unwrap(), None);
    files.delete(&key).await.unwrap();
    write(files, &key, &sample(10, 1), 10).await.unwrap();
    files.delete(&key).await.unwrap();
    files.delete(&key).await.unwrap();
    assert_eq!(files.size(&key).await.unwrap(), None);
}

async fn what_was_given_up_is_not_there(files: &Files, tenant: &TenantId) {
    let key = FileKey::new(tenant.clone(), 1);
    let many = || futures::stream::repeat_with(|| Ok::<_, std::io::Error>(sample(1_000_000, 5)));
    let too_large = files.write(&key, many().take(20), 12_000_000).await;
    assert!(matches!(too_large, Err(FilesError::TooLarge { max_bytes: 12_000_000 })), "{too_large:?}");
    let broken = many().take(12).chain(futures::stream::iter([Err(std::io::Error::other("the sender is gone"))]));
    let broken = files.write(&key, broken, ROOM).await;
    assert!(matches!(broken, Err(FilesError::Source(_))), "{broken:?}");
    assert_eq!(files.size(&key).await.unwrap(), None);
    assert_eq!(files.list(tenant).count().await, 0);
}

async fn a_second_write_replaces(files: &Files, tenant: &TenantId) {
    let (key, first, second) = (FileKey::new(tenant.clone(), 1), sample(5_000, 1), sample(40, 2));
    write(files, &key, &first, 999).await.unwrap();
    write(files, &key, &second, 7).await.unwrap();
    assert_eq!(bytes_of(files.read(&key, None).await.unwrap()).await, second);
    // One that is given up leaves what was there.
    let broken = futures::stream::iter([Ok(first), Err(std::io::Error::other("the sender is gone"))]);
    assert!(files.write(&key, broken, ROOM).await.is_err());
    assert_eq!(bytes_of(files.read(&key, None).await.unwrap()).await, second);
}

async fn a_tenants_files_are_listed(files: &Files, tenant: &TenantId, other: &TenantId) {
    write(files, &FileKey::new(other.clone(), 1), &sample(10, 1), 10).await.unwrap();
    let mut keys: Vec<_> = (0..5_u128).map(|id| FileKey::new(tenant.clone(), id << 100 | id)).collect();
    for (len, key) in keys.iter().enumerate() {
        write(files, key, &sample(len, 1), 10).await.unwrap();
    }
    let mut listed: Vec<_> = files.list(tenant).try_collect().await.unwrap();
    listed.sort_by(|a, b| a.key.cmp(&b.key));
    keys.sort();
    assert_eq!(listed.iter().map(|file| file.key.clone()).collect::<Vec<_>>(), keys);
    assert_eq!(listed.iter().map(|file| file.size_bytes).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    assert_eq!(files.list(other).count().await, 1);
}

async fn writes_at_once_do_not_mix(files: &Files, tenant: &TenantId) {
    let keys: Vec<_> = (0..8).map(|id| FileKey::new(tenant.clone(), id)).collect();
    let writes = keys.iter().enumerate().map(|(seed, key)| {
        let bytes = sample(300_000, u8::try_from(seed).unwrap_or_default());
        async move { write(files, key, &bytes, 10_000).await.unwrap() }
    });
    futures::future::join_all(writes).await;
    for (seed, key) in keys.iter().enumerate() {
        let content = files.read(key, None).await.unwrap();
        assert_eq!(bytes_of(content).await, sample(300_000, u8::try_from(seed).unwrap_or_default()));
    }
}
