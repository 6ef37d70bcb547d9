//! The bits of a stream, the highest of each byte first.

use std::cmp::Ordering;
use std::io::{self, Read};

use super::damaged;

/// Bytes read at once.
const PIECE: usize = 128 << 10;
/// Zeros after the end of the stream, so that whoever reads beyond it finds out later.
const BEYOND: usize = 512;

/// A reader of bits.
pub(super) struct Bits<R> {
    source: R,
    /// What was read, up to `end`.
    bytes: Box<[u8]>,
    end: usize,
    is_over: bool,
    /// The next byte that is not held.
    at: usize,
    /// The next bits, the first highest. Only the highest `count` are to be used; what is below them is either zeros or
    /// what the next bytes put there again.
    held: u64,
    count: u32,
}

impl<R: Read> Bits<R> {
    pub(super) fn new(source: R) -> Self {
        let bytes = vec![0; PIECE + 2 * BEYOND].into();
        Self { source, bytes, end: 0, is_over: false, at: 0, held: 0, count: 0 }
    }

    /// Makes sure that so many bits, at most 2048, can be taken or are known to be missing.
    pub(super) fn prepare(&mut self, bits: usize) -> io::Result<()> {
        debug_assert!(bits <= 8 * BEYOND / 2, "they are read at once");
        let wanted = bits / 8 + 16;
        if self.at + wanted > self.end && !self.is_over {
            self.read_on(wanted)?;
        }
        if self.is_over && self.position().is_gt() {
            return Err(ends_too_soon());
        }
        Ok(())
    }

    /// How many bits were taken, compared with how many there are before the end of what was read.
    fn position(&self) -> Ordering {
        (8 * self.at).cmp(&(8 * self.end + self.count as usize))
    }

    fn read_on(&mut self, wanted: usize) -> io::Result<()> {
        // What is held was read already, so nothing before `at` is needed.
        self.bytes.copy_within(self.at..self.end, 0);
        (self.at, self.end) = (0, self.end - self.at);
        while self.end < wanted && !self.is_over {
            match self.source.read(&mut self.bytes[self.end..self.end + PIECE]) {
                Ok(0) => self.is_over = true,
                Ok(count) => self.end += count,
                Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
                Err(fault) => return Err(fault),
            }
        }
        self.bytes[self.end..(self.end + BEYOND)].fill(0);
        Ok(())
    }

    /// The next bits, of which at least 56 are right.
    #[inline]
    pub(super) fn peek(&mut self) -> u64 {
        let word = self.bytes[self.at..self.at + 8].try_into().expect("eight bytes");
        self.held |= u64::from_be_bytes(word) >> self.count;
        self.at += (63 - self.count as usize) / 8;
        self.count |= 0b11_1000; // eight more for each byte that had room
        self.held
    }

    /// Takes bits that were peeked at.
    #[inline]
    pub(super) fn drop(&mut self, count: u32) {
        self.held <<= count;
        self.count -= count;
    }

    /// Takes at most 32 bits that were prepared.
    #[inline]
    pub(super) fn take(&mut self, count: u32) -> u32 {
        let bits = self.peek() >> (64 - count);
        self.drop(count);
        bits as u32
    }

    /// At most 32 bits, whatever was prepared.
    pub(super) fn read(&mut self, count: u32) -> io::Result<u32> {
        self.prepare(64)?;
        let bits = self.take(count);
        if self.is_over && self.position().is_gt() { Err(ends_too_soon()) } else { Ok(bits) }
    }

    /// Goes on to the next whole byte; whether the stream ends there.
    pub(super) fn is_at_end(&mut self) -> io::Result<bool> {
        self.drop(self.count % 8);
        self.prepare(8)?;
        Ok(self.is_over && self.position().is_eq())
    }
}

fn ends_too_soon() -> io::Error {
    damaged("it ends too soon")
}
