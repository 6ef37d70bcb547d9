//! The inner loop: symbols of a block, as long as there is plenty of input and of room.
#![allow(unsafe_code)]
// reads and writes that the compiler would check one by one; each says why it is right

use super::codes::{self, Codes, END, LITERAL, LONGER, SPECIAL};
use super::window::{BEYOND, OVERRUN, Window};

/// Bytes of input that one round may read, with what a refill reads beyond.
pub(super) const AHEAD: usize = 32;

/// How the loop ended.
pub(super) enum Stop {
    /// Input or room run short.
    Short,
    /// The block is over.
    BlockEnd,
    /// What comes is no code.
    Damaged,
}

/// The next bits of the stream, the first lowest.
///
/// In the loop only the low six bits of `count` are kept true, which saves a masking at each symbol, and `held` may
/// have bits above them: those that the next refill puts there again.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bits {
    pub(super) held: u64,
    pub(super) count: u32,
}

impl Bits {
    #[inline(always)]
    fn drop(&mut self, entry: u32) {
        self.held = self.held.wrapping_shr(entry);
        self.count = self.count.wrapping_sub(entry);
    }

    /// At least 56 bits are held after it.
    ///
    /// # Safety
    /// Eight bytes of `bytes` follow `from`.
    #[inline(always)]
    unsafe fn refill(&mut self, bytes: &[u8], from: &mut usize) {
        // SAFETY: as the caller promises.
        let word: [u8; 8] = unsafe { bytes.as_ptr().add(*from).cast::<[u8; 8]>().read_unaligned() };
        self.held |= u64::from_le_bytes(word).wrapping_shl(self.count);
        *from += 7 - (self.count >> 3 & 7) as usize;
        self.count |= 0b11_1000; // eight more for each byte that had room
    }

    /// Makes all of it true again.
    fn settle(&mut self) {
        self.count &= 63;
        self.held &= !(!0 << self.count);
    }
}

/// Runs the loop from `from` on, where more than [`AHEAD`] bytes of `bytes` are, and there is room in the window.
pub(super) fn run(
    codes: &Codes,
    bits: &mut Bits,
    bytes: &[u8],
    from: &mut usize,
    window: &mut Window,
) -> Stop {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("bmi2") && std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: this processor has them.
        return unsafe { with_bmi2(codes, bits, bytes, from, window) };
    }
    rounds(codes, bits, bytes, from, window)
}

/// The same with shifts that need no flags and fixed registers.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "bmi1,bmi2,avx2")]
fn with_bmi2(codes: &Codes, bits: &mut Bits, bytes: &[u8], from: &mut usize, window: &mut Window) -> Stop {
    rounds(codes, bits, bytes, from, window)
}

#[inline(always)]
fn rounds(codes: &Codes, bits: &mut Bits, bytes: &[u8], from: &mut usize, window: &mut Window) -> Stop {
    let Window { bytes: out, at, .. } = window;
    // By value, so that the compiler can keep them in registers.
    let mut rounds = Rounds { codes, bytes, out, bits: *bits, from: *from, at: *at };
    let stop = rounds.run();
    rounds.bits.settle();
    (*bits, *from, *at) = (rounds.bits, rounds.from, rounds.at);
    stop
}

struct Rounds<'a> {
    codes: &'a Codes,
    bytes: &'a [u8],
    out: &'a mut [u8],
    bits: Bits,
    /// Where in `bytes` to read on.
    from: usize,
    /// Where in `out` to write on.
    at: usize,
}

impl Rounds<'_> {
    #[inline(always)]
    fn run(&mut self) -> Stop {
        assert!(self.from + AHEAD < self.bytes.len() && self.at + OVERRUN < self.out.len());
        let (last_from, full_at) = (self.bytes.len() - AHEAD, self.out.len() - OVERRUN);
        self.refill();
        let mut entry = self.codes.literal(self.bits.held);
        // At least one round, or a caller that tries again would do so for ever. Each begins before `last_from`, but for
        // one refill, and refills at most twice.
        loop {
            let mut before = self.bits.held;
            self.bits.drop(entry);
            (entry, before) = self.literals(entry, before);
            if entry & (LITERAL | SPECIAL) == SPECIAL {
                (entry, before) = self.longer(entry, before);
                if entry & (LITERAL | SPECIAL) == SPECIAL {
                    return if entry & END != 0 { Stop::BlockEnd } else { Stop::Damaged };
                }
            }
            if entry & LITERAL != 0 {
                self.put(entry);
                entry = self.codes.literal(self.bits.held);
                self.refill();
            } else {
                let Some((distance, length)) = self.repetition(entry, before) else { return Stop::Damaged };
                entry = self.codes.literal(self.bits.held);
                self.refill();
                copy(self.out, self.at, distance, length);
                self.at += length;
            }
            if self.from >= last_from || self.at >= full_at {
                return Stop::Short;
            }
        }
    }

    #[inline(always)]
    fn refill(&mut self) {
        // SAFETY: at most the third time since `from` was 32 bytes before the end; each moves it by seven.
        unsafe { self.bits.refill(self.bytes, &mut self.from) };
    }

    /// Puts up to two literals, so that enough bits are left for a length and a look at a distance. The entry that
    /// comes then, dropped, and the bits with it.
    #[inline(always)]
    fn literals(&mut self, entry: u32, before: u64) -> (u32, u64) {
        if entry & LITERAL == 0 {
            return (entry, before);
        }
        let (entry, before) = self.literal(entry);
        if entry & LITERAL == 0 { (entry, before) } else { self.literal(entry) }
    }

    #[inline(always)]
    fn literal(&mut self, entry: u32) -> (u32, u64) {
        self.put(entry);
        let (next, before) = (self.codes.literal(self.bits.held), self.bits.held);
        self.bits.drop(next);
        (next, before)
    }

    /// What a longer code means; anything else that is special stays as it is.
    #[inline(always)]
    fn longer(&mut self, entry: u32, before: u64) -> (u32, u64) {
        if entry & LONGER == 0 {
            return (entry, before);
        }
        let (longer, before) = (self.codes.longer_literal(entry, self.bits.held), self.bits.held);
        self.bits.drop(longer);
        (longer, before)
    }

    /// Distance and length of a repetition of which `entry` tells the length.
    #[inline(always)]
    fn repetition(&mut self, entry: u32, before: u64) -> Option<(usize, usize)> {
        let length = codes::value(entry, before);
        let mut code = self.codes.distance(self.bits.held);
        // Not always needed for a distance and the next look-up; but whether it is would often be guessed wrong.
        self.refill();
        if code & SPECIAL != 0 {
            if code & LONGER == 0 {
                return None;
            }
            self.bits.drop(code);
            code = self.codes.longer_distance(code, self.bits.held);
            if code & SPECIAL != 0 {
                return None;
            }
        }
        let distance = codes::value(code, self.bits.held);
        self.bits.drop(code);
        (distance <= self.at).then_some((distance, length))
    }

    /// Of a literal, one of at most three in a round.
    #[inline(always)]
    fn put(&mut self, entry: u32) {
        debug_assert!(self.at < self.out.len());
        // SAFETY: each round begins with room for `OVERRUN` bytes, which are more than three literals.
        unsafe { *self.out.as_mut_ptr().add(self.at) = (entry >> 16) as u8 };
        self.at += 1;
    }
}

/// Repeats `length` bytes, at most 258, from `distance` before `at`; writes up to [`BEYOND`] bytes more.
#[inline(always)]
fn copy(out: &mut [u8], at: usize, distance: usize, length: usize) {
    debug_assert!(distance <= at && at + length + BEYOND <= out.len());
    // SAFETY: `from` begins within `out`, since `distance` was held against `at`, and stays at least a byte behind `to`;
    // `to` is before `end`, or sixteen bytes beyond `at`, when it is written. The sixteen bytes from there are in `out`:
    // each round begins with room for `OVERRUN` bytes, which are three literals, the longest `length`, and `BEYOND`.
    unsafe {
        let mut to = out.as_mut_ptr().add(at);
        let mut from = to.sub(distance);
        let end = to.add(length);
        if distance >= 16 {
            // Few are longer than two vectors, and to ask whether one is enough is often guessed wrong.
            to.cast::<[u8; 16]>().write_unaligned(from.cast::<[u8; 16]>().read_unaligned());
            (to, from) = (to.add(16), from.add(16));
            to.cast::<[u8; 16]>().write_unaligned(from.cast::<[u8; 16]>().read_unaligned());
            (to, from) = (to.add(16), from.add(16));
            while to < end {
                to.cast::<[u8; 16]>().write_unaligned(from.cast::<[u8; 16]>().read_unaligned());
                (to, from) = (to.add(16), from.add(16));
            }
        } else if distance == 1 {
            let same = [*from; 16];
            while to < end {
                to.cast::<[u8; 16]>().write_unaligned(same);
                to = to.add(16);
            }
        } else {
            // Eight at a time, of which `distance` are right if that is less: the others are written again.
            let step = distance.min(8);
            while to < end {
                to.cast::<[u8; 8]>().write_unaligned(from.cast::<[u8; 8]>().read_unaligned());
                (to, from) = (to.add(step), from.add(step));
            }
        }
    }
}
