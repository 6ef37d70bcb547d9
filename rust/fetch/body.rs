//! From the body of an answer into an arrival.

use std::io::{self, Read};
use std::ops::Range;

use super::arrival::Arrival;
use super::low_water::expecting;
use super::part::BLOCK;
use super::storage::Storage;

/// Why a body was not taken in to its end.
pub(super) enum Broken {
    /// The connection.
    Network(io::Error),
    /// There are more bytes than there should be.
    TooLong,
    /// The run was cancelled, or nobody wants the file any more.
    Stopped,
    /// Our own disk.
    Disk(super::FetchError),
}

/// Reads a body whose first byte is at `at` of the file, and keeps the parts that are wanted.
pub(super) struct Receiver<'a> {
    pub(super) arrival: &'a Arrival,
    pub(super) body: &'a mut dyn Read,
    /// The offset in the file of the next byte of the body.
    pub(super) at: u64,
    /// Called with the number of bytes kept; `false` stops.
    pub(super) on_block: &'a dyn Fn(u64) -> bool,
    /// The block that is being filled; kept between blocks where the arrival does not take it away.
    pub(super) block: Vec<u8>,
}

impl Receiver<'_> {
    /// Takes in all of `wanted`, and makes sure that the body then ends at `end`. With `end` unknown, the end of
    /// the body is the file's, and so of the last of `wanted`.
    pub(super) fn receive(&mut self, wanted: &[Range<u64>], end: Option<u64>) -> Result<(), Broken> {
        for piece in wanted {
            self.skip_to(piece.start)?;
            self.take(piece, end)?;
        }
        if let Some(end) = end {
            self.skip_to(end)?;
            // Reading the end also gives the connection back to the others.
            if self.read(&mut [0])? != 0 {
                return Err(Broken::TooLong);
            }
        }
        Ok(())
    }

    fn take(&mut self, piece: &Range<u64>, end: Option<u64>) -> Result<(), Broken> {
        while self.at < piece.end {
            let block_end = (self.at / BLOCK + 1) * BLOCK;
            let count = usize::try_from(block_end.min(piece.end) - self.at).unwrap_or(usize::MAX);
            if self.block.capacity() == 0 {
                self.block = self.arrival.storage().map_or_else(Vec::new, Storage::buffer);
            }
            self.block.resize(count, 0);
            let left = end.map_or(0, |end| end.saturating_sub(self.at));
            let (filled, fault) = fill(self.body, &mut self.block, left);
            self.block.truncate(filled);
            self.keep()?;
            match fault {
                Some(fault) => return Err(Broken::Network(fault)),
                None if filled < count && end.is_none() => return Ok(()),
                None if filled < count => return Err(Broken::Network(io::ErrorKind::UnexpectedEof.into())),
                None => {}
            }
        }
        Ok(())
    }

    /// What came before a fault is kept.
    fn keep(&mut self) -> Result<(), Broken> {
        let count = self.block.len() as u64;
        if count > 0 {
            self.arrival.put(self.at, &mut self.block).map_err(Broken::Disk)?;
            self.at += count;
        }
        if (self.on_block)(count) { Ok(()) } else { Err(Broken::Stopped) }
    }

    fn skip_to(&mut self, offset: u64) -> Result<(), Broken> {
        let mut scratch = [0; 16 << 10];
        while self.at < offset {
            let count = scratch.len().min(usize::try_from(offset - self.at).unwrap_or(usize::MAX));
            match self.read(&mut scratch[..count])? {
                0 => return Err(Broken::Network(io::ErrorKind::UnexpectedEof.into())),
                count => self.at += count as u64,
            }
            if !(self.on_block)(0) {
                return Err(Broken::Stopped);
            }
        }
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Broken> {
        loop {
            match self.body.read(buffer) {
                Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
                other => return other.map_err(Broken::Network),
            }
        }
    }
}

/// Reads until the block is full or the body ends or breaks; at least `left` bytes of it are to come.
fn fill(body: &mut dyn Read, block: &mut [u8], left: u64) -> (usize, Option<io::Error>) {
    let mut filled = 0;
    while filled < block.len() {
        match expecting(left.saturating_sub(filled as u64), || body.read(&mut block[filled..])) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
            Err(fault) => return (filled, Some(fault)),
        }
    }
    (filled, None)
}
