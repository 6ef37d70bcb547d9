//! SHA-256 (FIPS 180-4) of eight texts side by side, a lane of a vector each.
//!
//! One text can't be hashed faster than its rounds follow one another, but a processor with AVX-512 computes the rounds
//! of eight in little more than the time of one. Where it has instructions for SHA-256 itself, those are as fast
//! with one text, and this is not used.

use crate::digest::{Sha256, avx512};

/// Texts at once.
pub(crate) const LANES: usize = 8;
/// Bytes of a block.
pub(crate) const BLOCK: usize = 64;

const START: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

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

/// Proof that this processor can do it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lanes(avx512::Proof);

impl Lanes {
    /// `None` if the processor can't, or has something better.
    pub(crate) fn of_this_processor() -> Option<Self> {
        avx512::Proof::of_this_processor().map(Self)
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
        self.0.compress(&mut states, &blocks, len);
        for ((state, _), new) in texts.iter_mut().zip(states) {
            state.0 = new;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::print_stderr)] // a test that nobody sees skipped tests nothing
    fn lanes() -> Option<Lanes> {
        let lanes = Lanes::of_this_processor();
        if lanes.is_none() {
            eprintln!("skipped: this processor does not hash several texts at once");
        }
        lanes
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
        let Some(lanes) = lanes() else { return };
        let texts: Vec<Vec<u8>> =
            (0..300_usize).map(|len| (0..len).map(|at| (at * 7 + len).to_le_bytes()[0]).collect()).collect();
        let expected: Vec<Sha256> = texts.iter().map(|text| Sha256::of(text)).collect();
        let found: Vec<Sha256> = texts.iter().map(|text| digest(lanes, text)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn lanes_do_not_mix() {
        let Some(lanes) = lanes() else { return };
        let texts: Vec<Vec<u8>> = (0..8_u8).map(|lane| vec![lane; 128 * BLOCK]).collect();
        for count in 1..=texts.len() {
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
