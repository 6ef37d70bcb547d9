//! Bytes in memory: all of a small file, or of a large one what came and somebody still has to read.
//!
//! What all have read is given up, and never was on disk: to write a large file, to read it again and to have it
//! written back costs a machine with few processors more time than to inflate it. Where a download takes so long that
//! a later run should go on with it, [`Window::keep`] has it written all the same.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::blocks::{Block, Blocks};
use super::memory::Lease;
use super::part::PartFile;
use super::ranges::RangeSet;
use crate::fs::FsError;

/// Steps in which it is told that it moved on. Bytes.
const STEP: u64 = 1 << 20;

/// Who reads a file from its first byte to its last.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reader {
    Hasher,
    Unpacker,
}

/// The blocks of one file.
#[derive(Debug)]
pub(super) struct Window {
    held: Mutex<Held>,
    /// Bytes that may be held beyond what all have read; `None` if nothing is given up.
    room: Option<Arc<AtomicU64>>,
    blocks: Arc<Blocks>,
    kept: OnceLock<Kept>,
    _lease: Lease,
}

#[derive(Debug, Default)]
struct Held {
    /// By offset.
    blocks: BTreeMap<u64, Arc<Block>>,
    /// How far each reader is.
    read: [u64; 2],
}

impl Held {
    fn read_by_all(&self) -> u64 {
        self.read[0].min(self.read[1])
    }
}

/// What is written for a later run, too.
#[derive(Debug)]
struct Kept {
    part: PartFile,
    there: Mutex<RangeSet>,
}

impl Kept {
    fn write(&self, offset: u64, bytes: &[u8]) -> Result<(), FsError> {
        let written = offset..offset + bytes.len() as u64;
        self.part.write(bytes, offset)?;
        let mut there = self.there.lock().unwrap_or_else(PoisonError::into_inner);
        there.insert(written.clone());
        self.part.mark(&written, &there)
    }
}

impl Window {
    /// For all of a file.
    pub(super) fn whole(blocks: Arc<Blocks>, lease: Lease) -> Self {
        Self { held: Mutex::default(), room: None, blocks, kept: OnceLock::new(), _lease: lease }
    }

    /// For a file whose readers go forward and say so: see [`Self::pass`]. `room` may change.
    pub(super) fn moving(room: Arc<AtomicU64>, blocks: Arc<Blocks>, lease: Lease) -> Self {
        Self { room: Some(room), ..Self::whole(blocks, lease) }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether what all have read is given up.
    pub(super) fn is_moving(&self) -> bool {
        self.room.is_some()
    }

    /// There is no room for bytes from here on.
    pub(super) fn reach(&self) -> u64 {
        let room = self.room.as_ref().map(|room| room.load(Ordering::Relaxed));
        room.map_or(u64::MAX, |room| self.held().read_by_all().saturating_add(room))
    }

    /// A buffer to fill and to [`Self::put`].
    pub(super) fn buffer(&self) -> Vec<u8> {
        self.blocks.take()
    }

    pub(super) fn put(&self, offset: u64, bytes: Vec<u8>) -> Result<(), FsError> {
        let block = Arc::new(self.blocks.block(bytes));
        self.held().blocks.insert(offset, Arc::clone(&block));
        self.kept.get().map_or(Ok(()), |kept| kept.write(offset, &block))
    }

    /// From now on what comes is written to `part`, and what is held.
    pub(super) fn keep(&self, part: PartFile) -> Result<(), FsError> {
        // Whoever else is at it has the same bytes to write.
        let kept = self.kept.get_or_init(|| Kept { part, there: Mutex::default() });
        let held: Vec<_> = self.held().blocks.iter().map(|(at, block)| (*at, Arc::clone(block))).collect();
        held.iter().try_for_each(|(offset, block)| kept.write(*offset, block))
    }

    /// No later run is to go on with it.
    pub(super) fn discard(&self) {
        if let Some(kept) = self.kept.get() {
            kept.part.discard();
        }
    }

    /// `reader` will read nothing before `until` any more. Whether there is news of how far all are.
    pub(super) fn pass(&self, reader: Reader, until: u64) -> bool {
        if !self.is_moving() {
            return false;
        }
        let mut gone = Vec::new();
        let mut held = self.held();
        let before = held.read_by_all();
        let read = &mut held.read[reader as usize];
        *read = until.max(*read);
        let after = held.read_by_all();
        while let Some(first) = held.blocks.first_entry()
            && first.key() + first.get().len() as u64 <= after
        {
            gone.push(first.remove());
        }
        drop(held);
        after / STEP > before / STEP
    }

    /// The block that holds the byte at `offset`, and where it begins.
    pub(super) fn block(&self, offset: u64) -> Option<(u64, Arc<Block>)> {
        let held = self.held();
        let (start, block) = held.blocks.range(..=offset).next_back()?;
        (start + block.len() as u64 > offset).then(|| (*start, Arc::clone(block)))
    }

    /// Fills `buffer` from bytes that are there; false if they were given up.
    pub(super) fn read(&self, buffer: &mut [u8], offset: u64) -> bool {
        let mut filled = 0;
        while filled < buffer.len() {
            let at = offset + filled as u64;
            let Some((start, block)) = self.block(at) else { return false };
            let part = &block[usize::try_from(at - start).unwrap_or(usize::MAX)..];
            let count = part.len().min(buffer.len() - filled);
            buffer[filled..filled + count].copy_from_slice(&part[..count]);
            filled += count;
        }
        true
    }
}
