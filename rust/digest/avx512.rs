//! The rounds of SHA-256 (FIPS 180-4, 6.2.2) on eight blocks at once, in the vectors of AVX-512.
#![allow(unsafe_code)]
// processor features and unaligned loads; each use says why it is right
// The standard's names; and vectors stay in registers.
#![allow(clippy::many_single_char_names, clippy::large_types_passed_by_value)]

use std::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_loadu_si256, _mm256_permute2x128_si256, _mm256_ror_epi32,
    _mm256_set1_epi32, _mm256_setr_epi8, _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_srli_epi32,
    _mm256_storeu_si256, _mm256_ternarylogic_epi32, _mm256_unpackhi_epi32, _mm256_unpackhi_epi64,
    _mm256_unpacklo_epi32, _mm256_unpacklo_epi64,
};

use crate::digest::lanes::{BLOCK, LANES, ROUND};

const XOR: i32 = 0x96;
const CHOOSE: i32 = 0xca;
const MAJORITY: i32 = 0xe8;

/// Proof that this processor has the instructions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Proof(());

impl Proof {
    /// `None` if it has not.
    pub(crate) fn of_this_processor() -> Option<Self> {
        let has_all = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl");
        (has_all && is_x86_feature_detected!("avx2")).then_some(Self(()))
    }

    #[allow(clippy::unused_self)] // to have it is to have the instructions
    /// The blocks of all lanes, each `len` bytes, into the states. However few `count` are, it takes as long.
    pub(crate) fn compress(
        self,
        states: &mut [[u32; 8]; LANES],
        blocks: &[&[u8]; LANES],
        _count: usize,
        len: usize,
    ) {
        // SAFETY: a value of this type is made only where the processor has these features.
        unsafe { compress(states, blocks, len) }
    }
}

#[target_feature(enable = "avx2,avx512f,avx512vl")]
fn compress(states: &mut [[u32; 8]; LANES], blocks: &[&[u8]; LANES], len: usize) {
    let mut rows = [_mm256_setzero_si256(); LANES];
    for (row, state) in rows.iter_mut().zip(&*states) {
        let bytes = state.map(u32::to_ne_bytes);
        *row = load(bytes.as_flattened().first_chunk().expect("eight words are 32 bytes"));
    }
    let mut sums = transposed(rows);
    for at in (0..len).step_by(BLOCK) {
        let words = words(blocks, at);
        sums = rounds(sums, words);
    }
    for (state, row) in states.iter_mut().zip(transposed(sums)) {
        store(row, state);
    }
}

/// The next block's words of all lanes: the vector at `i` has word `i` of each.
#[target_feature(enable = "avx2,avx512f,avx512vl")]
fn words(blocks: &[&[u8]; LANES], at: usize) -> [__m256i; 16] {
    let mut words = [_mm256_setzero_si256(); 16];
    for (half, words) in words.chunks_exact_mut(8).enumerate() {
        let from = at + 32 * half;
        let mut rows = [_mm256_setzero_si256(); LANES];
        for (row, bytes) in rows.iter_mut().zip(blocks) {
            *row = big_endian(load(bytes[from..].first_chunk().expect("whole blocks")));
        }
        words.copy_from_slice(&transposed(rows));
    }
    words
}

#[target_feature(enable = "avx2,avx512f,avx512vl")]
fn load(bytes: &[u8; 32]) -> __m256i {
    // SAFETY: 32 bytes are read, which are there; they may lie anywhere.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

#[target_feature(enable = "avx2,avx512f,avx512vl")]
fn store(row: __m256i, to: &mut [u32; 8]) {
    // SAFETY: 32 bytes are written, which are there; they may lie anywhere.
    unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), row) };
}

/// Turns the bytes of each 32-bit word around.
#[target_feature(enable = "avx2,avx512f,avx512vl")]
fn big_endian(row: __m256i) -> __m256i {
    #[rustfmt::skip]
    let order = _mm256_setr_epi8(
        3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12,
    );
    _mm256_shuffle_epi8(row, order)
}

/// Rows and columns of a square of 32-bit words change places.
#[target_feature(enable = "avx2,avx512f,avx512vl")]
fn transposed([a, b, c, d, e, f, g, h]: [__m256i; 8]) -> [__m256i; 8] {
    let (ab, cd) = (_mm256_unpacklo_epi32(a, b), _mm256_unpacklo_epi32(c, d));
    let (ef, gh) = (_mm256_unpacklo_epi32(e, f), _mm256_unpacklo_epi32(g, h));
    let (ab_high, cd_high) = (_mm256_unpackhi_epi32(a, b), _mm256_unpackhi_epi32(c, d));
    let (ef_high, gh_high) = (_mm256_unpackhi_epi32(e, f), _mm256_unpackhi_epi32(g, h));
    let (r0, s0) = (_mm256_unpacklo_epi64(ab, cd), _mm256_unpacklo_epi64(ef, gh));
    let (r1, s1) = (_mm256_unpackhi_epi64(ab, cd), _mm256_unpackhi_epi64(ef, gh));
    let (r2, s2) = (_mm256_unpacklo_epi64(ab_high, cd_high), _mm256_unpacklo_epi64(ef_high, gh_high));
    let (r3, s3) = (_mm256_unpackhi_epi64(ab_high, cd_high), _mm256_unpackhi_epi64(ef_high, gh_high));
    [
        _mm256_permute2x128_si256::<0x20>(r0, s0),
        _mm256_permute2x128_si256::<0x20>(r1, s1),
        _mm256_permute2x128_si256::<0x20>(r2, s2),
        _mm256_permute2x128_si256::<0x20>(r3, s3),
        _mm256_permute2x128_si256::<0x31>(r0, s0),
        _mm256_permute2x128_si256::<0x31>(r1, s1),
        _mm256_permute2x128_si256::<0x31>(r2, s2),
        _mm256_permute2x128_si256::<0x31>(r3, s3),
    ]
}

/// The sixty-four rounds on one block of each lane (FIPS 180-4, 6.2.2).
#[target_feature(enable = "avx2,avx512f,avx512vl")]
fn rounds(sums: [__m256i; 8], mut words: [__m256i; 16]) -> [__m256i; 8] {
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = sums;
    macro_rules! round {
        ($a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident, $word:expr, $at:expr) => {
            let constant = _mm256_set1_epi32(ROUND[$at].cast_signed());
            let one = _mm256_add_epi32(
                _mm256_add_epi32(_mm256_add_epi32($h, constant), $word),
                _mm256_add_epi32(big_sigma_1($e), _mm256_ternarylogic_epi32::<CHOOSE>($e, $f, $g)),
            );
            let two = _mm256_add_epi32(big_sigma_0($a), _mm256_ternarylogic_epi32::<MAJORITY>($a, $b, $c));
            $d = _mm256_add_epi32($d, one);
            $h = _mm256_add_epi32(one, two);
        };
    }
    for first in (0..64).step_by(16) {
        if first > 0 {
            words = extended(words);
        }
        let [w0, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10, w11, w12, w13, w14, w15] = words;
        round!(a b c d e f g h, w0, first);
        round!(h a b c d e f g, w1, first + 1);
        round!(g h a b c d e f, w2, first + 2);
        round!(f g h a b c d e, w3, first + 3);
        round!(e f g h a b c d, w4, first + 4);
        round!(d e f g h a b c, w5, first + 5);
        round!(c d e f g h a b, w6, first + 6);
        round!(b c d e f g h a, w7, first + 7);
        round!(a b c d e f g h, w8, first + 8);
        round!(h a b c d e f g, w9, first + 9);
        round!(g h a b c d e f, w10, first + 10);
        round!(f g h a b c d e, w11, first + 11);
        round!(e f g h a b c d, w12, first + 12);
        round!(d e f g h a b c, w13, first + 13);
        round!(c d e f g h a b, w14, first + 14);
        round!(b c d e f g h a, w15, first + 15);
    }
    let mut new = [a, b, c, d, e, f, g, h];
    for (new, old) in new.iter_mut().zip(sums) {
        *new = _mm256_add_epi32(*new, old);
    }
    new
}

/// The next sixteen words of the message schedule.
#[target_feature(enable = "avx2,avx512f,avx512vl")]
fn extended(words: [__m256i; 16]) -> [__m256i; 16] {
    let [mut w0, mut w1, mut w2, mut w3, mut w4, mut w5, mut w6, mut w7, ..] = words;
    let [.., mut w8, mut w9, mut w10, mut w11, mut w12, mut w13, mut w14, mut w15] = words;
    macro_rules! next {
        ($word:ident, $one:ident, $nine:ident, $fourteen:ident) => {
            let sum = _mm256_add_epi32($word, $nine);
            $word = _mm256_add_epi32(sum, _mm256_add_epi32(small_sigma_0($one), small_sigma_1($fourteen)));
        };
    }
    next!(w0, w1, w9, w14);
    next!(w1, w2, w10, w15);
    next!(w2, w3, w11, w0);
    next!(w3, w4, w12, w1);
    next!(w4, w5, w13, w2);
    next!(w5, w6, w14, w3);
    next!(w6, w7, w15, w4);
    next!(w7, w8, w0, w5);
    next!(w8, w9, w1, w6);
    next!(w9, w10, w2, w7);
    next!(w10, w11, w3, w8);
    next!(w11, w12, w4, w9);
    next!(w12, w13, w5, w10);
    next!(w13, w14, w6, w11);
    next!(w14, w15, w7, w12);
    next!(w15, w0, w8, w13);
    [w0, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10, w11, w12, w13, w14, w15]
}

#[target_feature(enable = "avx2,avx512f,avx512vl")]
fn xor(a: __m256i, b: __m256i, c: __m256i) -> __m256i {
    _mm256_ternarylogic_epi32::<XOR>(a, b, c)
}

#[target_feature(enable = "avx2,avx512f,avx512vl")]
fn big_sigma_0(x: __m256i) -> __m256i {
    xor(_mm256_ror_epi32::<2>(x), _mm256_ror_epi32::<13>(x), _mm256_ror_epi32::<22>(x))
}

#[target_feature(enable = "avx2,avx512f,avx512vl")]
fn big_sigma_1(x: __m256i) -> __m256i {
    xor(_mm256_ror_epi32::<6>(x), _mm256_ror_epi32::<11>(x), _mm256_ror_epi32::<25>(x))
}

#[target_feature(enable = "avx2,avx512f,avx512vl")]
fn small_sigma_0(x: __m256i) -> __m256i {
    xor(_mm256_ror_epi32::<7>(x), _mm256_ror_epi32::<18>(x), _mm256_srli_epi32::<3>(x))
}

#[target_feature(enable = "avx2,avx512f,avx512vl")]
fn small_sigma_1(x: __m256i) -> __m256i {
    xor(_mm256_ror_epi32::<17>(x), _mm256_ror_epi32::<19>(x), _mm256_srli_epi32::<10>(x))
}
