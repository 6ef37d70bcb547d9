//! The threads that fetch: what runs next, on which connection.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use super::arrival::{Arrival, Nudge};
use super::client::Client;
use super::error::FetchError;
use super::hashing::Hashing;
use super::memory::Freed;
use super::plan::{Claim, Next};
use super::queue::{Choice, Job, Queue};
use super::ranges::RangeSet;
use super::room::Room;
use super::source::Source;
use super::storage::Storage;
use super::transfer::{HashedBy, Manner, Surroundings, Transfer};
use crate::digest::Sha256;
use crate::fs;
use crate::task::{Cancelled, Task};
use crate::timeline::Deed;

/// How often the task is asked whether it was cancelled.
const WATCH: Duration = Duration::from_millis(50);

/// Fetches artifacts on a bounded number of connections, in the order in which they are started, large ones on
/// several connections at once. Dropping it stops what still runs and joins its threads.
pub struct Fetcher {
    shared: Arc<Shared>,
}

struct Shared {
    client: Client,
    task: Task,
    tmp: PathBuf,
    room: Room,
    hashing: Option<Arc<Hashing>>,
    queue: Mutex<Queue>,
    /// Where idle workers wait: see [`Self::call_one`].
    work: Condvar,
    /// Where the watcher waits for the end.
    closed: Condvar,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// See [`Fetcher::hurry`].
    hurried: AtomicBool,
}

impl Fetcher {
    /// Part files go to `tmp`. No thread is started yet.
    #[must_use]
    pub fn new(client: Client, tmp: &Path, task: &Task) -> Self {
        let shared = Arc::new_cyclic(|weak: &Weak<Shared>| Shared {
            room: Room::new(client.options(), || freed(weak.clone())),
            hashing: if client.options().side_by_side { Hashing::of_this_processor() } else { None },
            client,
            task: task.clone(),
            tmp: tmp.to_owned(),
            queue: Mutex::default(),
            work: Condvar::new(),
            closed: Condvar::new(),
            threads: Mutex::default(),
            hurried: AtomicBool::new(false),
        });
        Self { shared }
    }

    /// Queues an artifact. Start first what should come first: the largest.
    #[must_use]
    pub fn start(&self, source: Source) -> Arc<Arrival> {
        self.shared.enqueue(source, Manner::default(), false)
    }

    /// As [`Self::start`], for a file whose reader goes through it in order and says so ([`Arrival::pass`]): a large one
    /// is not kept then, if that can be ([`Arrival::is_in_order`]).
    #[must_use]
    pub fn start_in_order(&self, source: Source) -> Arc<Arrival> {
        self.shared.enqueue(source, Manner { in_order: true, ..Manner::default() }, false)
    }

    /// From now on no place is asked twice: the run fails anyway, and whoever waits wants to know with what.
    pub fn hurry(&self) {
        self.shared.hurried.store(true, Ordering::Release);
        let queue = lock(&self.shared.queue);
        for transfer in &queue.open {
            transfer.hurry();
        }
        self.shared.call_one(queue);
    }

    /// The file at `path` as an arrival: readable at once, verified by one pass over it in the background.
    #[must_use]
    pub fn open(&self, path: &Path, source: Source) -> Arc<Arrival> {
        let arrival = Arc::new(Arrival::new(source, Box::new(|_| {})));
        match self.shared.place_local(path, &arrival) {
            Ok(()) => {
                let transfer = Transfer::new(arrival.clone(), Manner::default());
                transfer.hash(self.shared.hasher_of(&transfer, false));
                self.shared.see_to_digest(&Arc::new(transfer));
            }
            Err(fault) => arrival.settle(Err(Arc::new(fault)), None),
        }
        arrival
    }
}

impl Drop for Fetcher {
    fn drop(&mut self) {
        self.shared.close();
        loop {
            // A thread that ends may have started another one.
            let threads = std::mem::take(&mut *lock(&self.shared.threads));
            if threads.is_empty() {
                return;
            }
            for thread in threads {
                let _ = thread.join();
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Wakes the workers to look again, since there is memory.
fn freed(shared: Weak<Shared>) -> Freed {
    Box::new(move || {
        if let Some(shared) = shared.upgrade() {
            let mut queue = lock(&shared.queue);
            queue.starved_since = None;
            shared.call_one(queue);
        }
    })
}

impl Shared {
    /// Wakes the workers to look again.
    fn nudge(self: &Arc<Self>) -> Box<dyn Fn(Nudge) + Send + Sync> {
        let shared = Arc::downgrade(self);
        Box::new(move |why| {
            if let Some(shared) = shared.upgrade() {
                let mut queue = lock(&shared.queue);
                if why == Nudge::Wanted {
                    queue.starved_since = None;
                }
                shared.call_one(queue);
            }
        })
    }

    fn with_surroundings<T>(self: &Arc<Self>, deed: impl FnOnce(&Surroundings<'_>) -> T) -> T {
        let on_ranges = || self.call_all();
        let (client, task, tmp) = (&self.client, &self.task, self.tmp.as_path());
        deed(&Surroundings { client, task, tmp, hurried: &self.hurried, on_ranges: &on_ranges })
    }

    /// There is work for every connection.
    fn call_all(self: &Arc<Self>) {
        let mut queue = lock(&self.queue);
        // Those that are there will do if there are no more.
        let _ = self.hire(&mut queue, self.client.options().connections);
        self.call_one(queue);
    }

    /// There may be work for somebody who is idle; whoever finds some calls the next.
    fn call_one(&self, queue: MutexGuard<'_, Queue>) {
        let is_anybody_idle = queue.idle > 0;
        drop(queue);
        if is_anybody_idle {
            self.work.notify_one();
        }
    }

    fn enqueue(self: &Arc<Self>, source: Source, manner: Manner, at_front: bool) -> Arc<Arrival> {
        let arrival = Arc::new(Arrival::new(source, self.nudge()));
        let transfer = Arc::new(Transfer::new(arrival.clone(), manner));
        let mut queue = lock(&self.queue);
        if queue.closing {
            drop(queue);
            transfer.fail(FetchError::Cancelled(Cancelled));
            return arrival;
        }
        if at_front {
            queue.waiting.push_front(transfer);
        } else {
            queue.waiting.push_back(transfer);
        }
        let jobs = queue.waiting.len();
        let hired = self.hire(&mut queue, jobs);
        let helpless = if hired.is_err() { queue.waiting.drain(..).collect() } else { Vec::new() };
        self.call_one(queue);
        if let Err(fault) = hired {
            for transfer in helpless {
                transfer.fail(transfer.arrival.thread_fault(&fault));
            }
        }
        arrival
    }

    /// Makes sure that `jobs` can be taken up at once, within the number of connections. Fewer threads than wanted
    /// are enough, none are not.
    fn hire(self: &Arc<Self>, queue: &mut Queue, jobs: usize) -> io::Result<()> {
        if queue.workers == 0 {
            self.spawn("fetch-watch", Self::watch)?;
        }
        let room = self.client.options().connections.max(1) - queue.workers;
        for _ in 0..room.min(jobs.saturating_sub(queue.idle)) {
            match self.spawn("fetch", Self::work) {
                Ok(()) => queue.workers += 1,
                Err(fault) if queue.workers == 0 => return Err(fault),
                Err(_) => break,
            }
        }
        Ok(())
    }

    fn spawn(self: &Arc<Self>, name: &str, run: impl FnOnce(&Arc<Self>) + Send + 'static) -> io::Result<()> {
        let shared = Arc::clone(self);
        let guarded = move || {
            let alarm = Alarm(&shared);
            run(&shared);
            drop(alarm);
        };
        let thread = Builder::new().name(name.to_owned()).spawn(guarded)?;
        lock(&self.threads).push(thread);
        Ok(())
    }

    /// Sees to it that a cancelled task stops even where a thread waits for a server.
    fn watch(self: &Arc<Self>) {
        let mut queue = lock(&self.queue);
        while !queue.closing {
            if self.task.is_cancelled() {
                drop(queue);
                self.close();
                return;
            }
            queue = self.closed.wait_timeout(queue, WATCH).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn close(&self) {
        let mut queue = lock(&self.queue);
        queue.closing = true;
        let unfinished: Vec<_> = queue.waiting.drain(..).collect();
        let open = std::mem::take(&mut queue.open);
        drop(queue);
        self.work.notify_all();
        self.closed.notify_all();
        if let Some(hashing) = &self.hashing {
            hashing.close();
        }
        for transfer in unfinished.into_iter().chain(open) {
            transfer.fail(FetchError::Cancelled(Cancelled));
        }
        self.client.shut_down();
    }

    fn work(self: &Arc<Self>) {
        while let Some(job) = self.next_job() {
            match job {
                Job::Begin(transfer, memory) => self.begin(&transfer, memory),
                Job::Piece(transfer, claim) => {
                    let is_piece = claim.is_piece;
                    self.run(&transfer, claim);
                    if is_piece {
                        lock(&self.queue).pieces_running -= 1;
                    }
                }
            }
        }
    }

    fn begin(self: &Arc<Self>, transfer: &Arc<Transfer>, memory: Option<Storage>) {
        if transfer.is_forsaken() {
            return transfer.fail(FetchError::Cancelled(Cancelled));
        }
        let is_whole = matches!(&memory, Some(Storage::Memory(window)) if !window.is_moving());
        transfer.hash(self.hasher_of(transfer, is_whole));
        if let Err(fault) = self.with_surroundings(|around| transfer.begin(memory, around)) {
            return transfer.fail(fault);
        }
        self.see_to_digest(transfer);
        // A file without bytes is all there.
        self.look_at_end(transfer);
        while let Next::Claim(claim) = transfer.claim(Instant::now()) {
            self.run(transfer, claim);
            if transfer.is_parallel() {
                return;
            }
        }
    }

    fn run(self: &Arc<Self>, transfer: &Arc<Transfer>, claim: Claim) {
        self.with_surroundings(|around| transfer.run(claim, around));
        if let Some(other) = transfer.otherwise() {
            self.begin_again(transfer, other);
        }
        self.look_at_end(transfer);
    }

    /// Judges a file in memory once it is whole.
    fn look_at_end(self: &Arc<Self>, transfer: &Transfer) {
        if transfer.is_hashed_here()
            && let Some(got) = transfer.arrival.digest_of_blocks()
        {
            self.judge(transfer, got);
        }
    }

    fn follow(self: &Arc<Self>, transfer: &Transfer) {
        let span = self.task.span(Deed::Check, &transfer.arrival.source().package);
        let hashed = transfer.arrival.hash_along();
        drop(span);
        match hashed {
            Ok(Some(got)) => self.judge(transfer, got),
            Ok(None) => {}
            Err(fault) => transfer.fail(fault),
        }
    }

    fn judge(self: &Arc<Self>, transfer: &Transfer, got: Sha256) {
        if let Some(other) = self.with_surroundings(|around| transfer.judge(got, around)) {
            self.begin_again(transfer, other);
        }
    }

    fn begin_again(self: &Arc<Self>, transfer: &Transfer, (manner, fault): (Manner, FetchError)) {
        let next = self.enqueue(transfer.arrival.source().clone(), manner, true);
        transfer.arrival.settle(Err(Arc::new(fault)), Some(next));
    }

    fn next_job(&self) -> Option<Job> {
        let mut queue = lock(&self.queue);
        loop {
            if queue.closing {
                return None;
            }
            let over = queue.take_settled();
            if !over.is_empty() {
                // They may hold memory, whose return asks for this lock.
                drop(queue);
                drop(over);
                queue = lock(&self.queue);
                continue;
            }
            let (options, now) = (self.client.options(), Instant::now());
            let around = Choice { options, room: &self.room, tmp: &self.tmp, now };
            let mut wake = None;
            if let Some(job) = queue.pick(around, &mut wake) {
                self.call_one(queue);
                return Some(job);
            }
            queue.idle += 1;
            queue = match wake {
                Some(moment) => {
                    let pause = moment.saturating_duration_since(now);
                    self.work.wait_timeout(queue, pause).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.work.wait(queue).unwrap_or_else(PoisonError::into_inner),
            };
            queue.idle -= 1;
        }
    }

    fn place_local(&self, path: &Path, arrival: &Arrival) -> Result<(), FetchError> {
        self.task.check()?;
        let file = fs::open(path).map_err(|source| arrival.disk_fault(source))?;
        let length = fs::metadata(path).map_err(|source| arrival.disk_fault(source))?.len();
        if let Some(expected) = arrival.source().size.filter(|expected| *expected != length) {
            let package = arrival.source().package.clone();
            let url = path.display().to_string();
            return Err(FetchError::Length { package, url, expected, got: length.to_string() });
        }
        let mut there = RangeSet::default();
        there.insert(0..length);
        arrival.set_length(length);
        arrival.answer();
        arrival.keep_in(Storage::Local { file, path: path.to_owned() }, there);
        Ok(())
    }

    /// Who hashes a file: known before the first byte comes, which may be taken in by any thread.
    fn hasher_of(&self, transfer: &Transfer, is_in_memory: bool) -> HashedBy {
        let length = transfer.arrival.known_length().unwrap_or(u64::MAX);
        match &self.hashing {
            Some(_) if Hashing::takes(length, self.client.options().alone) => HashedBy::Side,
            _ if is_in_memory => HashedBy::Receivers,
            _ => HashedBy::Alone,
        }
    }

    /// Has the digest of a file computed that has its place.
    fn see_to_digest(self: &Arc<Self>, transfer: &Arc<Transfer>) {
        let started = match (transfer.hashed_by(), transfer.arrival.known_length(), &self.hashing) {
            (Some(HashedBy::Side), Some(length), Some(hashing)) => self.hash_aside(hashing, transfer, length),
            (Some(HashedBy::Receivers), ..) => Ok(()),
            _ => {
                let followed = Arc::clone(transfer);
                self.spawn("fetch-hash", move |shared| shared.follow(&followed))
            }
        };
        if let Err(fault) = started {
            transfer.fail(transfer.arrival.thread_fault(&fault));
        }
    }

    fn hash_aside(
        self: &Arc<Self>,
        hashing: &Arc<Hashing>,
        transfer: &Arc<Transfer>,
        length: u64,
    ) -> io::Result<()> {
        if !hashing.join(Arc::clone(transfer), length) {
            return Ok(());
        }
        let hashing = Arc::clone(hashing);
        self.spawn("fetch-hash", move |shared| {
            hashing.run(&shared.task, &|transfer, got| shared.judge(transfer, got));
        })
    }
}

/// Ends everything if a thread panics, so that nobody waits for ever for what it would have done.
struct Alarm<'a>(&'a Shared);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.close();
        }
    }
}
