//! Where arriving bytes are kept until they are unpacked.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::part::PartFile;
use super::ranges::RangeSet;
use super::window::Window;
use crate::fs::{self, File, FsError};

/// The bytes of one artifact.
#[derive(Debug)]
pub(super) enum Storage {
    /// Small ones, and large ones that are read in order while they arrive.
    Memory(Window),
    /// Other large ones.
    Part(PartFile),
    /// A file of the user's, all there from the start.
    Local { file: File, path: PathBuf },
}

impl Storage {
    /// Keeps a block at a place where nothing is yet. May take the block's buffer away.
    pub(super) fn write(&self, offset: u64, block: &mut Vec<u8>) -> Result<(), FsError> {
        match self {
            Self::Memory(window) => window.put(offset, std::mem::take(block)),
            Self::Part(part) => part.write(block, offset),
            Self::Local { .. } => Ok(()),
        }
    }

    /// A buffer for the next block, if the last one's was taken away.
    pub(super) fn buffer(&self) -> Vec<u8> {
        self.window().map_or_else(Vec::new, Window::buffer)
    }

    /// Notes what is there, for a later run.
    pub(super) fn mark(&self, written: &Range<u64>, there: &RangeSet) -> Result<(), FsError> {
        if let Self::Part(part) = self { part.mark(written, there) } else { Ok(()) }
    }

    /// Fills `buffer` from bytes that are there.
    pub(super) fn read(&self, buffer: &mut [u8], offset: u64) -> Result<(), FsError> {
        match self {
            Self::Memory(window) if window.read(buffer, offset) => Ok(()),
            Self::Memory(_) => {
                // No reader does that; if one did, what it made of other bytes would be worse.
                let source = io::Error::other("bytes that were read before are not kept");
                Err(FsError { action: "read", path: "what arrives".into(), source })
            }
            Self::Part(part) => part.read(buffer, offset),
            Self::Local { file, path } => fs::read_exact_at(file, buffer, offset, path),
        }
    }

    /// What is in memory.
    pub(super) fn window(&self) -> Option<&Window> {
        if let Self::Memory(window) = self { Some(window) } else { None }
    }

    /// The user's file, if it is one.
    pub(super) fn local_path(&self) -> Option<&Path> {
        if let Self::Local { path, .. } = self { Some(path) } else { None }
    }

    /// The bytes are used up or wrong: nobody goes on with them.
    pub(super) fn discard(&self) {
        match self {
            Self::Memory(window) => window.discard(),
            Self::Part(part) => part.discard(),
            Self::Local { .. } => {}
        }
    }
}
