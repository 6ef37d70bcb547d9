//! From the bytes of an artifact to a tree of files and its [`Index`]. Distrusts every name and number.

pub mod index;

pub use index::{EntryPoint, Index, IndexFile};

use std::io;

/// Bytes that can be read at any offset, from several threads at once.
pub trait ReadAt: Send + Sync {
    /// Length in bytes.
    fn len(&self) -> u64;

    /// Whether there is nothing to read.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `buffer` from `offset`; bytes that are not there (yet) are an error.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
}
