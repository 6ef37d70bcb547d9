//! `.fastenv/use`: who runs in an environment has a shared lock on it, and its time is that of the last use.
//!
//! `store gc` takes it exclusively, and not for long, before it moves an environment away.

use std::path::Path;

use rustix::fs::FlockOperation;

use crate::fs::{self, File};
use crate::prefix::own_folder;

/// An environment that nobody takes away as long as this lives; `None` where there is nothing to lock.
#[derive(Debug)]
pub struct Hold(Option<File>);

impl Hold {
    /// Holds the environment at `prefix` and notes that it is used. `None` if gc is taking it away, or has.
    #[must_use]
    pub fn on(prefix: &Path) -> Option<Self> {
        let path = own_folder(prefix).join("use");
        // An environment of another user may hide it: then that user's gc goes by last use.
        let Ok(file) = fs::open(&path) else { return fs::exists(prefix).then_some(Self(None)) };
        match fs::lock(&file, FlockOperation::NonBlockingLockShared, &path) {
            Err(fault) if fault.kind() == std::io::ErrorKind::WouldBlock => return None,
            // Where the file system has no locks, gc goes by last use.
            _ => {}
        }
        if !fs::is_at(&file, &path) {
            return None;
        }
        // Who may not change it is not its owner, and a use that is not noted is no failure.
        let _ = fs::touch(&file, &path);
        Some(Self(Some(file)))
    }

    /// Leaves the lock to the program that this process becomes.
    pub fn pass_on(self) {
        if let Self(Some(file)) = self {
            let _ = rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty());
            std::mem::forget(file);
        }
    }
}
