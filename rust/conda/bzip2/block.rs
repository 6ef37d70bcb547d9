//! A block: from its codes to a table that says which byte follows which, and along that table to its bytes.

use std::cell::Cell;
use std::io::{self, Read};

use super::bits::Bits;
use super::code::{Code, LONGEST, SYMBOLS};
use super::damaged;

/// Symbols for which one code is used before another may be.
const GROUP: usize = 50;
/// The most codes of a block.
const CODES: usize = 6;
/// Where a place begins in an entry of the table; a byte is below it.
const PLACE: u32 = 8;
/// Places in the table: a power of two, since then no index needs a check. The largest block has 900,000 bytes.
const PLACES: usize = 1 << 20;

type Table = Box<[u32; PLACES]>;

thread_local! {
    /// Of the last stream: making a new one costs as much as a small package.
    static SPARE: Cell<Option<Table>> = const { Cell::new(None) };
}

/// A block that is being read.
pub(super) struct Block {
    codes: Box<[Code; CODES]>,
    table: Option<Table>,
    /// Entries of the table that are the block's.
    len: usize,
    /// The last byte that was made, how often in a row, and the place of the next in the table.
    run: Run,
    place: usize,
    /// Places that were not gone along.
    left: usize,
}

/// Four equal bytes in a row are followed by the number of those that follow.
#[derive(Clone, Copy, Default)]
struct Run {
    byte: u8,
    count: u32,
    /// Bytes that are still to be repeated.
    more: usize,
}

impl Block {
    pub(super) fn new() -> Self {
        let table = SPARE.take().unwrap_or_else(|| {
            let zeros = vec![0_u32; PLACES].into_boxed_slice();
            zeros.try_into().expect("it has as many places")
        });
        let codes = Box::new(std::array::from_fn(|_| Code::new()));
        Self { codes, table: Some(table), len: 0, run: Run::default(), place: 0, left: 0 }
    }

    /// Whether all of its bytes were made.
    pub(super) fn is_over(&self) -> bool {
        self.left == 0 && self.run.more == 0
    }

    /// Reads a block of at most `limit` bytes, from behind its checksum.
    pub(super) fn read(&mut self, bits: &mut Bits<impl Read>, limit: usize) -> io::Result<()> {
        if bits.read(1)? == 1 {
            return Err(damaged("a block is randomised, which nothing has done since 1999"));
        }
        let origin = bits.read(24)? as usize;
        let (order, used) = order(bits)?;
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
        let counts = self.read_bytes(bits, &selectors, order, used, limit.min(PLACES))?;
        if origin >= self.len {
            return Err(damaged("where a block begins"));
        }
        self.link(&counts);
        (self.run, self.left) = (Run::default(), self.len);
        self.place = (self.table()[origin] >> PLACE) as usize;
        Ok(())
    }

    fn table(&mut self) -> &mut [u32; PLACES] {
        self.table.as_mut().expect("only dropping takes it away")
    }

    /// Reads the block's bytes, in the order of what follows them, into the table; how many there are of each.
    fn read_bytes(
        &mut self,
        bits: &mut Bits<impl Read>,
        selectors: &[u8],
        mut order: [u8; 256],
        used: usize,
        limit: usize,
    ) -> io::Result<[u32; 256]> {
        let table = self.table.as_mut().expect("only dropping takes it away");
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
                    let byte = order[0];
                    counts[usize::from(byte)] += run as u32;
                    table[len..len + run].fill(u32::from(byte));
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
                let byte = to_front(&mut order, symbol - 1);
                counts[usize::from(byte)] += 1;
                table[len % PLACES] = u32::from(byte);
                len += 1;
            }
        }
        Err(damaged("a block has no end"))
    }

    /// Puts beside each byte the place of what follows it: bytes in the table are in the order of what follows them, and
    /// equal bytes keep that order when they are sorted themselves.
    fn link(&mut self, counts: &[u32; 256]) {
        let mut next = 0;
        let mut places = counts.map(|count| {
            next += count;
            next - count
        });
        let len = self.len;
        let table = self.table();
        for at in 0..len {
            let place = &mut places[(table[at % PLACES] & 0xff) as usize];
            table[*place as usize % PLACES] |= (at as u32) << PLACE;
            *place += 1;
        }
    }

    /// Makes the next bytes; how many, fewer than there is room for only at the block's end.
    pub(super) fn make(&mut self, out: &mut [u8]) -> usize {
        let table = self.table.as_deref().expect("only dropping takes it away");
        let (mut run, mut place, mut left, mut made) = (self.run, self.place, self.left, 0);
        while made < out.len() {
            if run.more > 0 {
                let count = run.more.min(out.len() - made);
                out[made..made + count].fill(run.byte);
                made += count;
                run.more -= count;
                continue;
            }
            if left == 0 {
                break;
            }
            left -= 1;
            let entry = table[place % PLACES];
            place = (entry >> PLACE) as usize;
            let byte = (entry & 0xff) as u8;
            if run.count == 4 {
                (run.more, run.count) = (usize::from(byte), 0);
                continue;
            }
            run.count = if byte == run.byte { run.count + 1 } else { 1 };
            run.byte = byte;
            out[made] = byte;
            made += 1;
        }
        (self.run, self.place, self.left) = (run, place, left);
        made
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        SPARE.set(self.table.take());
    }
}

fn no_symbol() -> io::Error {
    damaged("no symbol has such a code")
}

/// The byte at a place of the order, which comes to its front.
#[inline]
fn to_front(order: &mut [u8; 256], place: usize) -> u8 {
    let place = place % 256;
    let byte = order[place];
    // Most places are near.
    if place < 16 {
        for at in (0..place).rev() {
            order[at + 1] = order[at];
        }
    } else {
        order.copy_within(0..place, 1);
    }
    order[0] = byte;
    byte
}

/// The bytes that a block uses, and how many these are.
fn order(bits: &mut Bits<impl Read>) -> io::Result<([u8; 256], usize)> {
    let (mut order, mut used) = ([0; 256], 0);
    let rows = bits.read(16)?;
    for row in (0..16_u8).filter(|row| rows >> (15 - row) & 1 == 1) {
        let columns = bits.read(16)?;
        for column in (0..16_u8).filter(|column| columns >> (15 - column) & 1 == 1) {
            order[used] = row << 4 | column;
            used += 1;
        }
    }
    if used == 0 { Err(damaged("a block uses no bytes")) } else { Ok((order, used)) }
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
