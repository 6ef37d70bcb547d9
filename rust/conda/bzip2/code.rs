//! A Huffman code of a block: canonical, with codes of 1 to 20 bits.

use std::io;

use super::damaged;

/// The longest code, in bits.
pub(super) const LONGEST: usize = 20;
/// 256 bytes but the first of the order, two digits of runs, and the end.
pub(super) const SYMBOLS: usize = 258;
/// Bits by which a code is looked up; longer ones are compared with limits.
const QUICK: u32 = 10;

/// How a code is read.
pub(super) struct Code {
    /// Symbol and length of what begins with these bits, `symbol << 5 | length`; 0 if it is longer.
    quick: [u16; 1 << QUICK],
    /// Codes of a length, filled up to the longest, are below this.
    limits: [u32; LONGEST + 1],
    /// What to add to a code of a length for its place in `symbols`.
    bases: [i32; LONGEST + 1],
    symbols: [u16; SYMBOLS],
}

impl Code {
    pub(super) fn new() -> Self {
        let (limits, bases) = ([0; LONGEST + 1], [0; LONGEST + 1]);
        Self { quick: [0; 1 << QUICK], limits, bases, symbols: [0; SYMBOLS] }
    }

    /// Takes a code, given the length of each symbol's.
    pub(super) fn set(&mut self, lengths: &[u8]) -> io::Result<()> {
        let mut counts = [0_u32; LONGEST + 1];
        for &length in lengths {
            counts[usize::from(length)] += 1;
        }
        self.sort(lengths);
        self.quick.fill(0);
        let (mut code, mut place) = (0_u32, 0_usize);
        for (length, &count) in counts.iter().enumerate().skip(1) {
            self.bases[length] = place as i32 - code as i32;
            let end = code + count;
            if end > 1 << length {
                return Err(damaged("a code has too many symbols"));
            }
            if length <= QUICK as usize {
                let free = QUICK - length as u32;
                for &symbol in &self.symbols[place..place + count as usize] {
                    let from = (code << free) as usize;
                    self.quick[from..from + (1 << free)].fill(symbol << 5 | length as u16);
                    code += 1;
                }
            }
            place += count as usize;
            self.limits[length] = end << (LONGEST - length);
            code = end << 1;
        }
        Ok(())
    }

    /// Symbols by length, and by number where that is equal.
    fn sort(&mut self, lengths: &[u8]) {
        let mut places = self.symbols.iter_mut();
        for length in 1..=LONGEST as u8 {
            let symbols = (0..).zip(lengths).filter(|(_, of)| **of == length).map(|(symbol, _)| symbol);
            for (symbol, place) in symbols.zip(&mut places) {
                *place = symbol;
            }
        }
    }

    /// The symbol with which `bits`, the first highest, begin, and its length. `None` if there is none.
    #[inline]
    pub(super) fn look_up(&self, bits: u64) -> Option<(u16, u32)> {
        let entry = self.quick[(bits >> (64 - QUICK)) as usize];
        if entry != 0 {
            return Some((entry >> 5, u32::from(entry & 31)));
        }
        let code = (bits >> (64 - LONGEST)) as u32;
        let length = (QUICK as usize + 1..=LONGEST).find(|&length| code < self.limits[length])?;
        let place = self.bases[length] + (code >> (LONGEST - length)) as i32;
        Some((*self.symbols.get(place as usize)?, length as u32))
    }
}
