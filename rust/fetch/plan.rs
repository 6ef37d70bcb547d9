//! What of one file is still to be asked for, where, and when.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::{Duration, Instant};

use super::error::FetchError;
use super::options::Options;
use super::part::BLOCK;
use super::retry;

/// Bytes after which earlier failures are forgiven.
const PROGRESS: u64 = 1 << 20;
/// So many requests fill a window.
const PIECES: u64 = 4;
/// Smaller files are soon there as a whole: one more request would cost more than it brings.
const TAIL_FROM: u64 = 4 << 20;
/// The end of a zip file with its directory, most often: one byte of so many, within bounds.
const TAIL_SHARE: u64 = 128;
const TAIL_BOUNDS: (u64, u64) = (128 << 10, 4 << 20);

/// Whether the server gives parts of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ranges {
    Unknown,
    Yes,
    No,
}

/// One request to make: the bytes that its maker alone may write.
#[derive(Debug)]
pub(super) struct Claim {
    /// In order, without overlaps.
    pub(super) wanted: Vec<Range<u64>>,
    /// What to ask for; `None` asks for the whole.
    pub(super) request: Option<Range<u64>>,
    pub(super) mirror: usize,
    pub(super) etag: Option<String>,
    /// One of several requests for its file at once.
    pub(super) is_piece: bool,
    wave: u32,
}

/// The answer to "is there something to do now?".
pub(super) enum Next {
    Claim(Claim),
    /// Not before this moment.
    Later(Instant),
    /// Others are at it, or nothing is left.
    Nothing,
}

/// What to do after a failure.
pub(super) enum After {
    /// Somebody takes up the rest in a while.
    TryAgain,
    GiveUp(FetchError),
}

#[derive(Debug)]
pub(super) struct Plan {
    pub(super) ranges: Ranges,
    /// Whether several connections may work on it.
    pub(super) parallel: bool,
    /// The length in bytes, once known.
    pub(super) length: Option<u64>,
    pub(super) mirror: usize,
    pub(super) etag: Option<String>,
    /// Answers that bytes were taken from.
    pub(super) answers: u32,
    /// Failures in all, and the last one's text.
    pub(super) failures: (u32, String),
    /// What the mirrors gave that were given up.
    pub(super) earlier: Vec<String>,
    pieces: VecDeque<Range<u64>>,
    running: usize,
    tries: u32,
    bytes_at_failure: u64,
    /// Counts failures: those of requests made before the last one say nothing new.
    wave: u32,
    not_before: Option<Instant>,
    begun: bool,
}

/// Bytes of one piece: every connection gets two or so, within a factor of two of what is set. In whole blocks.
fn grain(length: u64, options: &Options) -> u64 {
    let share = length / (2 * options.connections.max(1) as u64);
    share.clamp(options.piece / 2, options.piece * 2).next_multiple_of(BLOCK)
}

impl Plan {
    pub(super) fn new(mirror: usize, in_one_piece: bool) -> Self {
        Self {
            ranges: if in_one_piece { Ranges::No } else { Ranges::Unknown },
            parallel: false,
            length: None,
            mirror,
            etag: None,
            answers: 0,
            failures: (0, String::new()),
            earlier: Vec::new(),
            pieces: VecDeque::new(),
            running: 0,
            tries: 0,
            bytes_at_failure: 0,
            wave: 0,
            not_before: None,
            begun: false,
        }
    }

    /// Cuts what is missing into pieces. `gaps` are in order and end at `length`, if that is known.
    /// So that several connections can be at it, but no more than `window` bytes of it at once if that is given.
    pub(super) fn begin(
        &mut self,
        gaps: &[Range<u64>],
        length: Option<u64>,
        window: Option<u64>,
        options: &Options,
    ) {
        self.begun = true;
        self.length = length;
        self.parallel = length.is_some_and(|length| length > options.memory_file);
        let grain = match (length.filter(|_| self.parallel), window) {
            (None, _) => u64::MAX,
            (Some(_), Some(window)) => (window / PIECES).next_multiple_of(BLOCK),
            (Some(length), None) => grain(length, options),
        };
        for gap in gaps {
            let mut at = gap.start;
            while at < gap.end {
                let end = ((at / grain).saturating_add(1)).saturating_mul(grain).min(gap.end);
                self.pieces.push_back(at..end);
                at = end;
            }
        }
        if options.tail_first && self.ranges != Ranges::No && length.is_some_and(|length| length >= TAIL_FROM)
        {
            self.put_tail_first();
        }
    }

    fn put_tail_first(&mut self) {
        let Some(end) = self.pieces.back().map(|last| last.end) else { return };
        let cut = end - (end / TAIL_SHARE).clamp(TAIL_BOUNDS.0, TAIL_BOUNDS.1);
        let mut tail = end..end;
        while tail.start > cut
            && let Some(last) = self.pieces.pop_back()
        {
            if last.end < tail.start {
                // There is something between them already.
                self.pieces.push_back(last);
                break;
            }
            tail.start = last.start.max(cut);
            if last.start < cut {
                self.pieces.push_back(last.start..cut);
            }
        }
        self.pieces.push_front(tail);
    }

    /// The next request to make: of bytes before `reach`, or of as many of the last ones as are wanted first.
    pub(super) fn claim(&mut self, now: Instant, reach: u64, wanted_end: u64) -> Next {
        let Some(at) = self.next_piece(reach, wanted_end).filter(|_| self.begun) else {
            return Next::Nothing;
        };
        if let Some(moment) = self.not_before.filter(|moment| *moment > now) {
            return Next::Later(moment);
        }
        let is_alone = !self.parallel || self.ranges != Ranges::Yes;
        if is_alone && self.running > 0 {
            return Next::Nothing;
        }
        let wanted = if self.ranges == Ranges::No { self.take_all() } else { self.take_one(at) };
        self.running += 1;
        Next::Claim(Claim {
            request: self.request(&wanted),
            wanted,
            mirror: self.mirror,
            etag: self.etag.clone(),
            is_piece: self.parallel,
            wave: self.wave,
        })
    }

    /// The position of a piece that may be asked for. What comes back after a failure is not in its place.
    fn next_piece(&self, reach: u64, wanted_end: u64) -> Option<usize> {
        let length = self.length.unwrap_or(u64::MAX);
        let is_wanted = |piece: &Range<u64>| piece.end > length.saturating_sub(wanted_end);
        let is_near = |piece: &Range<u64>| piece.end <= reach || piece.end == length;
        self.pieces.iter().position(is_wanted).or_else(|| self.pieces.iter().position(is_near))
    }

    /// Bytes that nobody has asked for, for each connection that is at it and one more.
    pub(super) fn left_each(&self) -> u64 {
        let left: u64 = self.pieces.iter().map(|piece| piece.end - piece.start).sum();
        left / (self.running as u64 + 1)
    }

    fn request(&self, wanted: &[Range<u64>]) -> Option<Range<u64>> {
        let (start, end) = (wanted.first()?.start, wanted.last()?.end);
        let is_whole = self.length.is_none_or(|length| start == 0 && end == length);
        (self.ranges != Ranges::No && !is_whole).then_some(start..end)
    }

    fn take_one(&mut self, at: usize) -> Vec<Range<u64>> {
        self.pieces.remove(at).into_iter().collect()
    }

    /// Everything that nobody works on, in the order of the file.
    pub(super) fn take_all(&mut self) -> Vec<Range<u64>> {
        let mut all: Vec<_> = std::mem::take(&mut self.pieces).into();
        all.sort_by_key(|piece| piece.start);
        all
    }

    /// The server gives no parts after all: whoever holds `claim` gets the whole and takes what it can.
    pub(super) fn widen(&mut self, claim: &mut Claim) {
        self.ranges = Ranges::No;
        claim.wanted.extend(self.take_all());
        claim.wanted.sort_by_key(|piece| piece.start);
        claim.request = None;
    }

    /// The file turns out to be so long.
    pub(super) fn set_length(&mut self, claim: &mut Claim, length: u64) {
        self.length = Some(length);
        claim.wanted.iter_mut().for_each(|piece| piece.end = piece.end.min(length));
        claim.wanted.retain(|piece| !piece.is_empty());
    }

    /// The request is over; `missing` of it did not come.
    pub(super) fn give_back(&mut self, missing: Vec<Range<u64>>) {
        self.running -= 1;
        for piece in missing.into_iter().rev() {
            self.pieces.push_front(piece);
        }
    }

    /// Decides how to go on after a failure, with `bytes` of the file there by now and `mirrors` to choose from.
    /// Without patience, no place is asked twice.
    pub(super) fn after(
        &mut self,
        fault: FetchError,
        claim: &Claim,
        bytes: u64,
        mirrors: usize,
        patience: Option<&Options>,
    ) -> After {
        if claim.wave != self.wave {
            return After::TryAgain;
        }
        self.wave += 1;
        if bytes >= self.bytes_at_failure + PROGRESS {
            self.tries = 0;
        }
        self.bytes_at_failure = bytes;
        self.tries += 1;
        self.failures = (self.failures.0 + 1, fault.to_string());
        if let Some(options) = patience.filter(|options| fault.should_retry() && self.tries < options.tries) {
            self.wait(retry::pause(options, self.tries, fault.retry_after()));
            return After::TryAgain;
        }
        if fault.is_of_this_place() && self.mirror + 1 < mirrors {
            self.mirror += 1;
            self.earlier.push(fault.said());
            (self.tries, self.etag, self.not_before) = (0, None, None);
            self.ranges = Ranges::Unknown;
            return After::TryAgain;
        }
        After::GiveUp(fault)
    }

    fn wait(&mut self, pause: Duration) {
        self.not_before = Some(Instant::now() + pause);
    }

    /// No pause is made before the next try.
    pub(super) fn hurry(&mut self) {
        self.not_before = None;
    }

    /// Nothing more is asked for.
    pub(super) fn abandon(&mut self) {
        self.pieces.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::ranges::RangeSet;

    fn plan(length: u64, window: Option<u64>) -> Plan {
        let mut plan = Plan::new(0, false);
        let whole = 0..length;
        plan.begin(&[whole], Some(length), window, &Options { tail_first: true, ..Options::default() });
        plan
    }

    /// What is to come next: one range.
    fn claimed(plan: &mut Plan, reach: u64, wanted_end: u64) -> Option<Range<u64>> {
        match plan.claim(Instant::now(), reach, wanted_end) {
            Next::Claim(Claim { wanted, .. }) => {
                assert_eq!(wanted.len(), 1, "{wanted:?}");
                wanted.into_iter().next()
            }
            Next::Later(_) | Next::Nothing => None,
        }
    }

    #[test]
    fn the_end_comes_first_also_where_it_is_more_than_the_last_piece() {
        let piece = 3 << 20;
        let length = 13 * piece + 5;
        let mut plan = plan(length, Some(4 * piece));
        let first = claimed(&mut plan, 0, 0).unwrap();
        let tail = length / TAIL_SHARE;
        assert_eq!(first, length - tail..length);
        plan.ranges = Ranges::Yes;
        let mut there = RangeSet::default();
        there.insert(first);
        while let Some(range) = claimed(&mut plan, u64::MAX, 0) {
            assert!(there.missing(&range) == std::slice::from_ref(&range), "{range:?} comes twice");
            there.insert(range);
        }
        assert_eq!(there.bytes(), length);
    }

    #[test]
    fn nothing_comes_beyond_the_window_but_what_is_wanted_early() {
        let piece = 3 << 20;
        let length = 20 * piece;
        let mut plan = plan(length, Some(4 * piece));
        let tail = claimed(&mut plan, 0, 0).unwrap();
        plan.ranges = Ranges::Yes;
        assert_eq!(claimed(&mut plan, 2 * piece, 0), Some(0..piece));
        assert_eq!(claimed(&mut plan, 2 * piece, 0), Some(piece..2 * piece));
        assert!(claimed(&mut plan, 2 * piece, 0).is_none());
        let early = claimed(&mut plan, 2 * piece, length - tail.start + 1).unwrap();
        assert_eq!(early, 19 * piece..tail.start);
        // It did not come, and is no longer in its place.
        plan.give_back(vec![early]);
        assert!(claimed(&mut plan, 2 * piece, 0).is_none());
        assert_eq!(claimed(&mut plan, 3 * piece, 0), Some(2 * piece..3 * piece));
    }
}
