//! One artifact on its way: requests made, answers judged, faults outlived.

use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use super::address::Address;
use super::arrival::Arrival;
use super::body::{Broken, Receiver};
use super::client::{Answer, Client, NoAnswer};
use super::error::FetchError;
use super::index::what_to_set;
use super::part::PartFile;
use super::plan::{After, Claim, Next, Plan, Ranges};
use super::ranges::RangeSet;
use super::storage::Storage;
use crate::digest::Sha256;
use crate::event::Event;
use crate::task::{Cancelled, Task};
use crate::timeline::Deed;

/// Failures of a fetch that succeeded are mentioned from this many on.
const WORTH_A_WARNING: u32 = 2;
/// How long a file will take is first guessed after this part of the time that matters.
const LOOKS_AFTER: u32 = 10;

/// How this arrival's bytes are got, as far as an earlier arrival's failure decides it.
#[derive(Debug, Clone, Default)]
pub(super) struct Manner {
    pub(super) mirror: usize,
    /// What was tried before, and why that failed.
    pub(super) earlier: Vec<String>,
    /// In one request, without ranges and without what an earlier run left.
    pub(super) in_one_piece: bool,
    /// Without what an earlier run left.
    pub(super) afresh: bool,
    /// Its reader goes through it in order, so that it need not be kept.
    pub(super) in_order: bool,
}

/// What a transfer needs of its surroundings.
pub(super) struct Surroundings<'a> {
    pub(super) client: &'a Client,
    pub(super) task: &'a Task,
    pub(super) tmp: &'a Path,
    /// Whether a failure is soon wanted more than success: see [`super::Fetcher::hurry`].
    pub(super) hurried: &'a AtomicBool,
    /// Called when a server is found to give parts of a file: others may take some.
    pub(super) on_ranges: &'a dyn Fn(),
}

/// Who computes the digest of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HashedBy {
    /// The threads that receive it: its blocks are still warm.
    Receivers,
    /// A thread that does many.
    Side,
    /// A thread of its own.
    Alone,
}

pub(super) struct Transfer {
    pub(super) arrival: Arc<Arrival>,
    pub(super) manner: Manner,
    plan: Mutex<Plan>,
    /// Whether bytes of an earlier run were found.
    resumed: AtomicBool,
    hashed_by: OnceLock<HashedBy>,
    /// See [`Self::otherwise`].
    replaced: AtomicBool,
    /// See [`Self::keep_if_slow`].
    keeps: AtomicBool,
    begun: OnceLock<Instant>,
}

impl Transfer {
    pub(super) fn new(arrival: Arc<Arrival>, manner: Manner) -> Self {
        let mut plan = Plan::new(manner.mirror, manner.in_one_piece);
        plan.earlier.clone_from(&manner.earlier);
        let plan = Mutex::new(plan);
        Self {
            arrival,
            manner,
            plan,
            resumed: false.into(),
            hashed_by: OnceLock::new(),
            replaced: false.into(),
            keeps: false.into(),
            begun: OnceLock::new(),
        }
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn claim(&self, now: Instant) -> Next {
        let (reach, wanted_end) = (self.arrival.reach(), self.arrival.wanted_end());
        let mut plan = self.plan();
        let is_over = plan.ranges == Ranges::No && self.arrival.is_in_order();
        if is_over { Next::Nothing } else { plan.claim(now, reach, wanted_end) }
    }

    /// The more, the more urgent the next request for it is. Bytes.
    pub(super) fn left_each(&self) -> u64 {
        self.plan().left_each()
    }

    /// How it can be got if the server gives no parts, so that its end can't come first; said once.
    pub(super) fn otherwise(&self) -> Option<(Manner, FetchError)> {
        let mut plan = self.plan();
        let can_go_on = !self.arrival.is_in_order() || plan.ranges != Ranges::No;
        if can_go_on || self.replaced.swap(true, Ordering::Relaxed) {
            return None;
        }
        plan.abandon();
        let mirror = plan.mirror;
        drop(plan);
        let address = self.address(mirror).ok()?;
        let fault = self.nonsense(&address, "the server gives no parts of the file");
        Some((Manner { mirror, in_one_piece: true, ..Manner::default() }, fault))
    }

    pub(super) fn is_parallel(&self) -> bool {
        self.plan().parallel
    }

    /// Says who hashes it.
    pub(super) fn hash(&self, by: HashedBy) {
        let _ = self.hashed_by.set(by);
    }

    pub(super) fn hashed_by(&self) -> Option<HashedBy> {
        self.hashed_by.get().copied()
    }

    /// Whether those who receive it hash it.
    pub(super) fn is_hashed_here(&self) -> bool {
        self.hashed_by() == Some(HashedBy::Receivers)
    }

    /// Finds a place for the bytes: `memory` if it is given, else a part file.
    pub(super) fn begin(&self, memory: Option<Storage>, around: &Surroundings<'_>) -> Result<(), FetchError> {
        let length = self.arrival.known_length();
        let (storage, there) = match (memory, length) {
            (Some(memory), _) => (memory, RangeSet::default()),
            (None, Some(length)) => self.open_part(length, around)?,
            (None, None) => self.new_file(PartFile::private(around.tmp, self.sha256()))?,
        };
        self.resumed.store(there.bytes() > 0, Ordering::Relaxed);
        let gaps = there.missing(&(0..length.unwrap_or(u64::MAX)));
        self.arrival.keep_in(storage, there);
        let options = around.client.options();
        let window = self.arrival.is_in_order().then_some(options.window);
        let _ = self.begun.set(Instant::now());
        self.plan().begin(&gaps, length, window, options);
        Ok(())
    }

    fn open_part(&self, length: u64, around: &Surroundings<'_>) -> Result<(Storage, RangeSet), FetchError> {
        let is_large = length > around.client.options().memory_file;
        let is_fresh = self.manner.afresh || self.manner.in_one_piece || !is_large;
        self.new_file(if is_fresh {
            PartFile::private(around.tmp, self.sha256())
        } else {
            PartFile::open(around.tmp, self.sha256(), length)
        })
    }

    fn new_file(
        &self,
        opened: Result<(PartFile, RangeSet), crate::fs::FsError>,
    ) -> Result<(Storage, RangeSet), FetchError> {
        let (part, there) = opened.map_err(|source| self.arrival.disk_fault(source))?;
        Ok((Storage::Part(part), there))
    }

    fn sha256(&self) -> Sha256 {
        self.arrival.source().sha256
    }

    /// Makes one request and takes in its answer; what did not come goes back to the plan.
    pub(super) fn run(&self, mut claim: Claim, around: &Surroundings<'_>) {
        let outcome = self.attempt(&mut claim, around);
        let missing = claim.wanted.iter().flat_map(|piece| self.arrival.missing(piece)).collect();
        let mut plan = self.plan();
        let missing = if plan.length.is_none() && outcome.is_ok() { Vec::new() } else { missing };
        plan.give_back(missing);
        let Err(fault) = outcome else { return };
        let mirrors = self.arrival.source().urls.len();
        let patience = (!around.hurried.load(Ordering::Acquire)).then(|| around.client.options());
        let after = plan.after(fault, &claim, self.arrival.bytes(), mirrors, patience);
        drop(plan);
        if let After::GiveUp(fault) = after {
            self.fail(fault);
        }
    }

    /// Ends it without the bytes.
    pub(super) fn fail(&self, fault: FetchError) {
        let mut plan = self.plan();
        plan.abandon();
        let earlier = std::mem::take(&mut plan.earlier);
        drop(plan);
        self.arrival.settle(Err(Arc::new(fault.after(&earlier))), None);
    }

    /// Makes no pause before its next try.
    pub(super) fn hurry(&self) {
        self.plan().hurry();
    }

    fn attempt(&self, claim: &mut Claim, around: &Surroundings<'_>) -> Result<(), FetchError> {
        around.task.check()?;
        let mut span = around.task.span(Deed::Fetch, &self.arrival.source().package);
        let address = self.address(claim.mirror)?;
        let fault = |no: NoAnswer| self.network_fault(&address, no, around);
        let etag = claim.etag.as_deref();
        let mut answer = around.client.get(&address, claim.request.as_ref(), etag).map_err(fault)?;
        let (start, end) = self.judge_answer(&answer, claim, &address, around)?;
        self.arrival.answer();
        let on_block = |bytes| self.goes_on(bytes, around);
        let mut receiver = Receiver {
            arrival: &self.arrival,
            body: &mut answer.body,
            at: start,
            on_block: &on_block,
            block: Vec::new(),
        };
        let outcome = receiver.receive(&claim.wanted, end);
        let at = receiver.at;
        span.amount(at - start);
        match outcome {
            Ok(()) if end.is_none() => {
                self.arrival.set_length(at);
                Ok(())
            }
            Ok(()) => Ok(()),
            Err(broken) => Err(self.broken_fault(broken, &address, at, end, around)),
        }
    }

    /// Whether nobody else holds the arrival any more.
    pub(super) fn is_forsaken(&self) -> bool {
        Arc::strong_count(&self.arrival) == 1
    }

    fn goes_on(&self, bytes: u64, around: &Surroundings<'_>) -> bool {
        around.task.fetched(bytes);
        if self.is_hashed_here() {
            self.arrival.hash_blocks();
        }
        self.keep_if_slow(around);
        !self.is_forsaken() && !around.task.is_cancelled() && !self.arrival.is_settled()
    }

    /// Has it written from now on if it takes so long that a later run should go on with it, and that is not because
    /// its reader is slow: that one has waited for it most of the time.
    fn keep_if_slow(&self, around: &Surroundings<'_>) {
        let (Some(window), Some(begun)) = (self.arrival.window(), self.begun.get()) else { return };
        let Some(length) = self.arrival.known_length().filter(|_| window.is_moving()) else { return };
        let options = around.client.options();
        let so_far = begun.elapsed();
        if so_far < options.worth_keeping / LOOKS_AFTER || self.arrival.waited() < so_far / 2 {
            return;
        }
        let bytes = self.arrival.bytes();
        #[allow(clippy::cast_precision_loss)] // an estimate
        let whole = so_far.as_secs_f64() * length as f64 / bytes.max(1) as f64;
        if whole < options.worth_keeping.as_secs_f64() || self.keeps.swap(true, Ordering::Relaxed) {
            return;
        }
        let opened = PartFile::open(around.tmp, self.sha256(), length);
        if let Err(fault) = opened.and_then(|(part, _)| window.keep(part)) {
            self.fail(self.arrival.disk_fault(fault));
        }
    }

    fn address(&self, mirror: usize) -> Result<Address, FetchError> {
        let source = self.arrival.source();
        let fault = |what: String| FetchError::Address { package: source.package.clone(), what };
        let url = source.urls.get(mirror).ok_or_else(|| fault("the lock names no URL for it".to_owned()))?;
        let Some(index) = source.index.as_ref() else {
            return Address::parse(url).map_err(|bad| fault(bad.to_string()));
        };
        let address =
            Address::parse(url).map_err(|_| fault(format!("the index {index} has no usable URL")))?;
        Ok(address.shown_as(format!("{} of the index {index}", source.file_name)))
    }

    /// Where the body begins in the file, and where it must end, if that can be known.
    fn judge_answer(
        &self,
        answer: &Answer,
        claim: &mut Claim,
        address: &Address,
        around: &Surroundings<'_>,
    ) -> Result<(u64, Option<u64>), FetchError> {
        match (answer.status, &claim.request) {
            (200, _) => self.judge_whole(answer, claim, address),
            (206, Some(asked)) => self.judge_part(answer, asked, address, around),
            (206, None) => Err(self.nonsense(address, "a part of the file came, the whole was asked for")),
            (416, Some(_)) => Err(self.no_ranges(address, "the server has no such range")),
            (status, _) => Err(FetchError::Status {
                package: self.arrival.source().package.clone(),
                url: address.to_string(),
                status,
                retry_after: answer.retry_after,
                to_set: self.arrival.source().index.as_ref().map(|index| what_to_set(index, address.host())),
            }),
        }
    }

    fn judge_whole(
        &self,
        answer: &Answer,
        claim: &mut Claim,
        address: &Address,
    ) -> Result<(u64, Option<u64>), FetchError> {
        let expected = self.arrival.known_length();
        if let (Some(expected), Some(got)) = (expected, answer.length)
            && expected != got
        {
            return Err(self.wrong_length(address, expected, got.to_string()));
        }
        let mut plan = self.plan();
        plan.etag.clone_from(&answer.etag);
        plan.answers += 1;
        if claim.request.is_some() && self.arrival.is_in_order() {
            drop(plan);
            return Err(self.no_ranges(address, "the server gives no parts of the file"));
        }
        if claim.request.is_some() {
            plan.widen(claim);
        }
        if let (None, Some(length)) = (expected, answer.length) {
            plan.set_length(claim, length);
            drop(plan);
            self.arrival.set_length(length);
        }
        Ok((0, expected.or(answer.length)))
    }

    fn judge_part(
        &self,
        answer: &Answer,
        asked: &Range<u64>,
        address: &Address,
        around: &Surroundings<'_>,
    ) -> Result<(u64, Option<u64>), FetchError> {
        let Some((range, total)) = answer.range.clone() else {
            return Err(self.no_ranges(address, "a part came without a Content-Range"));
        };
        if let (Some(expected), Some(total)) = (self.arrival.known_length(), total)
            && expected != total
        {
            return Err(self.wrong_length(address, expected, total.to_string()));
        }
        let is_other_length = answer.length.is_some_and(|length| length != range.end - range.start);
        if range != *asked || is_other_length {
            return Err(self.no_ranges(address, "another range came than was asked for"));
        }
        let mut plan = self.plan();
        plan.ranges = Ranges::Yes;
        plan.answers += 1;
        plan.etag.clone_from(&answer.etag);
        let is_news = plan.parallel && plan.answers == 1;
        drop(plan);
        if is_news {
            (around.on_ranges)();
        }
        Ok((range.start, Some(range.end)))
    }

    /// From now on the whole file is asked for.
    fn no_ranges(&self, address: &Address, what: &str) -> FetchError {
        self.plan().ranges = Ranges::No;
        self.nonsense(address, what)
    }

    fn nonsense(&self, address: &Address, what: &str) -> FetchError {
        FetchError::Network {
            package: self.arrival.source().package.clone(),
            url: address.to_string(),
            what: what.to_owned(),
            passing: true,
        }
    }

    fn wrong_length(&self, address: &Address, expected: u64, got: String) -> FetchError {
        let package = self.arrival.source().package.clone();
        FetchError::Length { package, url: address.to_string(), expected, got }
    }

    fn network_fault(&self, address: &Address, no: NoAnswer, around: &Surroundings<'_>) -> FetchError {
        if around.task.is_cancelled() {
            return FetchError::Cancelled(Cancelled);
        }
        let package = self.arrival.source().package.clone();
        FetchError::Network { package, url: address.to_string(), what: no.what, passing: no.passing }
    }

    fn broken_fault(
        &self,
        broken: Broken,
        address: &Address,
        at: u64,
        end: Option<u64>,
        around: &Surroundings<'_>,
    ) -> FetchError {
        match broken {
            Broken::Network(fault) => self.network_fault(address, NoAnswer::of_io(&fault), around),
            Broken::TooLong => {
                self.wrong_length(address, end.unwrap_or(at), format!("more than {}", end.unwrap_or(at)))
            }
            Broken::Stopped => FetchError::Cancelled(Cancelled),
            Broken::Disk(fault) => fault,
        }
    }

    /// Compares; on a mismatch says how to try once more, if there is a way.
    pub(super) fn judge(&self, got: Sha256, around: &Surroundings<'_>) -> Option<(Manner, FetchError)> {
        let (mirror, answers, failures) = {
            let plan = self.plan();
            (plan.mirror, plan.answers, plan.failures.clone())
        };
        if got == self.sha256() {
            self.warn(&failures, around.task);
            self.arrival.settle(Ok(()), None);
            return None;
        }
        let source = self.arrival.source();
        let fault = FetchError::Digest {
            package: source.package.clone(),
            url: self.place(mirror),
            expected: source.sha256,
            got,
        };
        if let Some(manner) = self.other_manner(mirror, answers) {
            let mut earlier = self.plan().earlier.clone();
            if !earlier.contains(&fault.said()) {
                earlier.push(fault.said());
            }
            return Some((Manner { earlier, ..manner }, fault));
        }
        self.fail(fault);
        None
    }

    fn place(&self, mirror: usize) -> String {
        match self.arrival.storage().and_then(Storage::local_path) {
            Some(path) => path.display().to_string(),
            None => {
                self.address(mirror).map_or_else(|fault| fault.to_string(), |address| address.to_string())
            }
        }
    }

    /// Each way is further down this list than the one before, so that it ends.
    fn other_manner(&self, mirror: usize, answers: u32) -> Option<Manner> {
        if self.resumed.load(Ordering::Relaxed) {
            return Some(Manner { mirror, afresh: true, ..Manner::default() });
        }
        let was_in_one_piece = self.manner.in_one_piece && self.manner.mirror == mirror;
        if answers > 1 && !was_in_one_piece {
            return Some(Manner { mirror, afresh: true, in_one_piece: true, ..Manner::default() });
        }
        let next = mirror + 1;
        let has_next = next < self.arrival.source().urls.len();
        has_next.then(|| Manner { mirror: next, afresh: true, ..Manner::default() })
    }

    fn warn(&self, (count, last): &(u32, String), task: &Task) {
        if *count >= WORTH_A_WARNING {
            let package = self.arrival.source().package.clone();
            let message = format!("fetched after {count} failed requests; the last failure: {last}");
            task.emit(Event::Warning { package, message });
        }
    }
}
