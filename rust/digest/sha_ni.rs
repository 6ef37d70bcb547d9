//! The rounds of SHA-256 (FIPS 180-4, 6.2.2) by the processor's own instructions, on two blocks in turn.
//!
//! Each of these instructions waits for the one before it; those of a second text fill the time.
#![allow(unsafe_code)]
// processor features and unaligned loads; each use says why it is right

use std::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_blend_epi16, _mm_loadu_si128, _mm_set_epi64x,
    _mm_setzero_si128, _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32, _mm_shuffle_epi8,
    _mm_shuffle_epi32, _mm_storeu_si128,
};

use crate::digest::lanes::{BLOCK, LANES, ROUND};

/// Proof that this processor has the instructions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Proof(());

impl Proof {
    /// `None` if it has not.
    pub(crate) fn of_this_processor() -> Option<Self> {
        let has_all = is_x86_feature_detected!("sha") && is_x86_feature_detected!("sse4.1");
        (has_all && is_x86_feature_detected!("ssse3")).then_some(Self(()))
    }

    #[allow(clippy::unused_self)] // to have it is to have the instructions
    /// The blocks of the first `count` lanes, each `len` bytes, into their states.
    pub(crate) fn compress(
        self,
        states: &mut [[u32; 8]; LANES],
        blocks: &[&[u8]; LANES],
        count: usize,
        len: usize,
    ) {
        let (pairs, last) = states[..count].as_chunks_mut::<2>();
        let (pair_blocks, last_block) = blocks[..count].as_chunks::<2>();
        for (states, blocks) in pairs.iter_mut().zip(pair_blocks) {
            // SAFETY: a value of this type is made only where the processor has these features.
            unsafe { compress(states, blocks, len) }
        }
        if let ([state], [block]) = (last, last_block) {
            // SAFETY: as before.
            unsafe { compress(std::array::from_mut(state), &[*block], len) }
        }
    }
}

#[target_feature(enable = "sha,sse4.1,ssse3")]
fn compress<const N: usize>(states: &mut [[u32; 8]; N], blocks: &[&[u8]; N], len: usize) {
    let mut sums = [[_mm_setzero_si128(); 2]; N];
    for (sums, state) in sums.iter_mut().zip(&*states) {
        *sums = unpacked(state);
    }
    for at in (0..len).step_by(BLOCK) {
        sums = rounds(sums, words(blocks, at));
    }
    for (sums, state) in sums.into_iter().zip(states) {
        pack(sums, state);
    }
}

/// What the instructions want: the words a, b, e, f in one vector and c, d, g, h in the other, the first highest.
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn unpacked(state: &[u32; 8]) -> [__m128i; 2] {
    let (words, _) = state.as_chunks::<4>();
    let badc = _mm_shuffle_epi32::<0b1011_0001>(load(words[0].map(u32::to_ne_bytes).as_flattened()));
    let hgfe = _mm_shuffle_epi32::<0b0001_1011>(load(words[1].map(u32::to_ne_bytes).as_flattened()));
    [_mm_alignr_epi8::<8>(badc, hgfe), _mm_blend_epi16::<0xf0>(hgfe, badc)]
}

#[target_feature(enable = "sha,sse4.1,ssse3")]
fn pack([abef, cdgh]: [__m128i; 2], state: &mut [u32; 8]) {
    let feba = _mm_shuffle_epi32::<0b0001_1011>(abef);
    let dchg = _mm_shuffle_epi32::<0b1011_0001>(cdgh);
    let (low, high) = (_mm_blend_epi16::<0xf0>(feba, dchg), _mm_alignr_epi8::<8>(dchg, feba));
    let (halves, _) = state.as_chunks_mut::<4>();
    // SAFETY: 16 bytes each are written, which are there; they may lie anywhere.
    unsafe {
        _mm_storeu_si128(halves[0].as_mut_ptr().cast(), low);
        _mm_storeu_si128(halves[1].as_mut_ptr().cast(), high);
    }
}

#[target_feature(enable = "sha,sse4.1,ssse3")]
fn load(bytes: &[u8]) -> __m128i {
    let bytes: &[u8; 16] = bytes.first_chunk().expect("four words");
    // SAFETY: 16 bytes are read, which are there; they may lie anywhere.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

/// The sixteen words of the block at `at` of each text, four in a vector.
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn words<const N: usize>(blocks: &[&[u8]; N], at: usize) -> [[__m128i; 4]; N] {
    let big_endian = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
    let mut words = [[_mm_setzero_si128(); 4]; N];
    for (words, text) in words.iter_mut().zip(blocks) {
        let (quarters, _) = text[at..at + BLOCK].as_chunks::<16>();
        for (word, quarter) in words.iter_mut().zip(quarters) {
            *word = _mm_shuffle_epi8(load(quarter), big_endian);
        }
    }
    words
}

/// The sixty-four rounds on one block of each text, four at a time of one text and then of the other.
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn rounds<const N: usize>(sums: [[__m128i; 2]; N], mut words: [[__m128i; 4]; N]) -> [[__m128i; 2]; N] {
    let mut new = sums;
    macro_rules! four_rounds {
        ($($turn:literal)*) => {$(
            let (constants, _) = ROUND.as_chunks::<4>();
            let constants = load(constants[$turn].map(u32::to_ne_bytes).as_flattened());
            for ([abef, cdgh], words) in new.iter_mut().zip(&mut words) {
                let [now, next, third, last] = [0, 1, 2, 3].map(|ahead| words[($turn + ahead) % 4]);
                let added = _mm_add_epi32(now, constants);
                *cdgh = _mm_sha256rnds2_epu32(*cdgh, *abef, added);
                if $turn < 12 {
                    let sum = _mm_add_epi32(_mm_sha256msg1_epu32(now, next), _mm_alignr_epi8::<4>(last, third));
                    words[$turn % 4] = _mm_sha256msg2_epu32(sum, last);
                }
                *abef = _mm_sha256rnds2_epu32(*abef, *cdgh, _mm_shuffle_epi32::<0b1110>(added));
            }
        )*};
    }
    four_rounds!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    for (new, old) in new.iter_mut().zip(sums) {
        *new = [_mm_add_epi32(new[0], old[0]), _mm_add_epi32(new[1], old[1])];
    }
    new
}
