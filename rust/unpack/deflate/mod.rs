//! Inflates a stream that comes in pieces (RFC 1951).
//!
//! Libraries either want all of a stream and room for all of its content at once, or are a third slower; and to inflate
//! is what takes most of the time of a cold environment.
#![allow(clippy::cast_possible_truncation)]
// numbers of a few bits, taken out of larger ones
#![allow(clippy::inline_always)]
// the inner loop is compiled for two sets of instructions, each with all that it calls

mod codes;
mod fast;
mod window;

use codes::{Codes, DISTANCES, END, LITERAL, LITERALS, LONGER, Precode, SPECIAL};
use fast::{AHEAD, Bits, Stop};
use window::Window;

/// Bytes that are made at most, and a few, before somebody must take them.
pub const PIECE: usize = window::PIECE;

/// The order in which the lengths of the code of code lengths are given (RFC 1951, section 3.2.7).
const ORDER: [u8; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// The stream is no deflate stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damaged;

/// Why it returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// All input is eaten, and more is needed.
    Hungry,
    /// The new bytes must be taken before more can be made.
    Full,
    /// The stream is over.
    Done,
}

/// Where in the stream it is.
#[derive(Debug, Clone, Copy)]
enum State {
    Header,
    StoredLength,
    /// So many bytes are left.
    Stored(usize),
    Numbers,
    /// So many lengths of the code of code lengths are known.
    PrecodeLengths(usize),
    /// So many lengths of the codes are known.
    Lengths(usize),
    Symbols,
    Done,
}

/// What follows: go on, or return that.
type Next = Result<Option<Status>, Damaged>;

const ON: Next = Ok(None);
const HUNGRY: Next = Ok(Some(Status::Hungry));

/// One stream.
pub struct Inflater {
    state: State,
    bits: Bits,
    is_last: bool,
    /// Of literals and lengths, of distances, and of the code of their lengths.
    numbers: [usize; 3],
    lengths: [u8; LITERALS + DISTANCES],
    precode: Precode,
    codes: Codes,
    window: Window,
}

/// The rest of a piece of the stream.
struct Input<'a> {
    bytes: &'a [u8],
    from: usize,
}

impl Inflater {
    /// At the beginning of a stream. Takes 300 KB.
    #[must_use]
    pub fn new() -> Box<Self> {
        Box::new(Self {
            state: State::Header,
            bits: Bits::default(),
            is_last: false,
            numbers: [0; 3],
            lengths: [0; LITERALS + DISTANCES],
            precode: Precode::new(),
            codes: Codes::new(),
            window: Window::new(),
        })
    }

    /// What the last call of [`Self::run`] made.
    #[must_use]
    pub fn new_bytes(&self) -> &[u8] {
        self.window.new_bytes()
    }

    /// The last `count` of the new bytes, fewer than [`PIECE`], are not taken yet: the next call gives them again.
    pub fn keep(&mut self, count: usize) {
        self.window.keep(count);
    }

    /// Inflates as much as it can; the bytes it has eaten, and why there were no more.
    pub fn run(&mut self, bytes: &[u8]) -> Result<(usize, Status), Damaged> {
        self.window.take();
        let mut input = Input { bytes, from: 0 };
        loop {
            let Some(status) = self.step(&mut input)? else { continue };
            if status != Status::Hungry {
                self.give_back(&mut input);
            }
            return Ok((input.from, status));
        }
    }

    fn step(&mut self, input: &mut Input<'_>) -> Next {
        match self.state {
            State::Header => self.header(input),
            State::StoredLength => self.stored_length(input),
            State::Stored(left) => self.stored(left, input),
            State::Numbers => self.numbers(input),
            State::PrecodeLengths(known) => self.precode_lengths(known, input),
            State::Lengths(known) => self.code_lengths(known, input),
            State::Symbols => self.symbols(input),
            State::Done => Ok(Some(Status::Done)),
        }
    }

    /// Whether so many bits are held, after reading what it takes.
    fn has(&mut self, count: u32, input: &mut Input<'_>) -> bool {
        while self.bits.count < count {
            let Some(&byte) = input.bytes.get(input.from) else { return false };
            self.bits.held |= u64::from(byte) << self.bits.count;
            self.bits.count += 8;
            input.from += 1;
        }
        true
    }

    /// Takes bits that are held.
    fn take(&mut self, count: u32) -> usize {
        let taken = self.bits.held & ((1 << count) - 1);
        self.bits.held >>= count;
        self.bits.count -= count;
        taken as usize
    }

    /// Whole bytes that are held belong to who reads on. Those of an earlier piece are none of them: a piece is left
    /// when its last bits are not all of a symbol.
    fn give_back(&mut self, input: &mut Input<'_>) {
        let count = self.bits.count / 8;
        let back = (count as usize).min(input.from);
        input.from -= back;
        self.bits.count -= 8 * back as u32;
        self.bits.held &= (1 << self.bits.count) - 1;
    }

    fn header(&mut self, input: &mut Input<'_>) -> Next {
        if self.is_last {
            self.state = State::Done;
            return ON;
        }
        if !self.has(3, input) {
            return HUNGRY;
        }
        self.is_last = self.take(1) == 1;
        match self.take(2) {
            0 => {
                self.take(self.bits.count % 8);
                self.state = State::StoredLength;
            }
            1 => {
                self.set_fixed_codes()?;
                self.state = State::Symbols;
            }
            2 => self.state = State::Numbers,
            _ => return Err(Damaged),
        }
        ON
    }

    fn stored_length(&mut self, input: &mut Input<'_>) -> Next {
        if !self.has(32, input) {
            return HUNGRY;
        }
        let (length, complement) = (self.take(16), self.take(16));
        if length ^ complement != 0xffff {
            return Err(Damaged);
        }
        self.state = State::Stored(length);
        ON
    }

    fn stored(&mut self, left: usize, input: &mut Input<'_>) -> Next {
        if left == 0 {
            self.state = State::Header;
            return ON;
        }
        if self.window.room() == 0 {
            return Ok(Some(Status::Full));
        }
        if self.bits.count > 0 {
            let byte = self.take(8) as u8;
            self.window.add(&[byte]);
            self.state = State::Stored(left - 1);
            return ON;
        }
        let rest = &input.bytes[input.from..];
        let count = left.min(rest.len()).min(self.window.room());
        if count == 0 {
            return HUNGRY;
        }
        self.window.add(&rest[..count]);
        input.from += count;
        self.state = State::Stored(left - count);
        ON
    }

    fn numbers(&mut self, input: &mut Input<'_>) -> Next {
        if !self.has(14, input) {
            return HUNGRY;
        }
        let [literals, distances] = [self.take(5) + 257, self.take(5) + 1];
        self.numbers = [literals, distances, self.take(4) + 4];
        if literals > 286 || distances > 30 {
            return Err(Damaged);
        }
        self.lengths = [0; LITERALS + DISTANCES];
        self.state = State::PrecodeLengths(0);
        ON
    }

    fn precode_lengths(&mut self, known: usize, input: &mut Input<'_>) -> Next {
        if known == self.numbers[2] {
            self.precode.set(&self.lengths[..ORDER.len()]).ok_or(Damaged)?;
            self.state = State::Lengths(0);
            return ON;
        }
        if !self.has(3, input) {
            return HUNGRY;
        }
        self.lengths[usize::from(ORDER[known])] = self.take(3) as u8;
        self.state = State::PrecodeLengths(known + 1);
        ON
    }

    fn code_lengths(&mut self, known: usize, input: &mut Input<'_>) -> Next {
        let [literals, distances, _] = self.numbers;
        let all = literals + distances;
        if known == all {
            let (literals, distances) = self.lengths[..all].split_at(literals);
            self.codes.set(literals, distances).ok_or(Damaged)?;
            self.state = State::Symbols;
            return ON;
        }
        // The longest code and what it says; the stream may end sooner.
        let has_enough = self.has(7 + 7, input);
        let entry = self.precode.look_up(self.bits.held);
        if entry & SPECIAL != 0 {
            return if has_enough { Err(Damaged) } else { HUNGRY };
        }
        let (symbol, bits) = (entry >> 16, entry & 0xff);
        let (extra, fewest) = match symbol {
            16 => (2, 3),
            17 => (3, 3),
            18 => (7, 11),
            _ => (0, 1),
        };
        if self.bits.count < bits + extra {
            return HUNGRY;
        }
        self.take(bits);
        let times = fewest + self.take(extra);
        let length = match symbol {
            16 => *self.lengths[..known].last().ok_or(Damaged)?,
            17 | 18 => 0,
            length => length as u8,
        };
        self.lengths[..all].get_mut(known..known + times).ok_or(Damaged)?.fill(length);
        self.state = State::Lengths(known + times);
        ON
    }

    /// RFC 1951, section 3.2.6.
    fn set_fixed_codes(&mut self) -> Result<(), Damaged> {
        let mut literals = [8; LITERALS];
        literals[144..256].fill(9);
        literals[256..280].fill(7);
        self.codes.set(&literals, &[5; DISTANCES]).ok_or(Damaged)
    }

    fn symbols(&mut self, input: &mut Input<'_>) -> Next {
        if self.window.room() == 0 {
            return Ok(Some(Status::Full));
        }
        if input.bytes.len() - input.from > AHEAD {
            let Input { bytes, from } = input;
            let stop = fast::run(&self.codes, &mut self.bits, bytes, from, &mut self.window);
            self.give_back(input);
            match stop {
                Stop::Damaged => return Err(Damaged),
                Stop::BlockEnd => self.state = State::Header,
                Stop::Short => {}
            }
            return ON;
        }
        self.symbol(input)
    }

    /// One symbol, where the input may end with it.
    fn symbol(&mut self, input: &mut Input<'_>) -> Next {
        // The longest: a length and a distance. If there are fewer bits, then those beyond are zeros.
        let has_enough = self.has(48, input);
        let missing = if has_enough { Err(Damaged) } else { HUNGRY };
        let Bits { held, count } = self.bits;
        let (entry, before) = resolve(self.codes.literal(held), |entry| {
            self.codes.longer_literal(entry, held >> (entry & 0xff))
        });
        let used = before + (entry & 0xff);
        if used > count {
            return HUNGRY;
        }
        if entry & LITERAL != 0 {
            self.take(used);
            self.window.add(&[(entry >> 16) as u8]);
            return ON;
        }
        if entry & SPECIAL != 0 {
            if entry & END == 0 {
                return missing;
            }
            self.take(used);
            self.state = State::Header;
            return ON;
        }
        let length = codes::value(entry, held >> before);
        let held = held >> used;
        let (entry, before) = resolve(self.codes.distance(held), |entry| {
            self.codes.longer_distance(entry, held >> (entry & 0xff))
        });
        if entry & SPECIAL != 0 {
            return missing;
        }
        let used = used + before + (entry & 0xff);
        if used > count {
            return HUNGRY;
        }
        self.take(used);
        self.window.repeat(codes::value(entry, held >> before), length).ok_or(Damaged)?;
        ON
    }
}

/// The entry of a code, and the bits of it that come before what the entry tells of.
fn resolve(entry: u32, longer: impl FnOnce(u32) -> u32) -> (u32, u32) {
    if entry & (LITERAL | SPECIAL | LONGER) == SPECIAL | LONGER {
        (longer(entry), entry & 0xff)
    } else {
        (entry, 0)
    }
}
