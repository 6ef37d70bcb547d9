//! Changes of bytes and of texts.

/// Numbers from a seed (splitmix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `end`, which is above 0; small numbers a little more often.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let end = end as u64;
        usize::try_from(self.next() % end).unwrap()
    }

    /// One of several.
    pub(crate) fn of<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// Whether something of a chance of 1 in `one_in` happens.
    pub(crate) fn hits(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }
}

/// A number that is at an edge of something.
pub(crate) fn odd_number(random: &mut Random) -> u64 {
    let edges =
        [0, 1, 2, 7, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0xffff_fffe, 0xffff_ffff, 1 << 32];
    match random.below(4) {
        0 => u64::MAX - random.below(3) as u64,
        1 => 1 << random.below(64),
        2 => random.below(4096) as u64,
        _ => *random.of(&edges),
    }
}

/// A range of at most `most` of `len` bytes.
fn range(random: &mut Random, len: usize, most: usize) -> std::ops::Range<usize> {
    let start = random.below(len + 1);
    start..(start + random.below(most + 1)).min(len)
}

/// Changes bytes in one place, whatever they are.
pub(crate) fn bytes(random: &mut Random, bytes: &mut Vec<u8>, others: &[Vec<u8>]) {
    let len = bytes.len();
    match random.below(8) {
        0 if len > 0 => bytes[random.below(len)] ^= 1 << random.below(8),
        1 if len > 0 => bytes[random.below(len)] = random.next().to_le_bytes()[0],
        2 if len > 0 => {
            let number = odd_number(random).to_le_bytes();
            let width = *random.of(&[2, 4, 8]);
            put(bytes, random.below(len), &number[..width]);
        }
        3 => drop(bytes.drain(range(random, len, 64))),
        4 => {
            let copy = bytes[range(random, len, 64)].to_vec();
            let at = random.below(len + 1);
            bytes.splice(at..at, copy);
        }
        5 => bytes.truncate(random.below(len + 1)),
        6 => {
            let other = random.of(others).clone();
            let (cut, from) = (random.below(len + 1), random.below(other.len() + 1));
            bytes.truncate(cut);
            bytes.extend(&other[from..]);
        }
        _ => {
            let at = random.below(len + 1);
            let copies = random.below(40);
            let byte = random.next().to_le_bytes()[0];
            bytes.splice(at..at, std::iter::repeat_n(byte, copies));
        }
    }
}

/// Writes `value` over what is at `at`, as far as there is something.
pub(crate) fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    for (place, byte) in bytes.iter_mut().skip(at).zip(value) {
        *place = *byte;
    }
}

/// Changes a text in one place: its lines, or a word of `words` put somewhere.
pub(crate) fn text(random: &mut Random, text: &str, words: &[&str]) -> String {
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    let count = lines.len().max(1);
    match random.below(6) {
        0 if !lines.is_empty() => drop(lines.remove(random.below(count))),
        1 if !lines.is_empty() => lines.insert(random.below(count), lines[random.below(count)]),
        2 if !lines.is_empty() => lines.swap(random.below(count), random.below(count)),
        3 => return lines.concat().repeat(2),
        _ => return with_word(random, text, words),
    }
    lines.concat()
}

/// A word in the place of another, or between two, or many times.
fn with_word(random: &mut Random, text: &str, words: &[&str]) -> String {
    let letters: Vec<char> = text.chars().collect();
    let start = random.below(letters.len() + 1);
    let is_end = |letter: &char| !letter.is_alphanumeric();
    let end = match random.below(3) {
        0 => start,
        1 => (start + random.below(8)).min(letters.len()),
        _ => letters[start..].iter().position(is_end).map_or(letters.len(), |length| start + length),
    };
    let times = if random.hits(40) { 1 << random.below(15) } else { 1 };
    let word = random.of(words).repeat(times);
    let (before, after) = (letters[..start].iter(), letters[end..].iter());
    before.copied().chain(word.chars()).chain(after.copied()).collect()
}
