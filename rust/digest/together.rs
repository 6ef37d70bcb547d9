//! Many texts that are there already, hashed side by side where the processor can.

use std::cmp::Reverse;

use crate::digest::Sha256;
use crate::digest::lanes::{BLOCK, LANES, Lanes, State};

/// Texts larger than this are better hashed alone, when texts of `sizes` bytes are to be hashed.
///
/// In a lane of a vector a text is hashed at three quarters of the speed, so the last bytes of one that is far larger
/// than the next would cost more than they do alone.
pub(crate) fn alone_above(sizes: impl IntoIterator<Item = u64>) -> u64 {
    let is_as_fast_alone = matches!(Lanes::of_this_processor(), Some(Lanes::Pairs(_)));
    if is_as_fast_alone { u64::MAX } else { alone_in_vectors_above(sizes) }
}

fn alone_in_vectors_above(sizes: impl IntoIterator<Item = u64>) -> u64 {
    let mut sizes: Vec<u64> = sizes.into_iter().collect();
    sizes.sort_unstable();
    while let [.., next, largest] = sizes[..] {
        if largest <= 4 * next {
            return largest;
        }
        sizes.pop();
    }
    0
}

/// The digest of each text, in their order.
pub(crate) fn of_each(texts: &[&[u8]]) -> Vec<Sha256> {
    let alone = alone_above(texts.iter().map(|text| text.len() as u64));
    let Some(lanes) = Lanes::of_this_processor().filter(|_| alone > 0) else {
        return texts.iter().map(|text| Sha256::of(text)).collect();
    };
    let mut digests = vec![Sha256([0; 32]); texts.len()];
    let mut together = Vec::new();
    for (at, text) in texts.iter().enumerate() {
        if text.len() as u64 > alone {
            digests[at] = Sha256::of(text);
        } else {
            together.push(at);
        }
    }
    // The longest first, so that the lanes are done at about the same time.
    together.sort_unstable_by_key(|&at| Reverse(texts[at].len()));
    let mut waiting = together.into_iter();
    let mut members: Vec<Member<'_>> = Vec::with_capacity(LANES);
    loop {
        let free = LANES - members.len();
        members.extend(waiting.by_ref().take(free).map(|at| Member::new(at, texts[at])));
        let count = members.iter().map(|member| member.rest().len()).min();
        let Some(count) = count else { return digests };
        let mut blocks: Vec<(&mut State, &[u8])> =
            members.iter_mut().map(|member| member.next(count)).collect();
        lanes.update(&mut blocks);
        for member in members.extract_if(.., |member| member.rest().is_empty()) {
            digests[member.at] = member.state.digest();
        }
    }
}

/// A text in a lane.
struct Member<'a> {
    at: usize,
    state: State,
    whole: &'a [u8],
    end: Vec<u8>,
    /// Bytes of both that were hashed.
    done: usize,
}

impl<'a> Member<'a> {
    fn new(at: usize, text: &'a [u8]) -> Self {
        let (whole, rest) = text.split_at(text.len() / BLOCK * BLOCK);
        Self { at, state: State::new(), whole, end: State::padding(rest, text.len() as u64), done: 0 }
    }

    /// Whole blocks of the text, then what ends it.
    fn rest(&self) -> &[u8] {
        if self.done < self.whole.len() {
            &self.whole[self.done..]
        } else {
            &self.end[self.done - self.whole.len()..]
        }
    }

    fn next(&mut self, count: usize) -> (&mut State, &[u8]) {
        let from = self.done;
        self.done += count;
        let Self { whole, end, .. } = self;
        let blocks = if from < whole.len() { &whole[from..] } else { &end[from - whole.len()..] };
        (&mut self.state, &blocks[..count])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_texts_much_larger_than_the_next_are_hashed_alone() {
        assert_eq!(alone_in_vectors_above([336, 126, 57, 53, 52]), 336);
        assert_eq!(alone_in_vectors_above([515, 496, 387]), 515);
        assert_eq!(alone_in_vectors_above([700, 3, 1]), 3);
        assert_eq!(alone_in_vectors_above([7]), 0);
        assert_eq!(alone_in_vectors_above([]), 0);
    }

    #[test]
    fn each_has_its_own_digest_whatever_the_others_are() {
        let texts: Vec<Vec<u8>> =
            [0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 300, 0, 4000, 5000, 100_000, 7, 7]
                .iter()
                .map(|&len: &usize| (0..len).map(|at| (at * 7 + len).to_le_bytes()[0]).collect())
                .collect();
        for count in 0..=texts.len() {
            let texts: Vec<&[u8]> = texts[..count].iter().map(Vec::as_slice).collect();
            let expected: Vec<Sha256> = texts.iter().map(|text| Sha256::of(text)).collect();
            assert_eq!(of_each(&texts), expected);
        }
    }
}
