//! What of arriving files is in memory: all of small ones, of large ones that are read in order a window.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::blocks::Blocks;
use super::memory::{Budget, Freed};
use super::options::Options;
use super::storage::Storage;
use super::window::Window;
use crate::digest::lanes::LANES;

/// Files at once that are read in order: as many as are hashed side by side.
pub(crate) const WINDOWS: usize = LANES;
/// A window grows to so many times its size when there are fewer files.
const LARGEST: u64 = 4;

/// Memory for the files of one fetcher.
pub(super) struct Room {
    files: Arc<Budget>,
    windows: Arc<Budget>,
    /// Bytes of one of as many windows as there may be.
    window: u64,
    /// Bytes of one window now.
    share: Arc<AtomicU64>,
    blocks: Arc<Blocks>,
}

impl Room {
    /// `freed` makes what is called after memory came back.
    pub(super) fn new(options: &Options, freed: impl Fn() -> Freed) -> Self {
        Self {
            files: Budget::new(options.memory, freed()),
            windows: Budget::new(options.window * WINDOWS as u64, freed()),
            window: options.window,
            share: Arc::new(AtomicU64::new(options.window)),
            blocks: Arc::default(),
        }
    }

    /// Room for all of a file, if there is.
    pub(super) fn for_all(&self, length: u64) -> Option<Storage> {
        let lease = self.files.lend(length)?;
        Some(Storage::Memory(Window::whole(Arc::clone(&self.blocks), lease)))
    }

    /// Room for a window, if there is.
    pub(super) fn for_window(&self) -> Option<Storage> {
        let lease = self.windows.lend(self.window)?;
        Some(Storage::Memory(Window::moving(Arc::clone(&self.share), Arc::clone(&self.blocks), lease)))
    }

    /// Gives the windows that there are what those that are over had, unless a further file waits for that.
    pub(super) fn share_out(&self, is_awaited: bool) {
        let count = (self.windows.lent() / self.window).clamp(1, WINDOWS as u64);
        let share = if is_awaited { self.window } else { self.window * WINDOWS as u64 / count };
        self.share.store(share.min(LARGEST * self.window), Ordering::Relaxed);
    }
}
