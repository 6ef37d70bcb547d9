//! SHA-256 (FIPS 180-4) of several texts side by side.
//!
//! One text can't be hashed faster than its rounds follow one another, and that leaves most of a processor idle. One
//! with instructions for SHA-256 does two in turn in less time than one after the other ([`sha_ni`]); another with AVX-512
//! computes the rounds of eight, a lane of a vector each, in little more than the time of one ([`avx512`]).

use crate::digest::{Sha256, avx512, sha_ni};

/// Texts at once.
pub(crate) const LANES: usize = 8;
/// Bytes of a block.
pub(crate) const BLOCK: usize = 64;

const START: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// The constants of the rounds (FIPS 180-4, 4.2.2).
#[rustfmt::skip]
pub(super) const ROUND: [u32; 64] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
    0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
    0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
    0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
    0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
    0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
];

/// How far one text is.
#[derive(Debug, Clone)]
pub(crate) struct State([u32; 8]);

impl State {
    /// Of no bytes.
    pub(crate) fn new() -> Self {
        Self(START)
    }

    /// What ends a text of `len` bytes after its last whole block; `rest` is what follows that. One block or two.
    pub(crate) fn padding(rest: &[u8], len: u64) -> Vec<u8> {
        let mut end = rest.to_vec();
        end.push(0x80);
        end.resize((end.len() + 8).next_multiple_of(BLOCK) - 8, 0);
        end.extend((8 * len).to_be_bytes());
        end
    }

    /// The digest, once the padding is in it.
    pub(crate) fn digest(&self) -> Sha256 {
        let mut bytes = [0; 32];
        for (at, word) in bytes.chunks_exact_mut(4).zip(self.0) {
            at.copy_from_slice(&word.to_be_bytes());
        }
        Sha256(bytes)
    }
}

/// Proof that this processor can do it, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Lanes {
    /// Two in turn. One alone takes no longer than it does without.
    Pairs(sha_ni::Proof),
    /// Eight at once. One alone takes as long as eight.
    Vectors(avx512::Proof),
}

impl Lanes {
    /// `None` if the processor can't.
    pub(crate) fn of_this_processor() -> Option<Self> {
        let pairs = sha_ni::Proof::of_this_processor().map(Self::Pairs);
        pairs.or_else(|| avx512::Proof::of_this_processor().map(Self::Vectors))
    }

    /// Takes the next blocks of up to [`LANES`] texts into their states; all of the same length.
    pub(crate) fn update(self, texts: &mut [(&mut State, &[u8])]) {
        assert!(texts.len() <= LANES, "there are {LANES} lanes");
        let Some(len) = texts.first().map(|(_, bytes)| bytes.len()) else { return };
        let even = texts.iter().all(|(_, bytes)| bytes.len() == len) && len.is_multiple_of(BLOCK);
        assert!(even, "whole blocks, as many of each text");
        let mut states = [START; LANES];
        let mut blocks: [&[u8]; LANES] = [texts[0].1; LANES];
        for (at, (state, bytes)) in texts.iter().enumerate() {
            states[at] = state.0;
            blocks[at] = bytes;
        }
        match self {
            Self::Pairs(proof) => proof.compress(&mut states, &blocks, texts.len(), len),
            Self::Vectors(proof) => proof.compress(&mut states, &blocks, texts.len(), len),
        }
        for ((state, _), new) in texts.iter_mut().zip(states) {
            state.0 = new;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All ways that this processor knows.
    #[allow(clippy::print_stderr)] // a test that nobody sees skipped tests nothing
    fn ways() -> Vec<Lanes> {
        let pairs = sha_ni::Proof::of_this_processor().map(Lanes::Pairs);
        let vectors = avx512::Proof::of_this_processor().map(Lanes::Vectors);
        for (lacks, what) in [(pairs.is_none(), "in pairs"), (vectors.is_none(), "in vectors")] {
            if lacks {
                eprintln!("skipped: this processor does not hash texts {what}");
            }
        }
        pairs.into_iter().chain(vectors).collect()
    }

    /// The digest of one text, in a lane by itself.
    fn digest(lanes: Lanes, text: &[u8]) -> Sha256 {
        let whole = text.len() / BLOCK * BLOCK;
        let mut state = State::new();
        lanes.update(&mut [(&mut state, &text[..whole])]);
        lanes.update(&mut [(&mut state, &State::padding(&text[whole..], text.len() as u64))]);
        state.digest()
    }

    #[test]
    fn lanes_agree_with_the_one_text_hash() {
        let texts: Vec<Vec<u8>> =
            (0..300_usize).map(|len| (0..len).map(|at| (at * 7 + len).to_le_bytes()[0]).collect()).collect();
        let expected: Vec<Sha256> = texts.iter().map(|text| Sha256::of(text)).collect();
        for lanes in ways() {
            let found: Vec<Sha256> = texts.iter().map(|text| digest(lanes, text)).collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn lanes_do_not_mix() {
        let texts: Vec<Vec<u8>> = (0..8_u8).map(|lane| vec![lane; 128 * BLOCK]).collect();
        for (lanes, count) in ways().into_iter().flat_map(|lanes| (1..=8).map(move |count| (lanes, count))) {
            let mut states = vec![State::new(); count];
            let mut pairs: Vec<(&mut State, &[u8])> =
                states.iter_mut().zip(&texts).map(|(state, text)| (state, text.as_slice())).collect();
            lanes.update(&mut pairs);
            let end = State::padding(&[], texts[0].len() as u64);
            let mut pairs: Vec<(&mut State, &[u8])> =
                states.iter_mut().map(|state| (state, end.as_slice())).collect();
            lanes.update(&mut pairs);
            for (state, text) in states.iter().zip(&texts) {
                assert_eq!(state.digest(), Sha256::of(text));
            }
        }
    }
}
