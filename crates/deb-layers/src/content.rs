//! Where a file's bytes are: in memory, in an unpacked package, or in a layer below that nobody read.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;

/// The bytes of a file, wherever they are. A copy costs nothing.
#[derive(Debug, Clone)]
pub enum Content {
    /// In memory: made, not unpacked.
    Bytes(Bytes),
    /// Unpacked from a package.
    Spooled(Spooled),
    /// In a layer below, whose files were listed and not read.
    Elsewhere {
        /// Bytes.
        size: u64,
    },
}

/// A run of bytes in a temporary file.
#[derive(Debug, Clone)]
pub struct Spooled {
    pub(crate) file: Arc<File>,
    /// In the file, bytes.
    pub(crate) offset: u64,
    /// Bytes.
    pub(crate) size: u64,
}

impl Content {
    /// Bytes of the file.
    pub fn size(&self) -> u64 {
        match self {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::Spooled(spooled) => spooled.size,
            Content::Elsewhere { size } => *size,
        }
    }

    /// From the first byte to the last.
    ///
    /// # Errors
    ///
    /// `Unsupported` for what lies in a layer that was not read.
    pub fn reader(&self) -> io::Result<Reader> {
        match self {
            Content::Bytes(bytes) => Ok(Reader(Source::Bytes(bytes.clone()))),
            Content::Spooled(spooled) => Ok(Reader(Source::Spooled(spooled.clone()))),
            Content::Elsewhere { .. } => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "it lies in a layer that was not read",
            )),
        }
    }

    /// All of it, in memory.
    ///
    /// # Errors
    ///
    /// As [`Content::reader`], and where the temporary file cannot be read.
    pub fn read(&self) -> io::Result<Bytes> {
        if let Content::Bytes(bytes) = self {
            return Ok(bytes.clone());
        }
        let mut all = Vec::new();
        self.reader()?.read_to_end(&mut all)?;
        Ok(all.into())
    }

    /// Whether both are the same bytes.
    ///
    /// # Errors
    ///
    /// As [`Content::reader`], and where the temporary file cannot be read.
    pub fn same(&self, other: &Content) -> io::Result<bool> {
        if self.size() != other.size() {
            return Ok(false);
        }
        let (mut one, mut two) = (self.reader()?, other.reader()?);
        let (mut here, mut there) = (vec![0; CHUNK], vec![0; CHUNK]);
        loop {
            let length = one.read(&mut here)?;
            two.read_exact(&mut there[..length])?;
            if here[..length] != there[..length] {
                return Ok(false);
            }
            if length == 0 {
                return Ok(true);
            }
        }
    }
}

/// Bytes compared at once.
const CHUNK: usize = 64 << 10;

impl<T: Into<Bytes>> From<T> for Content {
    fn from(bytes: T) -> Self {
        Content::Bytes(bytes.into())
    }
}

/// Reads a file's bytes in order. It has no buffer.
#[derive(Debug)]
pub struct Reader(Source);

#[derive(Debug)]
enum Source {
    Bytes(Bytes),
    Spooled(Spooled),
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Source::Bytes(bytes) => {
                let length = bytes.len().min(buffer.len());
                buffer[..length].copy_from_slice(&bytes.split_to(length));
                Ok(length)
            }
            Source::Spooled(left) => {
                let length = buffer.len().min(usize::try_from(left.size).unwrap_or(usize::MAX));
                left.file.read_exact_at(&mut buffer[..length], left.offset)?;
                left.offset += length as u64;
                left.size -= length as u64;
                Ok(length)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn spooled(bytes: &[u8]) -> Content {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"before").unwrap();
        file.write_all(bytes).unwrap();
        file.write_all(b"after").unwrap();
        Content::Spooled(Spooled { file: Arc::new(file), offset: 6, size: bytes.len() as u64 })
    }

    #[test]
    fn what_was_spooled_is_read_back_and_nothing_around_it() {
        let bytes = vec![7; 3 * CHUNK + 5];
        let content = spooled(&bytes);
        assert_eq!(content.read().unwrap(), bytes);
        assert!(content.same(&Content::from(bytes.clone())).unwrap());
        let mut other = bytes.clone();
        other[2 * CHUNK] = 8;
        assert!(!content.same(&Content::from(other)).unwrap());
        assert!(!content.same(&Content::from(bytes[1..].to_vec())).unwrap());
        assert!(spooled(b"").same(&Content::from("")).unwrap());
    }

    #[test]
    fn what_was_not_read_says_so() {
        let error = Content::Elsewhere { size: 3 }.read().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
    }
}
