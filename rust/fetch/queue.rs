//! What is to be fetched, and what of it comes next.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::options::Options;
use super::part::PartFile;
use super::plan::{Claim, Next};
use super::room::Room;
use super::storage::Storage;
use super::transfer::Transfer;

/// Nothing has been dropped for so long: the next file goes to disk instead of memory.
const PATIENCE: Duration = Duration::from_secs(1);
/// A part of the connections is left to whole files while large ones are fetched in pieces: 1 in so many.
const LEFT_TO_SMALL: usize = 4;

/// The files of one fetcher that are not there yet, and its threads.
#[derive(Default)]
pub(super) struct Queue {
    pub(super) waiting: VecDeque<Arc<Transfer>>,
    pub(super) open: Vec<Arc<Transfer>>,
    pub(super) workers: usize,
    pub(super) idle: usize,
    pub(super) pieces_running: usize,
    /// Since when the first file that waits has lacked memory.
    pub(super) starved_since: Option<Instant>,
    pub(super) closing: bool,
}

/// What a connection can do.
pub(super) enum Job {
    /// Find a place for a file, this one if it is given, and begin with it.
    Begin(Arc<Transfer>, Option<Storage>),
    Piece(Arc<Transfer>, Claim),
}

/// What the choice depends on.
#[derive(Clone, Copy)]
pub(super) struct Choice<'a> {
    pub(super) options: &'a Options,
    pub(super) room: &'a Room,
    pub(super) tmp: &'a Path,
    pub(super) now: Instant,
}

impl Choice<'_> {
    /// Goes to a part file, or through a window: too large for memory, or of unknown length.
    fn is_large(self, transfer: &Transfer) -> bool {
        transfer.arrival.source().size.is_none_or(|size| size > self.options.memory_file)
    }

    fn is_in_order(self, transfer: &Transfer) -> bool {
        transfer.manner.in_order && transfer.arrival.source().size.is_some() && self.is_large(transfer)
    }
}

fn earlier(wake: &mut Option<Instant>, moment: Instant) {
    *wake = Some(wake.map_or(moment, |other| other.min(moment)));
}

impl Queue {
    pub(super) fn take_settled(&mut self) -> Vec<Arc<Transfer>> {
        self.open.extract_if(.., |transfer| transfer.arrival.is_settled()).collect()
    }

    /// The rest of what is open, most of all what has most left, and the next file. `wake` becomes the moment to look
    /// again.
    pub(super) fn pick(&mut self, around: Choice<'_>, wake: &mut Option<Instant>) -> Option<Job> {
        let has_small = self.waiting.iter().any(|transfer| !around.is_large(transfer));
        let connections = around.options.connections;
        let left = if has_small { connections / LEFT_TO_SMALL } else { 0 };
        let may_take_piece = self.pieces_running < connections.max(1) - left;
        if may_take_piece && let Some(job) = self.pick_in_order(around) {
            return Some(job);
        }
        self.pick_open(around, may_take_piece, wake)
            .or_else(|| self.pick_waiting(around, !may_take_piece, wake))
    }

    fn pick_open(
        &mut self,
        around: Choice<'_>,
        may_take_piece: bool,
        wake: &mut Option<Instant>,
    ) -> Option<Job> {
        let mut open: Vec<_> = self.open.iter().map(|transfer| (transfer.left_each(), transfer)).collect();
        open.sort_by_key(|(left, _)| Reverse(*left));
        for (_, transfer) in open {
            if !may_take_piece && transfer.is_parallel() {
                continue;
            }
            match transfer.claim(around.now) {
                Next::Claim(claim) => {
                    // As the claim has it: the file may have been begun a moment ago.
                    self.pieces_running += usize::from(claim.is_piece);
                    return Some(Job::Piece(Arc::clone(transfer), claim));
                }
                Next::Later(moment) => earlier(wake, moment),
                Next::Nothing => {}
            }
        }
        None
    }

    /// Begins a large file that is read in order, if there is a window for it. What an earlier run left of it is on
    /// disk: then the rest goes there, too.
    fn pick_in_order(&mut self, around: Choice<'_>) -> Option<Job> {
        let at = self.waiting.iter().position(|transfer| around.is_in_order(transfer));
        around.room.share_out(at.is_some());
        let at = at?;
        let has_part = PartFile::is_there(around.tmp, self.waiting[at].arrival.source().sha256);
        let window = if has_part { None } else { Some(around.room.for_window()?) };
        let transfer = self.waiting.remove(at)?;
        self.open.push(Arc::clone(&transfer));
        Some(Job::Begin(transfer, window))
    }

    fn pick_waiting(
        &mut self,
        around: Choice<'_>,
        only_small: bool,
        wake: &mut Option<Instant>,
    ) -> Option<Job> {
        let mut lacks_memory = false;
        for at in 0..self.waiting.len() {
            let transfer = &self.waiting[at];
            let (is_large, is_wanted) = (around.is_large(transfer), transfer.arrival.is_wanted());
            let waits_for_window = around.is_in_order(transfer) && !is_wanted;
            if (is_large && only_small) || waits_for_window || (!is_large && lacks_memory && !is_wanted) {
                continue;
            }
            // Files that wait for memory keep their order, so that a larger one gets its turn.
            let size = transfer.arrival.source().size.filter(|_| !is_large && !lacks_memory);
            let memory = size.and_then(|size| around.room.for_all(size));
            let is_starved = self.starved_since.is_some_and(|since| around.now >= since + PATIENCE);
            if !is_large && memory.is_none() && !is_wanted && !is_starved {
                lacks_memory = true;
                let since = *self.starved_since.get_or_insert(around.now);
                earlier(wake, since + PATIENCE);
                continue;
            }
            self.starved_since = None;
            let transfer = self.waiting.remove(at)?;
            self.open.push(Arc::clone(&transfer));
            return Some(Job::Begin(transfer, memory));
        }
        None
    }
}
