//! What a bzip2 stream unpacks to, read forward.
//!
//! There is no specification; the format is that of Julian Seward's program, and what is here was written after Joe
//! Tsai's description of it ("BZIP2: Format Specification", 2016). Libraries take more than twice as long, most of it
//! in waiting for memory (see `walk`), and this is the most of a cold conda environment's time.
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss)]
// numbers of a few bits, taken out of larger ones

mod bits;
mod block;
mod code;
mod crc;
mod recent;
mod walk;

use std::io::{self, Read};

use bits::Bits;
use block::Block;
use crc::Crc;

/// The first 24 bits before a block, and the rest of them.
const BLOCK: (u32, u32) = (0x31_4159, 0x26_5359);
/// The same before the end of a stream.
const END: (u32, u32) = (0x17_7245, 0x38_5090);

/// Reads one stream after the other.
pub struct Reader<R> {
    bits: Bits<R>,
    block: Block,
    state: State,
    /// Bytes that a block of this stream has at most.
    limit: usize,
    /// Of the block so far, what it must be, and of the stream's blocks so far.
    crc: Crc,
    block_sum: u32,
    stream_sum: u32,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    StreamHeader,
    BlockHeader,
    Block,
    Over,
}

impl<R: Read> Reader<R> {
    /// Before the first stream. Takes 6 to 17 MB.
    pub fn new(source: R) -> Self {
        Self {
            bits: Bits::new(source),
            block: Block::new(),
            state: State::StreamHeader,
            limit: 0,
            crc: Crc::new(),
            block_sum: 0,
            stream_sum: 0,
        }
    }

    fn stream_header(&mut self) -> io::Result<()> {
        const HUNDRED_KB: usize = 100_000;
        let magic = self.bits.read(24)?;
        let level = self.bits.read(8)? as u8;
        if magic.to_be_bytes()[1..] != *b"BZh" || !(b'1'..=b'9').contains(&level) {
            return Err(damaged("no stream begins so"));
        }
        self.limit = HUNDRED_KB * usize::from(level - b'0');
        self.stream_sum = 0;
        self.state = State::BlockHeader;
        Ok(())
    }

    fn block_header(&mut self) -> io::Result<()> {
        let magic = (self.bits.read(24)?, self.bits.read(24)?);
        let sum = self.bits.read(32)?;
        if magic == BLOCK {
            self.block.read(&mut self.bits, self.limit)?;
            (self.crc, self.block_sum, self.state) = (Crc::new(), sum, State::Block);
            return Ok(());
        }
        if magic != END {
            return Err(damaged("neither a block nor the end"));
        }
        if sum != self.stream_sum {
            return Err(damaged("the checksum of a stream"));
        }
        self.state = if self.bits.is_at_end()? { State::Over } else { State::StreamHeader };
        Ok(())
    }

    fn end_block(&mut self) -> io::Result<()> {
        if self.crc.sum() != self.block_sum {
            return Err(damaged("the checksum of a block"));
        }
        self.stream_sum = self.stream_sum.rotate_left(1) ^ self.block_sum;
        self.state = State::BlockHeader;
        Ok(())
    }
}

impl<R: Read> Read for Reader<R> {
    /// # Errors
    /// Those of the source as they are; of kind `InvalidData` if the data are damaged, with what it was.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match self.state {
                State::StreamHeader => self.stream_header()?,
                State::BlockHeader => self.block_header()?,
                State::Block if self.block.is_over() => self.end_block()?,
                State::Block => {
                    let made = self.block.make(buffer);
                    self.crc.update(&buffer[..made]);
                    // A block may end with a run of no bytes.
                    if made > 0 {
                        return Ok(made);
                    }
                }
                State::Over => return Ok(0),
            }
        }
    }
}

fn damaged(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
