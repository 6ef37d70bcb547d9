//! Hashes files side by side, where the processor can (see [`crate::digest::lanes`]): one thread, up to eight files.
//!
//! Where it does eight at once, the more files it has, the less each costs, and nothing is needed before its file is
//! unpacked. So it waits for company while bytes arrive, and goes on with those that are there once nothing does.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::blocks::Block;
use super::error::FetchError;
use super::transfer::Transfer;
use super::window::Reader;
use crate::digest::Sha256;
use crate::digest::lanes::{BLOCK, LANES, Lanes, State};
use crate::task::Task;
use crate::timeline::{Deed, Span};

/// Bytes read at once of each file.
const PIECE: usize = 256 << 10;
/// As many files are not waited for, where eight are hashed at once.
const ENOUGH: usize = 6;
/// Nothing has arrived for so long: there will be no company.
const QUIET: Duration = Duration::from_millis(10);
/// More bytes are not kept waiting: they may leave the page cache.
const LARGEST_BACKLOG: u64 = 1 << 30;
/// More bytes of a file in a window are not kept waiting, where eight are hashed at once only if all files are at hand:
/// there is no room for more.
const PRESSING: u64 = 1 << 20;
/// More processors unpack faster than one of them hashes in pairs.
const FEW: usize = 4;
/// Smaller files are hashed while they are received. Bytes.
const WORTH_IT: u64 = 1 << 20;

/// What one thread hashes.
pub(super) struct Hashing {
    lanes: Lanes,
    inbox: Mutex<Inbox>,
    changed: Condvar,
}

#[derive(Default)]
struct Inbox {
    joining: Vec<(Arc<Transfer>, u64)>,
    last_news: Option<Instant>,
    has_thread: bool,
    closing: bool,
}

impl Hashing {
    /// `None` if the processor can't do it, or there are so many that a thread for each file is faster.
    pub(super) fn of_this_processor() -> Option<Arc<Self>> {
        let lanes = Lanes::of_this_processor()?;
        let processors = thread::available_parallelism().map_or(1, usize::from);
        if matches!(lanes, Lanes::Pairs(_)) && processors > FEW {
            return None;
        }
        Some(Arc::new(Self { lanes, inbox: Mutex::default(), changed: Condvar::new() }))
    }

    /// Whether a file of this length is hashed here, given that larger ones than `alone` are not.
    pub(super) fn takes(length: u64, alone: u64) -> bool {
        (WORTH_IT..=alone).contains(&length)
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in a file of a known length. Whether a thread must be started for [`Self::run`]: only once.
    pub(super) fn join(self: &Arc<Self>, transfer: Arc<Transfer>, length: u64) -> bool {
        let this = Arc::downgrade(self);
        transfer.arrival.subscribe(Box::new(move |_| {
            if let Some(this) = this.upgrade() {
                this.hear();
            }
        }));
        let mut inbox = self.inbox();
        inbox.joining.push((transfer, length));
        inbox.last_news = Some(Instant::now());
        self.changed.notify_one();
        !std::mem::replace(&mut inbox.has_thread, true)
    }

    fn hear(&self) {
        self.inbox().last_news = Some(Instant::now());
        self.changed.notify_one();
    }

    pub(super) fn close(&self) {
        self.inbox().closing = true;
        self.changed.notify_one();
    }

    /// Hashes until it is closed; `judge` hears what came out.
    pub(super) fn run(&self, task: &Task, judge: &dyn Fn(&Transfer, Sha256)) {
        let mut members = Vec::new();
        while self.gather(&mut members, task) {
            self.advance(&mut members);
            for member in members.extract_if(.., |member| member.is_over()) {
                judge(&member.transfer, member.state.digest());
            }
        }
    }

    /// Waits until it is worth going on; false if it is over.
    fn gather<'t>(&self, members: &mut Vec<Member<'t>>, task: &'t Task) -> bool {
        loop {
            let mut inbox = self.inbox();
            let joining = inbox.joining.drain(..);
            members.extend(joining.map(|(transfer, length)| Member::new(transfer, length, task)));
            let (closing, last_news) = (inbox.closing, inbox.last_news);
            drop(inbox);
            if closing {
                return false;
            }
            members.retain_mut(Member::fill);
            let quiet_in = last_news.map_or(QUIET, |news| QUIET.saturating_sub(news.elapsed()));
            if self.is_worth_it(members, quiet_in) {
                return true;
            }
            let inbox = self.inbox();
            if inbox.last_news == last_news && !inbox.closing {
                let pause = if members.iter().any(Member::is_ready) { quiet_in } else { Duration::MAX };
                drop(self.changed.wait_timeout(inbox, pause));
            }
        }
    }

    /// Takes as much of eight files as all of them have at hand.
    fn advance(&self, members: &mut [Member<'_>]) {
        let mut ready: Vec<&mut Member<'_>> = members.iter_mut().filter(|member| member.is_ready()).collect();
        ready.sort_unstable_by_key(|member| member.length - member.read);
        // The shortest, since others wait for their memory, and the longest, that none is left for the end.
        while ready.len() > LANES {
            ready.remove(LANES / 2);
        }
        let count = ready.iter().map(|member| member.text.len() - member.from).min().unwrap_or(0);
        let mut texts: Vec<(&mut State, &[u8])> = ready.iter_mut().map(|member| member.next(count)).collect();
        self.lanes.update(&mut texts);
    }

    fn is_worth_it(&self, members: &[Member<'_>], quiet_in: Duration) -> bool {
        let ready = members.iter().filter(|member| member.is_ready()).count();
        if matches!(self.lanes, Lanes::Pairs(_)) {
            let presses = || members.iter().any(|member| member.is_ready() && member.backlog() > PRESSING);
            return ready >= 2 || ready > 0 && (ready == members.len() || quiet_in.is_zero() || presses());
        }
        let backlog = || members.iter().map(Member::backlog).sum::<u64>();
        if members.iter().any(|member| member.transfer.arrival.is_in_order()) {
            // They come at once, and can't come without being read.
            let is_full = ready == members.len() && members.iter().any(|member| member.backlog() > PRESSING);
            return ready >= LANES || is_full || ready > 0 && quiet_in.is_zero();
        }
        ready >= ENOUGH
            || ready > 0
                && (quiet_in.is_zero() || members.iter().all(Member::is_whole) || backlog() > LARGEST_BACKLOG)
    }
}

/// What is to be hashed next.
enum Text {
    /// Between there in what arrived.
    Lying(Arc<Block>, usize, usize),
    Read(Vec<u8>),
}

impl Text {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Lying(block, from, until) => &block[*from..*until],
            Self::Read(bytes) => bytes,
        }
    }

    fn len(&self) -> usize {
        self.bytes().len()
    }

    fn into_buffer(self) -> Vec<u8> {
        if let Self::Read(buffer) = self { buffer } else { Vec::new() }
    }
}

/// A file that is being hashed.
struct Member<'t> {
    transfer: Arc<Transfer>,
    length: u64,
    state: State,
    /// Bytes read.
    read: u64,
    /// Whole blocks, hashed up to `from`.
    text: Text,
    from: usize,
    span: Option<Span<'t>>,
    task: &'t Task,
}

impl<'t> Member<'t> {
    fn new(transfer: Arc<Transfer>, length: u64, task: &'t Task) -> Self {
        Self {
            transfer,
            length,
            state: State::new(),
            read: 0,
            text: Text::Read(Vec::new()),
            from: 0,
            span: None,
            task,
        }
    }

    fn is_ready(&self) -> bool {
        self.from < self.text.len()
    }

    /// Whether all of it, with the padding, is hashed.
    fn is_over(&self) -> bool {
        self.read == self.length && !self.is_ready()
    }

    fn is_whole(&self) -> bool {
        self.transfer.arrival.run_from(0) == self.length
    }

    fn backlog(&self) -> u64 {
        self.transfer.arrival.run_from(self.read)
    }

    /// Reads on if nothing is at hand; false if nothing more is to be done with it.
    fn fill(&mut self) -> bool {
        if self.transfer.arrival.is_settled() {
            return false;
        }
        if self.is_ready() {
            return true;
        }
        match self.read_on() {
            Ok(()) => true,
            Err(fault) => {
                self.transfer.fail(fault);
                false
            }
        }
    }

    fn read_on(&mut self) -> Result<(), FetchError> {
        let there = usize::try_from(self.backlog()).unwrap_or(usize::MAX).min(PIECE);
        if let Some(text) = self.lying(there) {
            self.read += text.len() as u64;
            (self.text, self.from) = (text, 0);
            self.transfer.arrival.passed(Reader::Hasher, self.read);
            return Ok(());
        }
        let is_end = self.read + there as u64 == self.length;
        let count = if is_end { there } else { there / BLOCK * BLOCK };
        let mut buffer = std::mem::replace(&mut self.text, Text::Read(Vec::new())).into_buffer();
        buffer.resize(count, 0);
        self.from = 0;
        if count > 0 {
            self.transfer.arrival.read(&mut buffer, self.read)?;
            self.read += count as u64;
            self.transfer.arrival.passed(Reader::Hasher, self.read);
        }
        if is_end {
            let rest = buffer.split_off(count / BLOCK * BLOCK);
            buffer.extend(State::padding(&rest, self.length));
        }
        self.text = Text::Read(buffer);
        Ok(())
    }

    /// Whole blocks of what lies in memory, if that is not the end of the file.
    fn lying(&self, there: usize) -> Option<Text> {
        let (start, block) = self.transfer.arrival.window()?.block(self.read)?;
        let from = usize::try_from(self.read - start).ok()?;
        let count = (block.len() - from).min(there);
        let is_end = self.read + count as u64 == self.length;
        let until = from + count / BLOCK * BLOCK;
        (until > from && !is_end).then_some(Text::Lying(block, from, until))
    }

    /// The next bytes at hand, which are taken to be hashed.
    fn next(&mut self, count: usize) -> (&mut State, &[u8]) {
        let Self { transfer, task, span, text, .. } = self;
        span.get_or_insert_with(|| task.span(Deed::Check, &transfer.arrival.source().package));
        let from = self.from;
        self.from += count;
        (&mut self.state, &text.bytes()[from..self.from])
    }
}
