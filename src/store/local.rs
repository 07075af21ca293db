//! Files on this machine, copied into the store: hashed like downloads.

use bytes::Bytes;
use tokio::io::AsyncReadExt;
use url::Url;

use super::Error;
use super::sink::Sink;
use crate::ui::Bar;

/// Bytes read at once.
const PIECE: usize = 1 << 18;

/// The file at a `file:` URL, from its start.
pub(super) async fn receive(
    url: &Url,
    mut sink: Sink,
    size: Option<u64>,
    bar: &Bar,
) -> Result<Sink, Error> {
    let unreadable = |source| Error::Local { url: url.clone().into(), source };
    let path = url.to_file_path().map_err(|()| unreadable(std::io::ErrorKind::NotFound.into()))?;
    let mut file = tokio::fs::File::open(path).await.map_err(unreadable)?;
    sink.restart()?;
    let (sender, draining) = sink.drain();
    let read = loop {
        let mut piece = vec![0; PIECE];
        match file.read(&mut piece).await {
            Ok(0) => break Ok(()),
            Ok(read) => {
                piece.truncate(read);
                bar.inc(read as u64);
                // The channel closes when writing fails: `done` returns that error.
                if sender.send(Bytes::from(piece)).await.is_err() {
                    break Ok(());
                }
            }
            Err(error) => break Err(unreadable(error)),
        }
    };
    drop(sender);
    let sink = draining.done().await.map_err(|error| error.of(size))?;
    read?;
    match size.filter(|size| *size != sink.length) {
        Some(expected) => {
            let got = sink.length;
            sink.discard()?;
            Err(Error::Size { url: url.clone().into(), expected, got })
        }
        None => Ok(sink),
    }
}
