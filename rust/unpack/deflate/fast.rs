//! The inner loop: symbols of a block, as long as there is plenty of input and of room.
#![allow(unsafe_code)]
// two reads and writes of many bytes that the compiler would check one by one; each says why it is right

use super::codes::{self, Codes, END, LITERAL, LONGER, SPECIAL};
use super::window::{OVERRUN, Window};

/// Bytes of input that one round may read, with what a refill reads beyond.
pub(super) const AHEAD: usize = 32;
/// The most bits of a distance, with its extra bits.
const DISTANCE_BITS: u32 = 15 + 13;

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

/// Runs the loop from `from` on, where at least [`AHEAD`] bytes of `bytes` are.
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
    // Copies that the compiler can keep in registers.
    let (mut held, mut at, mut put) = (*bits, *from, window.at);
    let stop = symbols(codes, &mut held, bytes, &mut at, &mut put, &mut window.bytes);
    held.settle();
    (*bits, *from, window.at) = (held, at, put);
    stop
}

#[inline(always)]
fn symbols(
    codes: &Codes,
    bits: &mut Bits,
    bytes: &[u8],
    from: &mut usize,
    at: &mut usize,
    out: &mut [u8],
) -> Stop {
    let last_from = bytes.len() - AHEAD;
    assert!(*from < last_from);
    let full_at = out.len() - OVERRUN;
    // SAFETY: at most the third since `from` was below `last_from`, 32 bytes before the end; each moves it by 7.
    unsafe { bits.refill(bytes, from) };
    let mut entry = codes.literal(bits.held);
    loop {
        let mut before = bits.held;
        bits.drop(entry);
        // Up to two literals more, of eleven bits each at most, leave enough for a length and a look at a distance.
        if entry & LITERAL != 0 {
            put(out, at, entry);
            entry = codes.literal(bits.held);
            before = bits.held;
            bits.drop(entry);
            if entry & LITERAL != 0 {
                put(out, at, entry);
                entry = codes.literal(bits.held);
                before = bits.held;
                bits.drop(entry);
            }
        }
        if entry & (LITERAL | SPECIAL) == SPECIAL {
            if entry & LONGER != 0 {
                before = bits.held;
                entry = codes.longer_literal(entry, bits.held);
                bits.drop(entry);
            }
            if entry & (LITERAL | SPECIAL) == SPECIAL {
                return if entry & END != 0 { Stop::BlockEnd } else { Stop::Damaged };
            }
        }
        if entry & LITERAL != 0 {
            put(out, at, entry);
            entry = codes.literal(bits.held);
            // SAFETY: at most the third since `from` was below `last_from`, 32 bytes before the end; each moves it by 7.
            unsafe { bits.refill(bytes, from) };
        } else {
            let length = codes::value(entry, before);
            let mut code = codes.distance(bits.held);
            if bits.count & 63 < DISTANCE_BITS + codes::LITERAL_BITS {
                // SAFETY: at most the third since `from` was below `last_from`, 32 bytes before the end; each moves it by 7.
                unsafe { bits.refill(bytes, from) };
            }
            if code & SPECIAL != 0 {
                if code & LONGER == 0 {
                    return Stop::Damaged;
                }
                bits.drop(code);
                code = codes.longer_distance(code, bits.held);
                if code & SPECIAL != 0 {
                    return Stop::Damaged;
                }
            }
            let distance = codes::value(code, bits.held);
            bits.drop(code);
            if distance > *at {
                return Stop::Damaged;
            }
            entry = codes.literal(bits.held);
            // SAFETY: at most the third since `from` was below `last_from`, 32 bytes before the end; each moves it by 7.
            unsafe { bits.refill(bytes, from) };
            copy(out, *at, distance, length);
            *at += length;
        }
        if *from >= last_from || *at >= full_at {
            return Stop::Short;
        }
    }
}

#[inline(always)]
fn put(out: &mut [u8], at: &mut usize, entry: u32) {
    out[*at] = (entry >> 16) as u8;
    *at += 1;
}

/// Repeats `length` bytes from `distance` before `at`; writes up to fifteen bytes more.
#[inline(always)]
fn copy(out: &mut [u8], at: usize, distance: usize, length: usize) {
    assert!(distance <= at && at + length + 16 <= out.len());
    // SAFETY: `from` begins within `out` and stays at least a byte behind `to`; `to` is before `end` when it is
    // written, so that the sixteen bytes from there are in `out`, as was just asserted.
    unsafe {
        let mut to = out.as_mut_ptr().add(at);
        let mut from = to.sub(distance);
        let end = to.add(length);
        if distance >= 16 {
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
