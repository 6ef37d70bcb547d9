//! From the last column of a block's sorted rotations back to its text: the inverse of Burrows and Wheeler's transform.
//!
//! The text is one chain through a table of megabytes, in an order as good as random, so that following it is waiting
//! for memory. But the chain can be entered anywhere: the places where it is (heads) cut it into stretches, several of
//! which are followed at once, and put one after the other in the end.

/// Places in the table: a power of two, since then no index needs a check. The largest block has 900,000 bytes.
pub(super) const PLACES: usize = 1 << 20;
/// Stretches that are followed at once.
const LANES: usize = 12;
/// Every so many places there is a head.
const STRIDE: usize = 1 << 10;
/// In an entry of the table: a byte, whether its stretch ends with it, and the place of what follows.
const LAST: u32 = 1 << 8;
const PLACE: u32 = 12;

/// What takes a block's bytes back into their order. Takes up to 17 MB, most often 6.
pub(super) struct Walk {
    /// The column, then the text.
    pub(super) bytes: Box<[u8; PLACES]>,
    table: Box<[u32; PLACES]>,
    /// What the lanes have read, step by step.
    steps: Box<[[u8; LANES]; PLACES]>,
    stretches: Vec<Stretch>,
}

/// Where a stretch is found among the steps, and which one follows it.
#[derive(Clone, Copy, Default)]
struct Stretch {
    lane: usize,
    from: usize,
    to: usize,
    next: usize,
}

impl Walk {
    pub(super) fn new() -> Self {
        const ALL: &str = "it has as many places";
        Self {
            bytes: vec![0; PLACES].try_into().expect(ALL),
            table: vec![0; PLACES].try_into().expect(ALL),
            steps: vec![[0; LANES]; PLACES].try_into().expect(ALL),
            stretches: Vec::new(),
        }
    }

    /// Makes the text of the column, the first `len` of `bytes`, in which there are `counts` of each byte. The text
    /// begins in the row of number `origin`, which is below `len`.
    pub(super) fn run(&mut self, len: usize, counts: &[u32; 256], origin: usize) {
        self.link(len, counts, origin);
        self.follow(len, origin);
        self.put_together(len);
    }

    /// Puts beside the first byte of each row the place of the row that begins after it. The first bytes are sorted, and
    /// equal ones are in the order in which they are in the column.
    fn link(&mut self, len: usize, counts: &[u32; 256], origin: usize) {
        let mut next = 0;
        let mut places = counts.map(|count| {
            next += count;
            next - count
        });
        let (bytes, table) = (&self.bytes, &mut self.table);
        let mut link = |at: usize, last: u32| {
            let byte = bytes[at % PLACES];
            let place = &mut places[usize::from(byte)];
            table[*place as usize % PLACES] = (at as u32) << PLACE | last | u32::from(byte);
            *place += 1;
        };
        let mut head = 0;
        while head < len {
            let regular = (head / STRIDE + 1) * STRIDE;
            let next = if (head + 1..regular).contains(&origin) { origin } else { regular.min(len) };
            link(head, LAST);
            (head + 1..next).for_each(|at| link(at, 0));
            head = next;
        }
    }

    /// Follows all stretches. Together they are as long as the column, whatever is in it: no two places lead to the same.
    fn follow(&mut self, len: usize, origin: usize) {
        let number = |head: usize| if head == origin { 0 } else { 1 + head / STRIDE };
        let regular = (0..len).step_by(STRIDE).filter(|head| *head != origin);
        let mut heads = std::iter::once(origin).chain(regular);
        self.stretches.resize(2 + len / STRIDE, Stretch::default());
        // The stretch that each lane follows and since which step; what it has read last.
        let mut current = [None; LANES];
        let mut entries = [0; LANES];
        for (current, entry) in current.iter_mut().zip(&mut entries) {
            if let Some(head) = heads.next() {
                (*current, *entry) = (Some((number(head), 0)), (head as u32) << PLACE);
            }
        }
        let mut step = 0;
        while current.iter().any(Option::is_some) {
            step = self.advance(step, &mut entries);
            for lane in 0..LANES {
                // A lane for which nothing is left goes on, and nobody looks.
                let ended = current[lane].filter(|_| entries[lane] & LAST != 0);
                let Some((stretch, from)) = ended else { continue };
                let next = number((entries[lane] >> PLACE) as usize);
                self.stretches[stretch] = Stretch { lane, from, to: step, next };
                current[lane] = heads.next().map(|head| {
                    entries[lane] = (head as u32) << PLACE;
                    (number(head), step)
                });
            }
        }
    }

    /// Takes steps until a stretch ends; how many were taken then.
    fn advance(&mut self, from: usize, entries: &mut [u32; LANES]) -> usize {
        let (table, mut current, mut step) = (&self.table, *entries, from);
        for read in &mut self.steps[from..] {
            let mut all = 0;
            for (entry, byte) in current.iter_mut().zip(read) {
                *entry = table[(*entry >> PLACE) as usize];
                *byte = *entry as u8;
                all |= *entry;
            }
            step += 1;
            if all & LAST != 0 {
                break;
            }
        }
        *entries = current;
        step
    }

    /// Puts the stretches one after the other. A text that repeats itself may be a shorter chain, gone along more than
    /// once.
    fn put_together(&mut self, len: usize) {
        let (mut text, mut next) = (&mut self.bytes[..len], 0);
        while !text.is_empty() {
            let stretch = self.stretches[next];
            let count = text.len().min(stretch.to - stretch.from);
            let (part, rest) = text.split_at_mut(count);
            for (byte, read) in part.iter_mut().zip(&self.steps[stretch.from..stretch.to]) {
                *byte = read[stretch.lane % LANES];
            }
            (text, next) = (rest, stretch.next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Row by row, as the transform is told in books.
    fn expected(column: &[u8], origin: usize) -> Vec<u8> {
        let mut rows: Vec<usize> = (0..column.len()).collect();
        rows.sort_by_key(|&row| column[row]);
        let mut row = origin;
        let text = column.iter().map(|_| {
            row = rows[row];
            column[row]
        });
        text.collect()
    }

    fn check(column: &[u8]) {
        let mut walk = Walk::new();
        let mut counts = [0; 256];
        for &byte in column {
            counts[usize::from(byte)] += 1;
        }
        let end = column.len() - 1;
        for origin in [0, 1, STRIDE - 1, STRIDE, STRIDE + 1, end / 2, end].map(|origin| origin.min(end)) {
            walk.bytes[..column.len()].copy_from_slice(column);
            walk.run(column.len(), &counts, origin);
            assert!(walk.bytes[..column.len()] == expected(column, origin), "from row {origin}");
        }
    }

    /// Bytes below `bytes`, by chance: most such columns are no text's, and more than one chain.
    fn noise(len: usize, bytes: u32) -> Vec<u8> {
        let mut state = 1_u32;
        let next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((state >> 8) % bytes) as u8
        };
        std::iter::repeat_with(next).take(len).collect()
    }

    #[test]
    fn columns_are_gone_along_row_by_row() {
        for len in [1, 2, LANES, STRIDE, STRIDE + 1, 20 * STRIDE - 1] {
            check(&noise(len, 256));
            check(&noise(len, 3));
        }
    }

    #[test]
    fn a_text_that_repeats_itself_is_a_chain_more_than_once() {
        check(&b"bananas! ".map(|byte| [byte; 700]).concat());
        check(&[7; 3 * STRIDE]);
    }
}
