//! A block: from its codes to its column of bytes, from that to its text, in which runs are shortened, and from that to
//! what was packed.

use std::cell::Cell;
use std::io::{self, Read};

use super::bits::Bits;
use super::code::{Code, LONGEST, SYMBOLS};
use super::damaged;
use super::recent::Recent;
use super::walk::{PLACES, Walk};

/// Symbols for which one code is used before another may be.
const GROUP: usize = 50;
/// The most codes of a block.
const CODES: usize = 6;
/// Bytes among which equal ones are looked for at once.
const WINDOW: usize = 32;

thread_local! {
    /// Of the last stream: making a new one costs as much as a small package.
    static SPARE: Cell<Option<Walk>> = const { Cell::new(None) };
}

/// A block that is being read.
pub(super) struct Block {
    codes: Box<[Code; CODES]>,
    walk: Option<Walk>,
    /// Bytes of the text, how many of them were used, and up to where they stand for themselves.
    len: usize,
    at: usize,
    plain: usize,
    /// Whether the last four of those are equal, so that a number of further ones follows.
    is_run: bool,
    /// How often the last of them is still to be repeated.
    more: usize,
}

impl Block {
    pub(super) fn new() -> Self {
        let codes = Box::new(std::array::from_fn(|_| Code::new()));
        let walk = Some(SPARE.take().unwrap_or_else(Walk::new));
        Self { codes, walk, len: 0, at: 0, plain: 0, is_run: false, more: 0 }
    }

    /// Whether all of its bytes were made.
    pub(super) fn is_over(&self) -> bool {
        self.at == self.len && self.more == 0
    }

    /// Reads a block of at most `limit` bytes, from behind its checksum.
    pub(super) fn read(&mut self, bits: &mut Bits<impl Read>, limit: usize) -> io::Result<()> {
        if bits.read(1)? == 1 {
            return Err(damaged("a block is randomised, which nothing has done since 1999"));
        }
        let origin = bits.read(24)? as usize;
        let (recent, used) = used_bytes(bits)?;
        let code_count = bits.read(3)? as usize;
        let selector_count = bits.read(15)? as usize;
        if !(2..=CODES).contains(&code_count) || selector_count == 0 {
            return Err(damaged("the number of its codes"));
        }
        let selectors = selectors(bits, selector_count, code_count)?;
        for code in &mut self.codes[..code_count] {
            let mut lengths = [0; SYMBOLS];
            code_lengths(bits, &mut lengths[..used + 2])?;
            code.set(&lengths[..used + 2])?;
        }
        let counts = self.read_bytes(bits, &selectors, recent, used, limit.min(PLACES))?;
        if origin >= self.len {
            return Err(damaged("where a block begins"));
        }
        let len = self.len;
        self.walk().run(len, &counts, origin);
        (self.at, self.plain, self.is_run, self.more) = (0, 0, false, 0);
        Ok(())
    }

    fn walk(&mut self) -> &mut Walk {
        self.walk.as_mut().expect("only dropping takes it away")
    }

    /// Reads the block's bytes, in the order of what follows them, into the column; how many there are of each.
    fn read_bytes(
        &mut self,
        bits: &mut Bits<impl Read>,
        selectors: &[u8],
        mut recent: Recent,
        used: usize,
        limit: usize,
    ) -> io::Result<[u32; 256]> {
        let column = &mut self.walk.as_mut().expect("only dropping takes it away").bytes;
        let (mut counts, mut len, mut run, mut digit) = ([0; 256], 0, 0, 1);
        for &selector in selectors {
            let code = &self.codes[usize::from(selector)];
            bits.prepare(GROUP * LONGEST)?;
            for _ in 0..GROUP {
                let (symbol, length) = code.look_up(bits.peek()).ok_or_else(no_symbol)?;
                bits.drop(length);
                let symbol = usize::from(symbol);
                if symbol <= 1 {
                    // A number in digits of 1 and 2, the lowest first.
                    run += (symbol + 1) * digit;
                    digit *= 2;
                    if len + run > limit {
                        return Err(damaged("a block is too long"));
                    }
                    continue;
                }
                if run > 0 {
                    let byte = recent.first();
                    counts[usize::from(byte)] += run as u32;
                    column[len..len + run].fill(byte);
                    len += run;
                }
                (run, digit) = (0, 1);
                if symbol == used + 1 {
                    self.len = len;
                    return Ok(counts);
                }
                if len >= limit {
                    return Err(damaged("a block is too long"));
                }
                let byte = recent.take(symbol - 1);
                counts[usize::from(byte)] += 1;
                column[len % PLACES] = byte;
                len += 1;
            }
        }
        Err(damaged("a block has no end"))
    }

    /// Makes the next bytes; how many, fewer than there is room for only at the block's end.
    pub(super) fn make(&mut self, out: &mut [u8]) -> usize {
        let text = &self.walk.as_ref().expect("only dropping takes it away").bytes[..self.len];
        let mut made = 0;
        while made < out.len() && !self.is_over() {
            let room = &mut out[made..];
            if self.more > 0 {
                let count = self.more.min(room.len());
                room[..count].fill(text[self.plain - 1]);
                self.more -= count;
                made += count;
            } else if self.at < self.plain {
                let count = room.len().min(self.plain - self.at);
                room[..count].copy_from_slice(&text[self.at..self.at + count]);
                self.at += count;
                made += count;
            } else if self.is_run {
                (self.more, self.is_run) = (usize::from(text[self.at]), false);
                self.at += 1;
            } else {
                let (count, is_run) = plain(&text[self.at..]);
                (self.plain, self.is_run) = (self.at + count, is_run);
            }
        }
        made
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        SPARE.set(self.walk.take());
    }
}

/// How many bytes come until, and with, the first four equal ones in a row, and whether there are any.
fn plain(text: &[u8]) -> (usize, bool) {
    let mut at = 0;
    // All at once, without looking where.
    while let Some(window) = text[at..].first_chunk::<{ WINDOW + 3 }>()
        && (0..WINDOW).fold(true, |none, at| none & !are_equal(&window[at..at + 4]))
    {
        at += WINDOW;
    }
    match text[at..].windows(4).position(are_equal) {
        Some(before) => (at + before + 4, true),
        None => (text.len(), false),
    }
}

#[inline]
fn are_equal(four: &[u8]) -> bool {
    (four[0] ^ four[1] | four[1] ^ four[2] | four[2] ^ four[3]) == 0
}

fn no_symbol() -> io::Error {
    damaged("no symbol has such a code")
}

/// The bytes that a block uses, and how many these are.
fn used_bytes(bits: &mut Bits<impl Read>) -> io::Result<(Recent, usize)> {
    let (mut order, mut used) = ([0; 256], 0);
    let rows = bits.read(16)?;
    for row in (0..16_u8).filter(|row| rows >> (15 - row) & 1 == 1) {
        let columns = bits.read(16)?;
        for column in (0..16_u8).filter(|column| columns >> (15 - column) & 1 == 1) {
            order[used] = row << 4 | column;
            used += 1;
        }
    }
    if used == 0 { Err(damaged("a block uses no bytes")) } else { Ok((Recent::new(&order), used)) }
}

/// Which code is used for each group.
fn selectors(bits: &mut Bits<impl Read>, count: usize, codes: usize) -> io::Result<Vec<u8>> {
    let mut order: [u8; CODES] = [0, 1, 2, 3, 4, 5];
    let mut selectors = Vec::with_capacity(count);
    for _ in 0..count {
        let mut place = 0;
        while bits.read(1)? == 1 {
            place += 1;
            if place == codes {
                return Err(damaged("a code that is not there"));
            }
        }
        order[..=place].rotate_right(1);
        selectors.push(order[0]);
    }
    Ok(selectors)
}

/// The length of each symbol's code, told as what it differs from the one before.
fn code_lengths(bits: &mut Bits<impl Read>, lengths: &mut [u8]) -> io::Result<()> {
    let mut current = bits.read(5)?;
    for length in lengths {
        while bits.read(1)? == 1 {
            current = if bits.read(1)? == 0 { current + 1 } else { current.wrapping_sub(1) };
            if !(1..=LONGEST as u32).contains(&current) {
                break;
            }
        }
        if !(1..=LONGEST as u32).contains(&current) {
            return Err(damaged("the length of a code"));
        }
        *length = current as u8;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_four_equal_bytes_are_found_wherever_they_stand() {
        for before in 0..3 * WINDOW {
            let text: Vec<u8> = b"aaabbc".iter().copied().cycle().take(before).chain(*b"xxxxyyyyy").collect();
            assert_eq!(plain(&text), (before + 4, true));
            assert_eq!(plain(&text[..before + 3]), (before + 3, false));
        }
    }
}
