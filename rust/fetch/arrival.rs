//! The bytes of one artifact while they arrive.

use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::error::FetchError;
use super::part::BLOCK;
use super::ranges::RangeSet;
use super::source::Source;
use super::storage::Storage;
use super::window::{Reader, Window};
use crate::digest::{Hasher, Sha256};
use crate::task::Cancelled;
use crate::unpack::{Chunk, ReadAt};

/// Why those who fetch are to look again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nudge {
    /// Somebody waits for bytes.
    Wanted,
    /// There is room for more.
    Moved,
}

type Listener = Arc<dyn Fn(bool) + Send + Sync>;
type Result<T> = std::result::Result<T, Arc<FetchError>>;

/// An artifact on its way, or a local one: readable where it has arrived, trustworthy once [`verified`].
///
/// One value stands for one byte string. Where the bytes turn out wrong and there is another way to get them
/// (another mirror, a download in one piece), this arrival fails and its [`replacement`] is already on its way:
///
/// ```text
/// loop {
///     let unpacked = unpack(&arrival);
///     match (arrival.verified(), arrival.replacement()) {
///         (Ok(()), _) => return unpacked,
///         (Err(_), Some(next)) => arrival = next,
///         (Err(fault), None) => return Err(fault),
///     }
/// }
/// ```
///
/// Drop it as soon as it is unpacked: it may hold memory that other files wait for.
///
/// [`verified`]: Self::verified
/// [`replacement`]: Self::replacement
pub struct Arrival {
    source: Source,
    storage: OnceLock<Storage>,
    state: Mutex<State>,
    changed: Condvar,
    hashing: Mutex<(Hasher, u64)>,
    wanted: AtomicBool,
    answered: AtomicBool,
    /// See [`Self::want_end`].
    wanted_end: AtomicU64,
    nudge: Box<dyn Fn(Nudge) + Send + Sync>,
}

#[derive(Default)]
struct State {
    length: Option<u64>,
    there: RangeSet,
    end: Option<Result<()>>,
    replacement: Option<Arc<Arrival>>,
    listeners: Vec<Listener>,
    /// How long somebody has waited, and since when somebody does.
    waited: Duration,
    waits_since: Option<Instant>,
}

impl State {
    fn time_waited(&self) -> Duration {
        self.waited + self.waits_since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

impl Arrival {
    /// `nudge` is called when there may be something to do for it.
    pub(super) fn new(source: Source, nudge: Box<dyn Fn(Nudge) + Send + Sync>) -> Self {
        let length = source.size;
        Self {
            source,
            storage: OnceLock::new(),
            state: Mutex::new(State { length, ..State::default() }),
            changed: Condvar::new(),
            hashing: Mutex::default(),
            wanted: AtomicBool::new(false),
            answered: AtomicBool::new(false),
            wanted_end: AtomicU64::new(0),
            nudge,
        }
    }

    /// What was asked for.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The artifact's length in bytes; waits until it is known, which it is at once if the lock tells.
    pub fn length(&self) -> Result<u64> {
        self.wait_until(|state| match &state.end {
            Some(Err(fault)) => Some(Err(fault.clone())),
            _ => state.length.map(Ok),
        })
    }

    /// Whether all bytes of `range` are there.
    #[must_use]
    pub fn has(&self, range: &Range<u64>) -> bool {
        self.state().there.contains(range)
    }

    /// How many bytes are there without a gap from `start` on.
    #[must_use]
    pub fn run_from(&self, start: u64) -> u64 {
        self.state().there.until(start) - start
    }

    /// Waits until all bytes of `range` are there.
    pub fn wait(&self, range: &Range<u64>) -> Result<()> {
        self.wait_until(|state| match &state.end {
            Some(Err(fault)) => Some(Err(fault.clone())),
            _ => state.there.contains(range).then_some(Ok(())),
        })
    }

    /// Waits for the verdict: all bytes are there and have the locked sha256, or why not.
    pub fn verified(&self) -> Result<()> {
        self.wait_until(|state| state.end.clone())
    }

    /// The verdict if there is one.
    #[must_use]
    pub fn verdict(&self) -> Option<Result<()>> {
        self.state().end.clone()
    }

    /// Whether a place was found that has it: a server has begun to send it, or it is a file here.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        self.answered.load(Ordering::Acquire)
    }

    pub(super) fn answer(&self) {
        self.answered.store(true, Ordering::Release);
    }

    /// Has so many of the last bytes come before the others.
    pub fn want_end(&self, bytes: u64) {
        if self.wanted_end.fetch_max(bytes, Ordering::AcqRel) < bytes {
            (self.nudge)(Nudge::Moved);
        }
    }

    pub(super) fn wanted_end(&self) -> u64 {
        self.wanted_end.load(Ordering::Acquire)
    }

    /// Nobody wants it any more: whoever waits for its bytes is told that it was cancelled.
    pub fn stop(&self) {
        self.settle(Err(Arc::new(FetchError::Cancelled(Cancelled))), None);
    }

    /// After a failure: the same artifact, being fetched again in another way.
    #[must_use]
    pub fn replacement(&self) -> Option<Arc<Arrival>> {
        self.state().replacement.clone()
    }

    /// Has `listener` called whenever more has arrived (once for each 256 KiB or so), with `false`, and at the end,
    /// with `true`, from the thread that received it; at once if there is a verdict already. It must be quick and
    /// must not block.
    pub fn subscribe(&self, listener: Box<dyn Fn(bool) + Send + Sync>) {
        let mut state = self.state();
        if state.end.is_none() {
            state.listeners.push(Arc::from(listener));
            return;
        }
        drop(state);
        listener(true);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_until<T>(&self, mut done: impl FnMut(&State) -> Option<T>) -> T {
        let mut state = self.state();
        if let Some(found) = done(&state) {
            return found;
        }
        if !self.wanted.swap(true, Ordering::AcqRel) {
            drop(state);
            (self.nudge)(Nudge::Wanted);
            state = self.state();
        }
        loop {
            if let Some(found) = done(&state) {
                state.waited = state.time_waited();
                state.waits_since = None;
                return found;
            }
            state.waits_since.get_or_insert_with(Instant::now);
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// How long in all its reader has waited for bytes.
    pub(super) fn waited(&self) -> Duration {
        self.state().time_waited()
    }

    /// Wakes waiters, then calls listeners, with no lock held.
    fn announce(&self, state: MutexGuard<'_, State>) {
        let listeners = state.listeners.clone();
        drop(state);
        self.changed.notify_all();
        for listener in &listeners {
            listener(false);
        }
    }

    /// Whether somebody waits for bytes of it.
    pub(super) fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Acquire)
    }

    /// Gives it a place to keep bytes, with those that are there already.
    pub(super) fn keep_in(&self, storage: Storage, there: RangeSet) {
        if self.storage.set(storage).is_ok() {
            let mut state = self.state();
            state.there = there;
            self.announce(state);
        }
    }

    pub(super) fn storage(&self) -> Option<&Storage> {
        self.storage.get()
    }

    /// What of it is in memory, if it does not go to a file.
    pub(super) fn window(&self) -> Option<&Window> {
        self.storage().and_then(Storage::window)
    }

    pub(super) fn set_length(&self, length: u64) {
        let mut state = self.state();
        state.length = Some(length);
        self.announce(state);
    }

    pub(super) fn known_length(&self) -> Option<u64> {
        self.state().length
    }

    /// What of `range` has not arrived.
    pub(super) fn missing(&self, range: &Range<u64>) -> Vec<Range<u64>> {
        self.state().there.missing(range)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.state().there.bytes()
    }

    /// Takes in a block at a place where nothing is yet, and that only this caller writes.
    pub(super) fn put(&self, offset: u64, block: &mut Vec<u8>) -> std::result::Result<(), FetchError> {
        let written = offset..offset + block.len() as u64;
        let Some(storage) = self.storage.get() else { return Ok(()) };
        storage.write(offset, block).map_err(|source| self.disk_fault(source))?;
        let mut state = self.state();
        state.there.insert(written.clone());
        storage.mark(&written, &state.there).map_err(|source| self.disk_fault(source))?;
        self.announce(state);
        Ok(())
    }

    pub(super) fn disk_fault(&self, source: crate::fs::FsError) -> FetchError {
        FetchError::Disk { package: self.source.package.clone(), source }
    }

    pub(super) fn thread_fault(&self, fault: &io::Error) -> FetchError {
        FetchError::Thread { package: self.source.package.clone(), what: fault.to_string() }
    }

    /// Says the last word. The first one said stays.
    pub(super) fn settle(&self, end: Result<()>, replacement: Option<Arc<Arrival>>) {
        let is_used_up = match &end {
            Ok(()) => true,
            Err(fault) => {
                let is_wrong = matches!(fault.last(), FetchError::Digest { .. } | FetchError::Length { .. });
                is_wrong || self.bytes() == 0
            }
        };
        if let (true, Some(storage)) = (is_used_up, self.storage.get()) {
            storage.discard();
        }
        let mut state = self.state();
        if state.end.is_some() {
            return;
        }
        state.end = Some(end);
        state.replacement = replacement;
        let listeners = std::mem::take(&mut state.listeners);
        drop(state);
        self.changed.notify_all();
        for listener in &listeners {
            listener(true);
        }
        // Its memory comes back once those who fetch have let go of it.
        (self.nudge)(Nudge::Moved);
    }

    pub(super) fn is_settled(&self) -> bool {
        self.state().end.is_some()
    }

    /// Takes the blocks in memory that follow what is hashed into the digest.
    pub(super) fn hash_blocks(&self) {
        let Some(window) = self.window() else { return };
        let mut hashing = self.hashing.lock().unwrap_or_else(PoisonError::into_inner);
        let (hasher, at) = &mut *hashing;
        while let Some((start, block)) = window.block(*at) {
            hasher.update(&block[usize::try_from(*at - start).unwrap_or(usize::MAX)..]);
            *at = start + block.len() as u64;
        }
    }

    /// Fills `buffer` from bytes that are there.
    pub(super) fn read(&self, buffer: &mut [u8], offset: u64) -> std::result::Result<(), FetchError> {
        let Some(storage) = self.storage.get() else { return Ok(()) };
        storage.read(buffer, offset).map_err(|source| self.disk_fault(source))
    }

    /// Whether it is in memory, and only as far as it was not read yet: then it must be read in order.
    #[must_use]
    pub fn is_in_order(&self) -> bool {
        self.window().is_some_and(Window::is_moving)
    }

    /// There is no room for bytes from here on.
    pub(super) fn reach(&self) -> u64 {
        self.window().map_or(u64::MAX, Window::reach)
    }

    /// This reader reads nothing before `until` any more.
    pub(super) fn passed(&self, reader: Reader, until: u64) {
        if self.window().is_some_and(|window| window.pass(reader, until)) {
            (self.nudge)(Nudge::Moved);
        }
    }

    /// The digest of the blocks in memory, once all of them are in it.
    pub(super) fn digest_of_blocks(&self) -> Option<Sha256> {
        let length = self.known_length()?;
        let hashing = self.hashing.lock().unwrap_or_else(PoisonError::into_inner);
        (hashing.1 == length).then(|| hashing.0.clone().finish())
    }

    /// Follows the bytes of a file as they arrive; its digest, or `None` if the arrival was settled before.
    pub(super) fn hash_along(&self) -> std::result::Result<Option<Sha256>, FetchError> {
        let mut hasher = Hasher::new();
        let mut buffer = vec![0; 4 * usize::try_from(BLOCK).unwrap_or(usize::MAX)];
        let mut at = 0;
        while let Some((until, length)) = self.wait_beyond(at) {
            while at < until {
                if let Some((start, block)) = self.window().and_then(|window| window.block(at)) {
                    hasher.update(&block[usize::try_from(at - start).unwrap_or(usize::MAX)..]);
                    at = start + block.len() as u64;
                } else {
                    let count = buffer.len().min(usize::try_from(until - at).unwrap_or(usize::MAX));
                    self.read(&mut buffer[..count], at)?;
                    hasher.update(&buffer[..count]);
                    at += count as u64;
                }
                self.passed(Reader::Hasher, at);
            }
            if length == Some(at) {
                return Ok(Some(hasher.finish()));
            }
        }
        Ok(None)
    }

    /// How far the bytes reach without a gap, once that is further than `at` or all; `None` when it is settled.
    fn wait_beyond(&self, at: u64) -> Option<(u64, Option<u64>)> {
        let mut state = self.state();
        loop {
            if state.end.is_some() {
                return None;
            }
            let until = state.there.until(0);
            if until > at || state.length == Some(until) {
                return Some((until, state.length));
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Every read waits for its bytes, and fails if they will not come.
impl ReadAt for Arrival {
    fn chunk(&self, offset: u64) -> io::Result<Option<Chunk>> {
        self.wait(&(offset..offset + 1)).map_err(io::Error::other)?;
        let found = self.window().and_then(|window| window.block(offset));
        Ok(found.map(|(start, bytes)| Chunk {
            bytes,
            from: usize::try_from(offset - start).unwrap_or(usize::MAX),
        }))
    }

    fn pass(&self, until: u64) {
        self.passed(Reader::Unpacker, until);
    }

    /// Waits until the length is known; 0 if the arrival failed before.
    fn len(&self) -> u64 {
        self.length().unwrap_or(0)
    }

    fn has(&self, range: &Range<u64>) -> bool {
        Self::has(self, range)
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let length = self.length().map_err(io::Error::other)?;
        let range = offset..offset.saturating_add(buffer.len() as u64);
        if range.end > length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.wait(&range).map_err(io::Error::other)?;
        match self.storage.get() {
            Some(storage) => storage.read(buffer, offset).map_err(io::Error::other),
            None => Ok(()), // an empty range of a file that has not begun
        }
    }
}

impl fmt::Debug for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Arrival({}, {} bytes there)", self.source.file_name, self.bytes())
    }
}
