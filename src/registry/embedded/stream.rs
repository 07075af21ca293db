//! Bytes from the disk to a client in pieces: memory does not depend on the size of a blob.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use tokio::task::spawn_blocking;

use super::Error;
use super::answer::Body;
use super::refusal::Refusal;

/// Bytes read at once.
const PIECE: u64 = 256 * 1024;

/// This part of a file.
pub(super) fn from_file(file: File, part: Range<u64>) -> Body {
    let file = Arc::new(file);
    let pieces = stream::try_unfold(part, move |rest| {
        let file = file.clone();
        async move {
            if rest.is_empty() {
                return Ok(None);
            }
            let end = rest.end.min(rest.start + PIECE);
            let piece = spawn_blocking(move || read(&file, rest.start..end)).await;
            let piece = piece.unwrap_or_else(|e| std::panic::resume_unwind(e.into_panic()))?;
            Ok(Some((Frame::data(piece), end..rest.end)))
        }
    });
    StreamBody::new(pieces).boxed_unsync()
}

fn read(file: &File, part: Range<u64>) -> std::io::Result<Bytes> {
    let mut buffer = vec![0; usize::try_from(part.end - part.start).unwrap_or_default()];
    file.read_exact_at(&mut buffer, part.start)?;
    Ok(buffer.into())
}

/// Runs something that waits for the disk where waiting is allowed.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    match spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // The runtime is going away; so is this answer.
        Err(error) => {
            let source = std::io::Error::other(error);
            Err(Error::Io { what: "working on", path: "the layout".into(), source }.into())
        }
    }
}
