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

use crate::answer::Body;
use crate::blocking::joined;

/// Bytes read at once.
const PIECE: u64 = 256 * 1024;

/// This part of a file.
pub(crate) fn from_file(file: File, part: Range<u64>) -> Body {
    let file = Arc::new(file);
    let pieces = stream::try_unfold(part, move |rest| {
        let file = file.clone();
        async move {
            if rest.is_empty() {
                return Ok(None);
            }
            let end = rest.end.min(rest.start + PIECE);
            let piece = joined(spawn_blocking(move || read(&file, rest.start..end))).await?;
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
