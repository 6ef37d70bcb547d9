//! Buffers for arriving bytes, used again and again: fresh memory costs the kernel as much as a copy does.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use super::part::BLOCK;

/// Buffers that nobody uses.
#[derive(Debug, Default)]
pub(super) struct Blocks(Mutex<Vec<Vec<u8>>>);

impl Blocks {
    /// A buffer of [`BLOCK`] bytes with whatever is in it.
    pub(super) fn take(&self) -> Vec<u8> {
        let used = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut buffer = used.unwrap_or_default();
        buffer.resize(usize::try_from(BLOCK).unwrap_or(usize::MAX), 0);
        buffer
    }

    /// The bytes that a taken buffer was filled with.
    pub(super) fn block(self: &Arc<Self>, bytes: Vec<u8>) -> Block {
        Block { bytes, home: Arc::clone(self) }
    }
}

/// Bytes as they came, whose buffer goes back when nobody reads them any more.
pub(super) struct Block {
    bytes: Vec<u8>,
    home: Arc<Blocks>,
}

impl Deref for Block {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        self.home.0.lock().unwrap_or_else(PoisonError::into_inner).push(bytes);
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Block({} bytes)", self.bytes.len())
    }
}
