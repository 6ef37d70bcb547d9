//! Where arriving bytes are kept until they are unpacked.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use super::memory::Lease;
use super::part::PartFile;
use super::ranges::RangeSet;
use crate::fs::{self, File, FsError};

/// The bytes of one artifact.
#[derive(Debug)]
pub(super) enum Storage {
    /// Small ones: the blocks as they came, by offset.
    Memory { blocks: RwLock<BTreeMap<u64, Arc<Vec<u8>>>>, _lease: Lease },
    /// Large ones.
    Part(PartFile),
    /// A file of the user's, all there from the start.
    Local { file: File, path: PathBuf },
}

impl Storage {
    pub(super) fn memory(lease: Lease) -> Self {
        Self::Memory { blocks: RwLock::default(), _lease: lease }
    }

    /// Keeps a block at a place where nothing is yet. May take the block's buffer away.
    pub(super) fn write(&self, offset: u64, block: &mut Vec<u8>) -> Result<(), FsError> {
        match self {
            Self::Memory { blocks, .. } => {
                let block = Arc::new(std::mem::take(block));
                blocks.write().unwrap_or_else(PoisonError::into_inner).insert(offset, block);
                Ok(())
            }
            Self::Part(part) => part.write(block, offset),
            Self::Local { .. } => Ok(()),
        }
    }

    /// Notes what is there, for a later run.
    pub(super) fn mark(&self, written: &Range<u64>, there: &RangeSet) -> Result<(), FsError> {
        if let Self::Part(part) = self { part.mark(written, there) } else { Ok(()) }
    }

    /// Fills `buffer` from bytes that are there.
    pub(super) fn read(&self, buffer: &mut [u8], offset: u64) -> Result<(), FsError> {
        match self {
            Self::Memory { .. } => {
                self.copy_blocks(buffer, offset);
                Ok(())
            }
            Self::Part(part) => part.read(buffer, offset),
            Self::Local { file, path } => fs::read_exact_at(file, buffer, offset, path),
        }
    }

    fn copy_blocks(&self, buffer: &mut [u8], offset: u64) {
        let mut filled = 0;
        while filled < buffer.len() {
            let at = offset + filled as u64;
            let Some((start, block)) = self.block(at) else { return };
            let part = &block[usize::try_from(at - start).unwrap_or(usize::MAX)..];
            let count = part.len().min(buffer.len() - filled);
            buffer[filled..filled + count].copy_from_slice(&part[..count]);
            filled += count;
        }
    }

    /// The block in memory that holds the byte at `offset`, and where it begins.
    pub(super) fn block(&self, offset: u64) -> Option<(u64, Arc<Vec<u8>>)> {
        let Self::Memory { blocks, .. } = self else { return None };
        let blocks = blocks.read().unwrap_or_else(PoisonError::into_inner);
        let (start, block) = blocks.range(..=offset).next_back()?;
        (start + block.len() as u64 > offset).then(|| (*start, block.clone()))
    }

    /// The user's file, if it is one.
    pub(super) fn local_path(&self) -> Option<&Path> {
        if let Self::Local { path, .. } = self { Some(path) } else { None }
    }

    /// The bytes are used up or wrong: nobody goes on with them.
    pub(super) fn discard(&self) {
        if let Self::Part(part) = self {
            part.discard();
        }
    }
}
