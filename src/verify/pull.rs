//! Pulls an image, with progress from the output of docker or podman. Without a terminal neither prints bytes: a layer
//! counts once it is complete, with its size from the manifest.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

use super::Error;
use super::runtime::{Runtime, failure, late};
use crate::digest::Digest;
use crate::reference::PinnedReference;

/// The layers of a manifest, and those of them that were pulled.
#[derive(Debug)]
pub(super) struct Progress<'a> {
    /// Digest and bytes.
    layers: &'a [(Digest, u64)],
    here: BTreeSet<usize>,
}

impl<'a> Progress<'a> {
    pub fn of(layers: &'a [(Digest, u64)]) -> Self {
        Progress { layers, here: BTreeSet::new() }
    }

    /// Takes a line that the program wrote.
    fn feed(&mut self, line: &str) {
        // podman prints layers only when it starts them; the config comes after the last one.
        if line.starts_with("Copying config ") || line.starts_with("Status: ") {
            self.here = (0..self.layers.len()).collect();
        }
        // docker: `9cd2bef11037: Download complete`
        let Some((id, "Download complete" | "Already exists" | "Pull complete")) =
            line.split_once(": ")
        else {
            return;
        };
        let is_it = |(_, (digest, _)): &(usize, &(Digest, u64))| {
            let text = digest.to_string();
            text.split_once(':').is_some_and(|(_, hex)| !id.is_empty() && hex.starts_with(id))
        };
        let layers = self.layers.iter().enumerate();
        self.here.extend(layers.filter(is_it).map(|(index, _)| index));
    }

    /// Bytes that were pulled.
    pub fn bytes(&self) -> u64 {
        self.here.iter().map(|index| self.layers[*index].1).sum()
    }
}

impl std::fmt::Display for Progress<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{} layers", self.here.len(), self.layers.len())
    }
}

impl Runtime {
    /// Pulls an image by its digest; `watch` is called after each line of the program. `plain` allows http, which docker
    /// decides by itself. The inner error: the program's last output, or that it took longer than `limit`.
    ///
    /// # Errors
    /// The program cannot be started or watched.
    pub(super) async fn pull(
        &self,
        image: &PinnedReference,
        plain: bool,
        limit: Duration,
        progress: Progress<'_>,
        watch: impl FnMut(&Progress<'_>),
    ) -> Result<Result<(), String>, Error> {
        let mut arguments = vec!["pull".to_owned()];
        if plain && self.program() == "podman" {
            arguments.push("--tls-verify=false".to_owned());
        }
        arguments.push(image.to_string());
        let failed = |source| Error::Program { program: self.program(), source };
        let mut command = self.command(&arguments);
        command.stdin(Stdio::null());
        let mut child = command.spawn().map_err(failed)?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let mut last = String::new();
        let progress = RefCell::new(progress);
        let watch = RefCell::new(watch);
        let said = |line: &str| {
            progress.borrow_mut().feed(line);
            watch.borrow_mut()(&progress.borrow());
        };
        let complained = |line: &str| {
            said(line);
            line.clone_into(&mut last);
        };
        let pulling = async {
            tokio::try_join!(each_line(stdout, said), each_line(stderr, complained))?;
            child.wait().await
        };
        let Ok(ended) = tokio::time::timeout(limit, pulling).await else {
            return Ok(Err(late(limit)));
        };
        let status = ended.map_err(failed)?;
        let last = Some(last.as_str()).filter(|last| !last.is_empty());
        Ok(failure(status, last).map_or(Ok(()), Err))
    }
}

/// Calls `take` with each line that is not blank.
async fn each_line(
    from: Option<impl AsyncRead + Unpin>,
    mut take: impl FnMut(&str),
) -> std::io::Result<()> {
    let Some(from) = from else { return Ok(()) };
    let mut lines = BufReader::new(from).split(b'\n');
    while let Some(line) = lines.next_segment().await? {
        let line = String::from_utf8_lossy(&line);
        if !line.trim().is_empty() {
            take(line.trim());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers() -> Vec<(Digest, u64)> {
        let digest = |start: &str| format!("sha256:{start:0<64}").parse().unwrap();
        vec![(digest("9cd2bef11037"), 80), (digest("61ce93b9228d"), 20)]
    }

    /// The pulled bytes after each line.
    fn after(lines: &str) -> Vec<(u64, String)> {
        let layers = layers();
        let mut progress = Progress::of(&layers);
        let fed = lines.lines().map(|line| {
            progress.feed(line);
            (progress.bytes(), progress.to_string())
        });
        fed.collect()
    }

    #[test]
    fn a_layer_counts_once_docker_has_all_of_it() {
        // Docker 28.5.2, containerd's store, without a terminal; the second layer was there.
        let said = "\
127.0.0.1:34615/envlock/base@sha256:9f0aaaf8c93c9ab16032093a5bbfc2c1a9fd60c29703709a8162711643375105: Pulling from envlock/base
61ce93b9228d: Already exists
9cd2bef11037: Pulling fs layer
9cd2bef11037: Verifying Checksum
9cd2bef11037: Download complete
9cd2bef11037: Pull complete
Digest: sha256:9f0aaaf8c93c9ab16032093a5bbfc2c1a9fd60c29703709a8162711643375105";
        let bytes: Vec<_> = after(said).into_iter().map(|(bytes, _)| bytes).collect();
        assert_eq!(bytes, [0, 20, 20, 20, 100, 100, 100]);
        assert_eq!(after("9cd2bef11037: Download complete")[0], (80, "1/2 layers".to_owned()));
    }

    #[test]
    fn an_image_that_is_here_already_is_here_whole() {
        let said = "Status: Image is up to date for 127.0.0.1:34615/envlock/base@sha256:9f0a";
        assert_eq!(after(said), [(100, "2/2 layers".to_owned())]);
    }

    #[test]
    fn podman_has_all_layers_when_it_comes_to_the_config() {
        // podman 4.3.1
        let said = "\
Trying to pull 127.0.0.1:34615/envlock/base:debian-py3.14...
Getting image source signatures
Copying blob sha256:9cd2bef1103781a17a136dda7a2de69e1957452979c30851ecadc3b1c0437531
Copying config sha256:61ce93b9228d96f376c8c72b9e1571db9fd9a94d4d6fa78662bc2737e621e543
Writing manifest to image destination
Storing signatures
61ce93b9228d96f376c8c72b9e1571db9fd9a94d4d6fa78662bc2737e621e543";
        let bytes: Vec<_> = after(said).into_iter().map(|(bytes, _)| bytes).collect();
        assert_eq!(bytes, [0, 0, 0, 100, 100, 100, 100]);
    }

    #[test]
    fn other_words_count_nothing() {
        assert_eq!(after(": Download complete\nfeed: Pull complete\n")[1].0, 0);
    }
}
