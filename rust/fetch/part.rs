//! The file that a large artifact arrives in, and that a later run goes on with.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::FlockOperation;

use super::ranges::RangeSet;
use crate::digest::Sha256;
use crate::fs::{self, File, FsError};

/// Bytes that one mark of the footer stands for.
pub(super) const BLOCK: u64 = 256 << 10;
const MAGIC: [u8; 8] = *b"fastpart";
const HEAD: u64 = 16;

/// `<tmp>/<sha256>.part`: the artifact's bytes, then a footer that says which blocks of them are there:
/// 8 bytes of magic, the length as 8 bytes little-endian, one byte a block. A mark is written after its block,
/// so a process that dies leaves no false one; power loss may, and the sha256 finds it.
#[derive(Debug)]
pub(super) struct PartFile {
    file: File,
    path: PathBuf,
    /// `None` for a file that no other run goes on with: its length is not known, or its name was taken.
    footer_at: Option<u64>,
    keep: AtomicBool,
}

impl PartFile {
    /// Whether an earlier run left something of this artifact.
    pub(super) fn is_there(tmp: &Path, sha256: Sha256) -> bool {
        fs::exists(&Self::path(tmp, sha256))
    }

    fn path(tmp: &Path, sha256: Sha256) -> PathBuf {
        tmp.join(format!("{sha256}.part"))
    }

    /// The part file of this artifact with what is in it already, locked against other processes. Where the
    /// lock can't be had, a new file that nobody else knows.
    pub(super) fn open(tmp: &Path, sha256: Sha256, length: u64) -> Result<(Self, RangeSet), FsError> {
        let path = Self::path(tmp, sha256);
        let file = fs::open_or_create(&path)?;
        let locked = fs::lock(&file, FlockOperation::NonBlockingLockExclusive, &path);
        // Another process may have removed the file between our opening and our locking it.
        if locked.is_err() || !fs::is_at(&file, &path) {
            return Self::private(tmp, sha256);
        }
        let part = Self { file, path, footer_at: Some(length), keep: AtomicBool::new(true) };
        let there = part.read_footer(length).unwrap_or_default();
        if there.bytes() == 0 {
            part.start_footer(length)?;
        }
        Ok((part, there))
    }

    /// A file of unknown length, or one beside the file that another process writes; removed with this value.
    pub(super) fn private(tmp: &Path, sha256: Sha256) -> Result<(Self, RangeSet), FsError> {
        let name = format!("{sha256}.{}-{}.part", std::process::id(), fs::unique());
        let path = tmp.join(name);
        let file = fs::open_or_create(&path)?;
        Ok((Self { file, path, footer_at: None, keep: AtomicBool::new(false) }, RangeSet::default()))
    }

    /// Removes the file when this value goes: it is used up, or its bytes are wrong.
    pub(super) fn discard(&self) {
        self.keep.store(false, Ordering::Relaxed);
    }

    pub(super) fn write(&self, content: &[u8], offset: u64) -> Result<(), FsError> {
        fs::write_all_at(&self.file, content, offset, &self.path)
    }

    pub(super) fn read(&self, buffer: &mut [u8], offset: u64) -> Result<(), FsError> {
        fs::read_exact_at(&self.file, buffer, offset, &self.path)
    }

    /// Notes the blocks of `written` that are whole by now.
    pub(super) fn mark(&self, written: &Range<u64>, there: &RangeSet) -> Result<(), FsError> {
        let Some(length) = self.footer_at else { return Ok(()) };
        for block in written.start / BLOCK..written.end.div_ceil(BLOCK) {
            if there.contains(&(block * BLOCK..((block + 1) * BLOCK).min(length))) {
                fs::write_all_at(&self.file, &[1], length + HEAD + block, &self.path)?;
            }
        }
        Ok(())
    }

    fn start_footer(&self, length: u64) -> Result<(), FsError> {
        fs::set_len(&self.file, 0, &self.path)?;
        fs::set_len(&self.file, length + HEAD + length.div_ceil(BLOCK), &self.path)?;
        self.write(&[MAGIC, length.to_le_bytes()].concat(), length)
    }

    fn read_footer(&self, length: u64) -> Option<RangeSet> {
        let blocks = length.div_ceil(BLOCK);
        if self.file.metadata().ok()?.len() != length + HEAD + blocks {
            return None;
        }
        let mut footer = vec![0; usize::try_from(HEAD + blocks).ok()?];
        self.read(&mut footer, length).ok()?;
        let (head, marks) = footer.split_at(16);
        if head != [MAGIC, length.to_le_bytes()].concat() {
            return None;
        }
        let mut there = RangeSet::default();
        for (block, _) in (0..).zip(marks).filter(|(_, mark)| **mark == 1) {
            there.insert(block * BLOCK..((block + 1) * BLOCK).min(length));
        }
        Some(there)
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if !self.keep.load(Ordering::Relaxed) {
            // What cannot be removed now is removed by the store's gc.
            let _ = fs::remove_file(&self.path);
        }
    }
}
