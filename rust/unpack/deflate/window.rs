//! What was made of a stream: as much as may be repeated, and what nobody has taken yet.

/// The farthest that a stream reaches back (RFC 1951, section 2). Bytes.
const REACH: usize = 32 << 10;
/// Bytes that are made before somebody takes them.
pub(super) const PIECE: usize = 256 << 10;
/// What a copy by whole vectors writes beyond its end. Bytes.
pub(super) const BEYOND: usize = 32;
/// The longest repetition, some literals before it, and what is written beyond. Bytes.
pub(super) const OVERRUN: usize = 258 + 3 + BEYOND;

/// The end of what was made.
pub(super) struct Window {
    pub(super) bytes: Box<[u8]>,
    /// Where the next byte goes.
    pub(super) at: usize,
    /// What is before it was taken.
    taken: usize,
    /// So many of the new bytes stay new.
    kept: usize,
}

impl Window {
    pub(super) fn new() -> Self {
        Self { bytes: vec![0; REACH + PIECE + OVERRUN].into(), at: 0, taken: 0, kept: 0 }
    }

    /// Bytes until it is full; a symbol may make more.
    pub(super) fn room(&self) -> usize {
        (REACH + PIECE).saturating_sub(self.at)
    }

    pub(super) fn new_bytes(&self) -> &[u8] {
        &self.bytes[self.taken..self.at]
    }

    /// The last of the new bytes are not taken: there is room for less next time.
    pub(super) fn keep(&mut self, count: usize) {
        assert!(count <= self.new_bytes().len().min(PIECE - 1), "some are taken before there is no room");
        self.kept = count;
    }

    /// The new bytes were taken: makes room again.
    pub(super) fn take(&mut self) {
        let kept = std::mem::take(&mut self.kept);
        if self.room() == 0 {
            self.bytes.copy_within(self.at - REACH - kept..self.at, 0);
            self.at = REACH + kept;
        }
        self.taken = self.at - kept;
    }

    /// Adds bytes for which there is room.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.bytes[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }

    /// Repeats what is `distance` bytes back; `None` if the stream has not come as far.
    pub(super) fn repeat(&mut self, distance: usize, length: usize) -> Option<()> {
        let from = self.at.checked_sub(distance)?;
        for offset in 0..length {
            self.bytes[self.at + offset] = self.bytes[from + offset];
        }
        self.at += length;
        Some(())
    }
}
