//! One artifact on its way: what is known of it, and what of it can be done now.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::error::{Error, Kind};
use crate::fetch::{Arrival, FetchError};
use crate::obtain::in_order::LONGEST_END;
use crate::obtain::unpacking::{Unpacking, has_directory};
use crate::store::flock::Flock;
use crate::unpack::ending::TAIL;
use crate::unpack::{Planned, ReadAt as _, tail_needed};

/// Entries are begun before their last byte is there if they have more bytes than this.
const STREAMED: u64 = 32 << 20;
/// To get a file up to this size takes about as long as to ask whether it is there.
const SHORT: u64 = 1 << 20;
/// So many of a streamed entry's bytes must be there when it begins.
const HEAD_START: u64 = 16 << 20;

/// An artifact on its way.
pub(super) struct Job {
    /// Position in the lock's units.
    pub(super) package: usize,
    /// Its bytes, as far as they have come.
    pub(super) arrival: Arc<Arrival>,
    /// Where they are, if they need not be fetched.
    pub(super) file: Option<PathBuf>,
    /// Where it is unpacked: `<run>/<sha256>`.
    pub(super) folder: PathBuf,
    /// Held until it is published.
    pub(super) _turn: Flock,
    /// How far it is.
    pub(super) step: Step,
    /// Whether of its arrival only the end is news.
    pub(super) is_quiet: Arc<AtomicBool>,
    /// How many of its last bytes hold the directory, once that is known.
    pub(super) directory: Option<u64>,
    /// Pieces of its work that are handed out and not done.
    pub(super) handed_out: usize,
    /// What went wrong with it; the cause may be bytes that turn out wrong later.
    pub(super) fault: Option<Error>,
}

/// How far a job is.
pub(super) enum Step {
    /// Its directory has not come yet.
    Arriving,
    /// Its directory is being read.
    Opening,
    /// Its entries are being written.
    Unpacking {
        /// The work.
        unpacking: Arc<Unpacking>,
        /// Entries that were not begun, with their positions, the next one at the end.
        waiting: Vec<(usize, Planned)>,
    },
    /// It can't be unpacked in the order of its bytes, as it was meant to be.
    Stuck,
    /// It is being published.
    Publishing,
}

/// What the arrival has come to.
pub(super) enum Verdict {
    /// It still arrives.
    Open,
    /// All bytes are there and right.
    Right,
    /// It failed, and nothing else will come.
    Failed(Arc<FetchError>),
    /// It failed, and is being fetched in another way.
    Replaced(Arc<Arrival>),
}

/// What is to become of a job.
pub(super) enum Outlook {
    /// There may be something to do.
    GoesOn,
    /// Not before more has come.
    Waits,
    /// It begins again with other bytes.
    BeginsAgain(Arc<Arrival>),
    /// It can't be had.
    Fails(Error),
}

impl Job {
    /// Of which nothing has come yet.
    pub(super) fn new(
        package: usize,
        arrival: Arc<Arrival>,
        file: Option<PathBuf>,
        folder: PathBuf,
        turn: Flock,
    ) -> Self {
        Self {
            package,
            arrival,
            file,
            folder,
            _turn: turn,
            step: Step::Arriving,
            is_quiet: Arc::default(),
            directory: None,
            handed_out: 0,
            fault: None,
        }
    }

    /// What is to become of it, by its arrival and its own faults.
    pub(super) fn outlook(&mut self) -> Outlook {
        match (self.verdict(), self.fault.take()) {
            (Verdict::Failed(fault), _) => Outlook::Fails(fault.into()),
            (Verdict::Replaced(_), _) if self.handed_out > 0 => Outlook::Waits,
            (Verdict::Replaced(next), _) => Outlook::BeginsAgain(next),
            (Verdict::Right, Some(fault)) => Outlook::Fails(fault),
            (Verdict::Open, Some(fault)) if fault.kind() != Kind::Artifact => Outlook::Fails(fault),
            (Verdict::Open, Some(fault)) => {
                // Wrong bytes would explain it, so they are waited for.
                self.fault = Some(fault);
                Outlook::Waits
            }
            (_, None) => Outlook::GoesOn,
        }
    }

    /// Whether it would take long, and a place was found that has it.
    pub(super) fn is_long_and_there(&self) -> bool {
        let is_long = self.arrival.source().size.is_none_or(|size| size > SHORT);
        is_long && self.arrival.is_answered() && matches!(self.verdict(), Verdict::Open)
    }

    pub(super) fn verdict(&self) -> Verdict {
        match self.arrival.verdict() {
            None => Verdict::Open,
            Some(Ok(())) => Verdict::Right,
            Some(Err(fault)) => self.arrival.replacement().map_or(Verdict::Failed(fault), Verdict::Replaced),
        }
    }

    /// Whether its directory is there, so that whoever reads it need not wait for bytes.
    pub(super) fn can_open(&mut self) -> bool {
        if !matches!(self.step, Step::Arriving) {
            return false;
        }
        if matches!(self.verdict(), Verdict::Right) {
            return true;
        }
        let source = self.arrival.source();
        let Some(length) = source.size else { return false };
        if !has_directory(&source.file_name) {
            return true;
        }
        let mut needed = self.directory.unwrap_or_else(|| TAIL.min(length));
        while self.arrival.has(&(length - needed..length)) {
            if self.directory == Some(needed) {
                return true;
            }
            needed = self.tail_needed(needed, length);
            self.directory = Some(needed);
            if self.arrival.is_in_order() && needed > LONGEST_END {
                self.step = Step::Stuck;
                return false;
            }
            self.arrival.want_end(needed);
        }
        false
    }

    /// How many of the last bytes the directory needs, given that so many are there.
    fn tail_needed(&self, there: u64, length: u64) -> u64 {
        let mut tail = vec![0; usize::try_from(there).unwrap_or(usize::MAX)];
        let read = self.arrival.read_exact_at(&mut tail, length - there);
        // Whoever opens it will say what is wrong with it.
        read.ok().and_then(|()| tail_needed(&tail, length).ok()).unwrap_or(there)
    }

    /// Begins the unpacking of what was opened.
    pub(super) fn unpack(&mut self, unpacking: Unpacking) {
        let mut waiting: Vec<(usize, Planned)> = unpacking.planned().into_iter().enumerate().collect();
        let is_whole = matches!(self.verdict(), Verdict::Right);
        // All there: the largest first, so that none is left for the end. Else as they come.
        waiting.sort_by_key(|(_, entry)| if is_whole { entry.size } else { u64::MAX - entry.span.end });
        self.step = Step::Unpacking { unpacking: Arc::new(unpacking), waiting };
    }

    /// The next entry that can be begun, if there is one, and whether it is begun before all of its bytes are there.
    pub(super) fn next_entry(&mut self) -> Option<(Arc<Unpacking>, usize, bool)> {
        let Step::Unpacking { unpacking, waiting } = &mut self.step else { return None };
        let span = waiting.last()?.1.span.clone();
        let head = span.start..span.start + HEAD_START;
        let is_whole = self.arrival.has(&span);
        let is_streamed = span.end - span.start > STREAMED && self.arrival.has(&head);
        if !is_streamed && !is_whole {
            return None;
        }
        waiting.pop().map(|(at, _)| (unpacking.clone(), at, !is_whole))
    }

    /// The work, once all of it is written and its bytes are known to be right.
    pub(super) fn take_unpacked(&mut self) -> Option<Arc<Unpacking>> {
        let Step::Unpacking { unpacking, waiting } = &self.step else { return None };
        if !waiting.is_empty() || self.handed_out > 0 || !matches!(self.verdict(), Verdict::Right) {
            return None;
        }
        let unpacking = unpacking.clone();
        self.step = Step::Publishing;
        Some(unpacking)
    }
}
