//! Advisory locks between processes. Where the file system has none, all race and rename decides.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::FlockOperation;

use crate::fs::{self, File, FsError};
use crate::task::{Cancelled, Task};

/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(10);

/// A lock that is held until this is dropped. `None` inside: the file system has no locks.
#[derive(Debug)]
pub struct Flock(Option<File>);

/// Why no lock was got.
#[derive(Debug, thiserror::Error)]
pub enum FlockError {
    /// The run was cancelled while waiting.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// The lock file could not be opened.
    #[error(transparent)]
    Fs(#[from] FsError),
}

impl Flock {
    /// Waits for an exclusive lock on the file at `path`, which is created if need be.
    pub fn wait(path: &Path, task: &Task) -> Result<Self, FlockError> {
        Self::wait_for(path, FlockOperation::NonBlockingLockExclusive, task)
    }

    /// The same for a lock that others may share.
    pub fn wait_shared(path: &Path, task: &Task) -> Result<Self, FlockError> {
        Self::wait_for(path, FlockOperation::NonBlockingLockShared, task)
    }

    fn wait_for(path: &Path, operation: FlockOperation, task: &Task) -> Result<Self, FlockError> {
        loop {
            if let Some(lock) = Self::try_for(path, operation)? {
                return Ok(lock);
            }
            task.check()?;
            std::thread::sleep(PAUSE);
        }
    }

    /// An exclusive lock if nobody has one.
    pub fn try_exclusive(path: &Path) -> Result<Option<Self>, FsError> {
        Self::try_for(path, FlockOperation::NonBlockingLockExclusive)
    }

    /// An exclusive lock if nobody has one at some moment of this span.
    pub fn try_exclusive_within(
        path: &Path,
        span: Duration,
        task: &Task,
    ) -> Result<Option<Self>, FlockError> {
        let end = Instant::now() + span;
        loop {
            let lock = Self::try_exclusive(path)?;
            if lock.is_some() || Instant::now() > end {
                return Ok(lock);
            }
            task.check()?;
            std::thread::sleep(PAUSE);
        }
    }

    fn try_for(path: &Path, operation: FlockOperation) -> Result<Option<Self>, FsError> {
        loop {
            let file = fs::open_or_create(path)?;
            match attempt(&file, operation, path) {
                // gc may have removed it between our opening and our locking it.
                Some(true) if !fs::is_at(&file, path) => {}
                Some(true) => return Ok(Some(Self(Some(file)))),
                Some(false) => return Ok(None),
                None => return Ok(Some(Self(None))),
            }
        }
    }

    /// An exclusive lock on an open file or folder if nobody has one.
    #[must_use]
    pub fn of_open(file: File, path: &Path) -> Option<Self> {
        match attempt(&file, FlockOperation::NonBlockingLockExclusive, path) {
            Some(true) => Some(Self(Some(file))),
            Some(false) => None,
            None => Some(Self(None)),
        }
    }

    /// Whether the file system really keeps this lock.
    #[must_use]
    pub fn is_real(&self) -> bool {
        self.0.is_some()
    }
}

/// `Some(whether it was got)`; `None` where there are no locks (`ENOSYS` on Lustre without flock, `ENOLCK` on
/// NFS, a seccomp filter).
fn attempt(file: &File, operation: FlockOperation, path: &Path) -> Option<bool> {
    match fs::lock(file, operation, path) {
        Ok(()) => Some(true),
        Err(fault) if fault.kind() == std::io::ErrorKind::WouldBlock => Some(false),
        Err(_) => None,
    }
}
