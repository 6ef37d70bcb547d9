//! How much of the machine's memory arriving files may take.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Called after bytes came back.
pub(super) type Freed = Box<dyn Fn() + Send + Sync>;

/// A number of bytes, lent out to files.
pub(super) struct Budget {
    limit: u64,
    lent: Mutex<u64>,
    freed: Freed,
}

impl Budget {
    pub(super) fn new(limit: u64, freed: Freed) -> Arc<Self> {
        Arc::new(Self { limit, lent: Mutex::new(0), freed })
    }

    /// Bytes for one file; a file larger than everything is served while nothing else is.
    pub(super) fn lend(self: &Arc<Self>, bytes: u64) -> Option<Lease> {
        let mut lent = self.lent.lock().unwrap_or_else(PoisonError::into_inner);
        if *lent != 0 && *lent + bytes > self.limit {
            return None;
        }
        *lent += bytes;
        Some(Lease { bytes, of: Arc::clone(self) })
    }

    pub(super) fn lent(&self) -> u64 {
        *self.lent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes that one file may use until this value is dropped.
pub(super) struct Lease {
    bytes: u64,
    of: Arc<Budget>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        *self.of.lent.lock().unwrap_or_else(PoisonError::into_inner) -= self.bytes;
        (self.of.freed)();
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lease({})", self.bytes)
    }
}
