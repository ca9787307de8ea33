//! A service that answers slowly, or not at all: a small server of our own that speaks just enough HTTP.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use std::time::{Duration, Instant};

use futures::TryStreamExt as _;
use kefu_files::{FileKey, Files, FilesError, S3Config};
use kefu_model::TenantId;
use secrecy::SecretString;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const REQUEST_TIMEOUT: Duration = Duration::from_millis(600);
const CHUNK: [u8; 100] = [7; 100];
/// Together they take three times what a request may.
const CHUNKS: usize = 12;
const PAUSE: Duration = Duration::from_millis(150);

/// What the server does when it was asked for the file.
#[derive(Debug, Clone, Copy)]
enum Answer {
    /// The file, a little at a time.
    Drip,
    /// A part of the file, and then nothing more.
    Stall,
    /// Nothing.
    Nothing,
}

async fn bucket_that(answer: Answer) -> Files {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, answer));
        }
    });
    let config = S3Config {
        endpoint,
        access_key_id: "kefu".to_owned(),
        secret_access_key: SecretString::from("kefu".to_owned()),
        allow_http: true,
        request_timeout: REQUEST_TIMEOUT,
        ..S3Config::new("kefu".to_owned())
    };
    Files::s3(&config).unwrap()
}

/// One request of one connection. Errors are the client's going away.
async fn serve(mut stream: TcpStream, answer: Answer) {
    let mut request = vec![0; 8192];
    let _ = stream.read(&mut request).await;
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nETag: \"one\"\r\nLast-Modified: Sat, 21 Nov 2026 20:00:00 GMT\r\n\r\n",
        CHUNKS * CHUNK.len()
    );
    let chunks = match answer {
        Answer::Drip => CHUNKS,
        Answer::Stall => 2,
        Answer::Nothing => return std::future::pending().await,
    };
    let _ = stream.write_all(head.as_bytes()).await;
    for _ in 0..chunks {
        let _ = stream.write_all(&CHUNK).await;
        tokio::time::sleep(PAUSE).await;
    }
    // The connection stays.
    std::future::pending().await
}

fn key() -> FileKey {
    FileKey::new(TenantId::new("slow").unwrap(), 1)
}

#[tokio::test]
async fn a_file_may_take_longer_than_a_request() {
    let files = bucket_that(Answer::Drip).await;
    let began = Instant::now();
    let content = files.read(&key(), None).await.unwrap();
    let chunks: Vec<_> = content.bytes.try_collect().await.unwrap();
    assert_eq!(chunks.concat().len() as u64, content.size_bytes);
    assert!(began.elapsed() > REQUEST_TIMEOUT * 2, "it was not slow: {:?}", began.elapsed());
}

#[tokio::test]
async fn bytes_that_do_not_come_are_not_waited_for_forever() {
    let files = bucket_that(Answer::Stall).await;
    let began = Instant::now();
    let content = files.read(&key(), None).await.unwrap();
    let ended: Result<Vec<_>, _> = content.bytes.try_collect().await;
    assert!(matches!(&ended, Err(error) if error.is_retryable()), "{ended:?}");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_not_waited_for_forever() {
    let files = bucket_that(Answer::Nothing).await;
    let began = Instant::now();
    let read = files.read(&key(), None).await.map(|content| content.size_bytes);
    assert!(matches!(read, Err(FilesError::Unavailable(_))), "{read:?}");
    assert!(began.elapsed() < REQUEST_TIMEOUT * 4, "{:?}", began.elapsed());
}
