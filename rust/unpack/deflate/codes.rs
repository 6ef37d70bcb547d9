//! Huffman codes as tables (RFC 1951, section 3.2).
//!
//! A table is indexed by the next bits of the stream, the first bit lowest. An entry tells what they mean:
//!
//! | bits of the entry | a literal | a length or distance | a longer code |
//! | --- | --- | --- | --- |
//! | 0-7 | bits of the code | bits of the code and of what is added to the base | bits of the first table |
//! | 8-12 | | bits of the code | bits of the second table |
//! | 16-30 | the byte | the base | where the second table begins |
//!
//! and the flags below tell which of them it is.

/// The entry is a literal byte.
pub(super) const LITERAL: u32 = 1 << 31;
/// It is none of the ordinary: a longer code, the end of the block, or no code at all.
pub(super) const SPECIAL: u32 = 1 << 15;
/// With [`SPECIAL`]: the code goes on in a second table.
pub(super) const LONGER: u32 = 1 << 14;
/// With [`SPECIAL`]: the end of the block.
pub(super) const END: u32 = 1 << 13;

/// Bits by which the tables are looked up first; longer codes go on in a second table.
const LITERAL_BITS: u32 = 11;
const DISTANCE_BITS: u32 = 9;
const PRECODE_BITS: u32 = 7;
/// The most entries that the tables of any codes of so many symbols have (computed as zlib's `enough` does).
const LITERAL_ENTRIES: usize = 2342;
const DISTANCE_ENTRIES: usize = 594;
/// The longest code, in bits.
const LONGEST: usize = 15;
/// Literals, the end of a block, and lengths.
pub(super) const LITERALS: usize = 288;
/// Distances.
pub(super) const DISTANCES: usize = 32;

/// The codes of a block.
pub(super) struct Codes {
    literals: [u32; LITERAL_ENTRIES],
    distances: [u32; DISTANCE_ENTRIES],
}

impl Codes {
    pub(super) fn new() -> Self {
        Self { literals: [SPECIAL; LITERAL_ENTRIES], distances: [SPECIAL; DISTANCE_ENTRIES] }
    }

    /// Takes the codes of which the bits of each symbol are given; `None` if there are no such codes.
    pub(super) fn set(&mut self, literals: &[u8], distances: &[u8]) -> Option<()> {
        const END_OF_BLOCK: usize = 256;
        if literals.get(END_OF_BLOCK).is_none_or(|&bits| bits == 0) {
            return None;
        }
        build(&mut self.literals, LITERAL_BITS, literals, |symbol| LITERAL_MEANINGS[symbol])?;
        build(&mut self.distances, DISTANCE_BITS, distances, |symbol| DISTANCE_MEANINGS[symbol])
    }

    #[inline(always)]
    pub(super) fn literal(&self, bits: u64) -> u32 {
        self.literals[low(bits, LITERAL_BITS)]
    }

    #[inline(always)]
    pub(super) fn distance(&self, bits: u64) -> u32 {
        self.distances[low(bits, DISTANCE_BITS)]
    }

    /// What a longer code means whose first bits, dropped from `bits`, meant `entry`.
    #[inline(always)]
    pub(super) fn longer_literal(&self, entry: u32, bits: u64) -> u32 {
        self.literals[second(entry, bits)]
    }

    #[inline(always)]
    pub(super) fn longer_distance(&self, entry: u32, bits: u64) -> u32 {
        self.distances[second(entry, bits)]
    }
}

/// The code of code lengths.
pub(super) struct Precode([u32; 1 << PRECODE_BITS]);

impl Precode {
    pub(super) fn new() -> Self {
        Self([SPECIAL; 1 << PRECODE_BITS])
    }

    pub(super) fn set(&mut self, lengths: &[u8]) -> Option<()> {
        build(&mut self.0, PRECODE_BITS, lengths, |symbol| word(symbol) << 16)
    }

    pub(super) fn look_up(&self, bits: u64) -> u32 {
        self.0[low(bits, PRECODE_BITS)]
    }
}

/// A base with what the extra bits add to it; `bits` begin with the code itself.
#[inline(always)]
pub(super) fn value(entry: u32, bits: u64) -> usize {
    let extra = (bits & !(!0_u64).wrapping_shl(entry)).wrapping_shr(entry >> 8);
    (entry >> 16) as usize + extra as usize
}

#[inline(always)]
fn low(bits: u64, count: u32) -> usize {
    (bits & ((1 << count) - 1)) as usize
}

#[inline(always)]
fn second(entry: u32, bits: u64) -> usize {
    (entry >> 16) as usize + low(bits, entry >> 8 & 0xf)
}

const fn word(number: usize) -> u32 {
    number as u32
}

/// Makes the table of a code of which the bits of each symbol are given, none for those that don't occur. `None` if
/// there is no such code: more codes than bits allow, or fewer, but for a code with a single symbol of one bit.
fn build(table: &mut [u32], first_bits: u32, lengths: &[u8], meaning: impl Fn(usize) -> u32) -> Option<()> {
    let counts = counts(lengths)?;
    let symbols = sorted(lengths, &counts);
    let mut meanings = symbols.iter().map(|&symbol| meaning(usize::from(symbol)));
    let first = first_bits as usize;
    let mut code = 0; // the first bit lowest
    let mut size = 1;
    table[0] = SPECIAL;
    for (bits, &count) in counts.iter().enumerate().take(first + 1).skip(1) {
        // So far it was indexed by fewer bits: one more makes no difference to what is there.
        table.copy_within(0..size, size);
        size *= 2;
        for _ in 0..count {
            table[code] = coded(meanings.next()?, word(bits));
            code = next(code, bits);
        }
    }
    let (first_size, mut begun) = (size, usize::MAX);
    for bits in first + 1..=LONGEST {
        for rest in (1..=counts[bits]).rev() {
            let prefix = code % first_size;
            if prefix != begun {
                begun = prefix;
                let second_bits = bits_of_second(&counts, bits - first, rest, first);
                table[prefix] = SPECIAL | LONGER | word(size) << 16 | word(second_bits) << 8 | first_bits;
                table.get_mut(size..size + (1 << second_bits))?.fill(SPECIAL);
                size += 1 << second_bits;
            }
            let start = (table[prefix] >> 16) as usize & 0x7fff;
            let entry = coded(meanings.next()?, word(bits - first));
            for at in (start + code / first_size..size).step_by(1 << (bits - first)) {
                table[at] = entry;
            }
            code = next(code, bits);
        }
    }
    Some(())
}

/// How many symbols have codes of so many bits; `None` if there can be no such code: more codes than the bits allow,
/// or fewer, but for a single one of one bit, or none at all.
fn counts(lengths: &[u8]) -> Option<[u16; LONGEST + 1]> {
    let mut counts = [0_u16; LONGEST + 1];
    for &length in lengths {
        counts[usize::from(length)] += 1;
    }
    counts[0] = 0;
    let mut left = 1_i32;
    for &count in &counts[1..] {
        left = 2 * left - i32::from(count);
        if left < 0 {
            return None;
        }
    }
    let is_short = counts[2..].iter().all(|&count| count == 0);
    (left == 0 || is_short).then_some(counts)
}

/// Symbols in the order of their codes: by length, and by number where that is equal.
fn sorted(lengths: &[u8], counts: &[u16; LONGEST + 1]) -> [u16; LITERALS] {
    let mut starts = [0_usize; LONGEST + 1];
    for bits in 1..LONGEST {
        starts[bits + 1] = starts[bits] + usize::from(counts[bits]);
    }
    let mut symbols = [0; LITERALS];
    for (symbol, &length) in (0_u16..).zip(lengths) {
        if length > 0 {
            let at = &mut starts[usize::from(length)];
            symbols[*at] = symbol;
            *at += 1;
        }
    }
    symbols
}

/// The entry of a symbol that is coded in so many bits.
fn coded(meaning: u32, bits: u32) -> u32 {
    if meaning & LITERAL != 0 { meaning + bits } else { meaning + (bits << 8) + bits }
}

/// Bits of a second table that begins with the first of `rest` codes of `bits` bits beyond the first table's.
fn bits_of_second(counts: &[u16; LONGEST + 1], bits: usize, rest: u16, first_bits: usize) -> usize {
    let (mut bits, mut used) = (bits, usize::from(rest));
    while used < 1 << bits && first_bits + bits < LONGEST {
        bits += 1;
        used = 2 * used + usize::from(counts[first_bits + bits]);
    }
    bits
}

/// The next code of so many bits: one more, where the first bit is the lowest and counts most.
fn next(code: usize, bits: usize) -> usize {
    let zeros = !code & ((1 << bits) - 1);
    let Some(top) = zeros.checked_ilog2() else { return code }; // the last of all
    code & ((1 << top) - 1) | 1 << top
}

/// RFC 1951, section 3.2.5.
const LITERAL_MEANINGS: [u32; LITERALS] = {
    let mut meanings = [SPECIAL; LITERALS];
    let mut symbol = 0;
    while symbol < 256 {
        meanings[symbol] = LITERAL | word(symbol) << 16;
        symbol += 1;
    }
    meanings[256] = SPECIAL | END;
    let (mut base, mut symbol) = (3, 257);
    while symbol < 285 {
        let extra = if symbol < 265 { 0 } else { word(symbol - 261) / 4 };
        meanings[symbol] = base << 16 | extra;
        base += 1 << extra;
        symbol += 1;
    }
    meanings[285] = 258 << 16;
    meanings
};

const DISTANCE_MEANINGS: [u32; DISTANCES] = {
    let mut meanings = [SPECIAL; DISTANCES];
    let (mut base, mut symbol) = (1, 0);
    while symbol < 30 {
        let extra = if symbol < 4 { 0 } else { word(symbol) / 2 - 1 };
        meanings[symbol] = base << 16 | extra;
        base += 1 << extra;
        symbol += 1;
    }
    meanings
};
