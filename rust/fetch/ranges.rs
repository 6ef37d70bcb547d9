//! Which bytes of a file are there.

use std::ops::Range;

/// A set of byte offsets, kept as sorted ranges that neither touch nor overlap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RangeSet(Vec<Range<u64>>);

impl RangeSet {
    /// Adds a range; whatever of it is in the set already stays.
    pub(super) fn insert(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let first = self.0.partition_point(|have| have.end < range.start);
        let last = self.0.partition_point(|have| have.start <= range.end);
        let joined = self.0[first..last]
            .iter()
            .fold(range, |all, have| all.start.min(have.start)..all.end.max(have.end));
        self.0.splice(first..last, [joined]);
    }

    /// Whether all of `range` is in the set.
    pub(super) fn contains(&self, range: &Range<u64>) -> bool {
        range.is_empty() || self.until(range.start) >= range.end
    }

    /// The end of the unbroken run of bytes that begins at `start`; `start` itself if that byte is not there.
    pub(super) fn until(&self, start: u64) -> u64 {
        let next = self.0.partition_point(|have| have.end <= start);
        match self.0.get(next) {
            Some(have) if have.start <= start => have.end,
            _ => start,
        }
    }

    /// What of `range` is not in the set, in order.
    pub(super) fn missing(&self, range: &Range<u64>) -> Vec<Range<u64>> {
        let mut gaps = Vec::new();
        let mut at = range.start;
        for have in &self.0 {
            if have.start >= range.end {
                break;
            }
            if have.start > at {
                gaps.push(at..have.start);
            }
            at = at.max(have.end);
        }
        if at < range.end {
            gaps.push(at..range.end);
        }
        gaps
    }

    /// How many bytes are in the set.
    pub(super) fn bytes(&self) -> u64 {
        self.0.iter().map(|have| have.end - have.start).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    proptest! {
        /// Against the plainest model: one flag a byte.
        #[test]
        #[allow(clippy::cast_possible_truncation)] // all numbers are below 100
        fn agrees_with_a_bitmap(parts in prop::collection::vec((0_u64..60, 0_u64..20), 0..12), from in 0_u64..60) {
            let mut set = RangeSet::default();
            let mut flags = [false; 100];
            for (start, length) in parts {
                set.insert(start..start + length);
                flags[start as usize..(start + length) as usize].fill(true);
            }
            let start = from as usize;
            let run = flags[start..].iter().take_while(|flag| **flag).count() as u64;
            prop_assert_eq!(set.until(from), from + run);
            prop_assert_eq!(set.bytes(), flags.iter().filter(|flag| **flag).count() as u64);
            let gaps = set.missing(&(from..90));
            for offset in from..90 {
                let missing = gaps.iter().any(|gap| gap.contains(&offset));
                prop_assert_eq!(missing, !flags[offset as usize]);
            }
            prop_assert_eq!(set.contains(&(from..90)), gaps.is_empty());
        }
    }
}
