//! Hears what has arrived and hands out what can be done.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use rayon::ScopeFifo;

use crate::error::{Error, Result};
use crate::event::Event;
use crate::fetch::{Arrival, Fetcher, Source};
use crate::fs;
use crate::obtain::addresses::addresses;
use crate::obtain::begin::{Beginning, Place, keep};
use crate::obtain::in_order::{self, Streams};
use crate::obtain::job::{Job, Outlook, Step};
use crate::obtain::lacks::Lacks;
use crate::obtain::unpacking::Unpacking;
use crate::obtain::work::{Urgency, Work};
use crate::obtain::{Request, Stored, check};
use crate::store::artifact::Artifact;
use crate::store::flock::Flock;
use crate::task::{Cancelled, Task};
use crate::timeline::Deed;
use crate::unpack::ReadAt as _;

/// Jobs at once beyond the connections: so that no connection waits for one that is being unpacked.
const AHEAD: usize = 8;

/// What the coordinator hears.
enum News {
    /// A package's place was looked at.
    Begun(usize, Result<Beginning>),
    /// Bytes of a job have arrived, or it failed.
    Arrived(usize),
    /// Its directory was read.
    Opened(usize, Result<Unpacking>),
    /// One of its entries was written.
    Extracted(usize, Result<()>),
    /// It is in the store.
    Published(usize, Result<Artifact>),
}

/// The state of one [`Request::run`].
pub(super) struct Coordinator<'a> {
    request: &'a Request<'a>,
    /// Gone once something has failed.
    fetcher: Option<Fetcher>,
    task: &'a Task,
    /// Packages that were not begun.
    queue: VecDeque<usize>,
    /// Packages that another run is getting.
    elsewhere: VecDeque<usize>,
    /// Packages whose places are being looked at.
    beginning: usize,
    /// Those that are not over, by a number of their own.
    jobs: HashMap<usize, Job>,
    begun: usize,
    done: Vec<Arc<Artifact>>,
    /// Once something can't be had: from then on the rest is only asked for.
    lacks: Option<Lacks>,
    sender: Sender<News>,
    inbox: Receiver<News>,
    work: Arc<Work<'a>>,
    /// `None` if no artifact is unpacked in the order of its bytes.
    streams: Option<Streams<'a>>,
}

impl<'a> Coordinator<'a> {
    pub(super) fn new(
        request: &'a Request<'a>,
        fetcher: Fetcher,
        streams: Option<Streams<'a>>,
        task: &'a Task,
    ) -> Self {
        let (sender, inbox) = channel();
        Self {
            request,
            fetcher: Some(fetcher),
            task,
            queue: request.plan.missing.iter().copied().collect(),
            elsewhere: VecDeque::new(),
            beginning: 0,
            jobs: HashMap::new(),
            begun: 0,
            done: Vec::new(),
            lacks: None,
            sender,
            inbox,
            work: Arc::default(),
            streams,
        }
    }

    /// Has [`Place::begin`] done for the packages that come out of the receiver, on a thread of its own: it waits for
    /// the disk, and meanwhile there is work to hand out.
    pub(super) fn beginner(&self) -> (Sender<usize>, impl FnOnce() + Send + 'a) {
        let (orders, inbox) = channel();
        let (sender, place) = (self.sender.clone(), self.place());
        let work = move || {
            for package in inbox {
                // The coordinator may be gone: then nobody needs to know.
                let _ = sender.send(News::Begun(package, place.begin(package)));
            }
        };
        (orders, work)
    }

    fn place(&self) -> Place<'a> {
        Place { request: self.request, task: self.task }
    }

    pub(super) fn run<'s>(
        &mut self,
        scope: &ScopeFifo<'s>,
        orders: &Sender<usize>,
    ) -> Result<Vec<Arc<Artifact>>>
    where
        'a: 's,
    {
        let present = self.request.present.iter().enumerate();
        for (at, artifact) in present.filter_map(|(at, found)| Some((at, found.as_ref()?))) {
            self.tell(scope, move |stored| stored(at, artifact));
        }
        let result = self.work(scope, orders);
        if result.is_err() {
            // Readers that wait for bytes must not wait for ever.
            self.fetcher = None;
        }
        result.map(|()| std::mem::take(&mut self.done))
    }

    fn work<'s>(&mut self, scope: &ScopeFifo<'s>, orders: &Sender<usize>) -> Result<()>
    where
        'a: 's,
    {
        loop {
            self.begin_jobs(scope, orders)?;
            if (self.jobs.is_empty() && self.beginning == 0) || self.is_past_asking() {
                return self.lacks.take().map_or(Ok(()), Lacks::into_result);
            }
            match self.inbox.recv_timeout(Duration::from_millis(100)) {
                Ok(news) => self.hear(news, scope)?,
                Err(RecvTimeoutError::Timeout) => self.task.check()?,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    /// Whether something can't be had, and enough time was spent on what else can't.
    fn is_past_asking(&mut self) -> bool {
        let left = self.queue.len() + self.beginning + self.jobs.len();
        let Some(lacks) = self.lacks.as_mut().filter(|lacks| lacks.is_over()) else { return false };
        lacks.leave(left);
        true
    }

    /// Begins as many jobs as there is room for; what other runs are getting comes last.
    fn begin_jobs<'s>(&mut self, scope: &ScopeFifo<'s>, orders: &Sender<usize>) -> Result<()>
    where
        'a: 's,
    {
        let room = self.request.connections + AHEAD;
        while self.jobs.len() + self.beginning < room
            && let Some(package) = self.queue.pop_front()
        {
            self.beginning += 1;
            // The beginner lives as long as the sender.
            let _ = orders.send(package);
        }
        while self.jobs.is_empty()
            && self.beginning == 0
            && self.lacks.is_none()
            && let Some(package) = self.elsewhere.pop_front()
        {
            let span = self.task.span(Deed::Wait, self.name(package));
            let turn = Flock::wait(&self.place().lock_path(package), self.task)?;
            drop(span);
            let begun = self.place().begin_with(package, turn);
            self.beginning += 1;
            self.hear(News::Begun(package, begun), scope)?;
        }
        Ok(())
    }

    fn name(&self, package: usize) -> &'a str {
        self.request.lock.unit(package).name
    }

    fn fetcher(&self) -> Result<&Fetcher> {
        self.fetcher.as_ref().ok_or(Error::Cancelled(Cancelled))
    }

    fn begin<'s>(&mut self, package: usize, beginning: Beginning, scope: &ScopeFifo<'s>) -> Result<()>
    where
        'a: 's,
    {
        let (turn, file, folder) = match beginning {
            Beginning::Elsewhere => {
                self.elsewhere.push_back(package);
                return Ok(());
            }
            Beginning::Found(artifact) => {
                self.count(package, *artifact, scope);
                return Ok(());
            }
            Beginning::Ours { turn, file, folder } => (turn, file, folder),
        };
        let locked = self.request.lock.unit(package);
        let urls = match addresses(&locked) {
            Ok(urls) if file.is_none() => urls,
            Err(fault) if file.is_none() => return self.lack(package, fault),
            _ => Vec::new(),
        };
        if self.lacks.as_mut().is_some_and(|lacks| lacks.passes_over(&urls)) {
            return Ok(());
        }
        let source = Source {
            urls,
            index: locked.named.map(|file| file.index.name.clone()),
            size: locked.size,
            sha256: locked.sha256,
            package: locked.name.to_owned(),
            file_name: locked.file_name.to_owned(),
        };
        let arrival = match &file {
            Some(path) => self.fetcher()?.open(path, source),
            None => self.start(source, in_order::can_be(locked))?,
        };
        let at = self.begun;
        self.begun += 1;
        let job = Job::new(package, arrival, file, folder, turn);
        self.follow(at, &job);
        self.jobs.insert(at, job);
        Ok(())
    }

    fn start(&self, source: Source, can_be_in_order: bool) -> Result<Arc<Arrival>> {
        let is_in_order = can_be_in_order && self.streams.is_some();
        let fetcher = self.fetcher()?;
        Ok(if is_in_order { fetcher.start_in_order(source) } else { fetcher.start(source) })
    }

    fn follow(&self, at: usize, job: &Job) {
        let (sender, is_quiet) = (self.sender.clone(), Arc::clone(&job.is_quiet));
        job.arrival.subscribe(Box::new(move |is_over| {
            if is_over || !is_quiet.load(Ordering::Relaxed) {
                // The coordinator may be gone: then nobody needs to know.
                let _ = sender.send(News::Arrived(at));
            }
        }));
        // What came before the subscription.
        let _ = self.sender.send(News::Arrived(at));
    }

    fn hear<'s>(&mut self, news: News, scope: &ScopeFifo<'s>) -> Result<()>
    where
        'a: 's,
    {
        let (at, failed) = match news {
            News::Begun(package, beginning) => {
                self.beginning -= 1;
                return match beginning {
                    Ok(beginning) => self.begin(package, beginning, scope),
                    Err(fault) => self.lack(package, fault),
                };
            }
            News::Arrived(at) => (at, None),
            News::Opened(at, Ok(unpacking)) => {
                self.begin_unpacking(at, unpacking);
                (at, Some(None))
            }
            News::Extracted(at, Ok(())) => (at, Some(None)),
            News::Published(at, Ok(artifact)) => {
                self.close(at, artifact, scope);
                return Ok(());
            }
            News::Opened(at, Err(fault))
            | News::Extracted(at, Err(fault))
            | News::Published(at, Err(fault)) => (at, Some(Some(fault))),
        };
        // A job that is over may still be spoken of by its arrival; one that was left, by those who worked on it.
        let Some(job) = self.jobs.get_mut(&at) else { return Ok(()) };
        if let Some(fault) = failed {
            job.handed_out -= 1;
            if fault.is_some() {
                // What is wrong is known once all bytes are there: they must not wait for being read.
                job.arrival.pass(u64::MAX);
            }
            job.fault = job.fault.take().or(fault);
        }
        self.advance(at, scope)
    }

    /// Takes down that a package can't be had, if nothing else can be the matter; then the others are looked at.
    fn lack(&mut self, package: usize, fault: Error) -> Result<()> {
        let is_first = self.lacks.is_none();
        let name = self.name(package);
        self.lacks.get_or_insert_with(Lacks::new).add(name, fault)?;
        if is_first {
            self.fetcher()?.hurry();
            self.queue.extend(self.elsewhere.drain(..));
            for &at in self.jobs.keys() {
                let _ = self.sender.send(News::Arrived(at));
            }
        }
        Ok(())
    }

    fn job(&mut self, at: usize) -> &mut Job {
        self.jobs.get_mut(&at).expect("a job stays until it is published, which is the last work on it")
    }

    /// Hands out all that can be done of a job now.
    fn advance<'s>(&mut self, at: usize, scope: &ScopeFifo<'s>) -> Result<()>
    where
        'a: 's,
    {
        let is_asking = self.lacks.is_some();
        let job = self.job(at);
        match job.outlook() {
            Outlook::Fails(fault) => return self.leave(at, Some(fault)),
            _ if is_asking && job.is_long_and_there() => return self.leave(at, None),
            Outlook::Waits => return Ok(()),
            Outlook::BeginsAgain(next) => return self.restart(at, &next),
            Outlook::GoesOn => {}
        }
        if job.can_open() {
            job.step = Step::Opening;
            self.open_directory(at, scope);
        } else if matches!(job.step, Step::Stuck) {
            job.arrival.stop();
            let source = job.arrival.source().clone();
            let next = self.start(source, false)?;
            return self.restart(at, &next);
        }
        while let Some((unpacking, entry, is_ahead)) = self.job(at).next_entry() {
            let task = self.task;
            let extract = move || unpacking.extract(entry, task).map_err(Error::from);
            let deed = if is_ahead { Deed::UnpackAhead } else { Deed::Unpack };
            self.hand_out(at, deed, Urgency::InTurn, scope, move || News::Extracted(at, extract()));
        }
        if let Some(unpacking) = self.job(at).take_unpacked() {
            self.publish(at, unpacking, scope);
        }
        Ok(())
    }

    /// Does nothing more for a job: it failed, or was only asked for.
    fn leave(&mut self, at: usize, fault: Option<Error>) -> Result<()> {
        let Some(job) = self.jobs.remove(&at) else { return Ok(()) };
        job.arrival.stop();
        fault.or(job.fault).map_or(Ok(()), |fault| self.lack(job.package, fault))
    }

    /// Begins again with bytes that come in another way.
    fn restart(&mut self, at: usize, next: &Arc<Arrival>) -> Result<()> {
        let job = self.job(at);
        fs::remove_tree(&job.folder)?;
        fs::create_dir(&job.folder)?;
        job.arrival = next.clone();
        job.step = Step::Arriving;
        (job.directory, job.fault) = (None, None);
        job.is_quiet.store(false, Ordering::Relaxed);
        self.follow(at, &self.jobs[&at]);
        Ok(())
    }

    fn open_directory<'s>(&mut self, at: usize, scope: &ScopeFifo<'s>)
    where
        'a: 's,
    {
        let job = &self.jobs[&at];
        let (lock, package) = (self.request.lock, job.package);
        let (arrival, tree) = (job.arrival.clone(), job.folder.join("tree"));
        self.hand_out(at, Deed::Unpack, Urgency::AtOnce, scope, move || {
            News::Opened(at, Unpacking::new(lock, package, arrival, tree).map_err(Error::from))
        });
    }

    fn begin_unpacking(&mut self, at: usize, unpacking: Unpacking) {
        match self.jobs.get_mut(&at) {
            Some(job) if !job.arrival.is_in_order() => job.unpack(unpacking),
            Some(_) if unpacking.is_read_once() => self.unpack_in_order(at, unpacking),
            Some(job) => job.step = Step::Stuck,
            None => {}
        }
    }

    /// Has the entries of an artifact unpacked one after the other as they come.
    fn unpack_in_order(&mut self, at: usize, unpacking: Unpacking) {
        let (sender, task) = (self.sender.clone(), self.task);
        let job = self.job(at);
        let unpacking = Arc::new(unpacking);
        job.step = Step::Unpacking { unpacking: Arc::clone(&unpacking), waiting: Vec::new() };
        job.is_quiet.store(true, Ordering::Relaxed);
        let (arrival, package) = (Arc::clone(&job.arrival), job.package);
        job.handed_out += 1;
        let (name, size) = (self.name(package), arrival.len());
        let work = move || {
            let span = task.span(Deed::UnpackAhead, name);
            let unpacked = in_order::unpack(&unpacking, &arrival, task).map_err(Error::from);
            drop(span);
            let _ = sender.send(News::Extracted(at, unpacked));
        };
        match &self.streams {
            Some(streams) => streams.add(size, Box::new(work)),
            None => work(),
        }
    }

    /// Publishes an artifact, once its sha256 is known to be right and its files are those that were locked.
    fn publish<'s>(&mut self, at: usize, unpacking: Arc<Unpacking>, scope: &ScopeFifo<'s>)
    where
        'a: 's,
    {
        let job = &self.jobs[&at];
        let made = job.folder.clone();
        let (store, lock, locked) =
            (self.request.store, self.request.lock, self.request.lock.unit(job.package));
        let file = job.file.clone();
        let publish = move || -> Result<Artifact> {
            let index = unpacking.finish()?;
            check(lock, locked.owner, &index)?;
            if let Some(file) = &file {
                keep(store, locked, file, &made)?;
            }
            Ok(Artifact::publish(&made, &store.artifact_folder(locked.sha256), locked.sha256, index)?)
        };
        self.hand_out(at, Deed::Unpack, Urgency::AtOnce, scope, move || News::Published(at, publish()));
    }

    fn hand_out<'s>(
        &mut self,
        at: usize,
        deed: Deed,
        urgency: Urgency,
        scope: &ScopeFifo<'s>,
        work: impl FnOnce() -> News + Send + 'a,
    ) where
        'a: 's,
    {
        let (sender, task) = (self.sender.clone(), self.task);
        let job = self.job(at);
        job.handed_out += 1;
        let package = job.package;
        let name = self.name(package);
        self.work.add(urgency, move || {
            let span = task.span(deed, name);
            let news = work();
            drop(span);
            let _ = sender.send(news);
        });
        self.take_up(scope);
    }

    /// A job is over: its lock is given up, and its bytes, for whose memory others may wait.
    fn close<'s>(&mut self, at: usize, artifact: Artifact, scope: &ScopeFifo<'s>)
    where
        'a: 's,
    {
        let Some(job) = self.jobs.remove(&at) else { return };
        self.task.emit(Event::Stored { package: self.name(job.package).to_owned() });
        self.count(job.package, artifact, scope);
    }

    fn count<'s>(&mut self, package: usize, artifact: Artifact, scope: &ScopeFifo<'s>)
    where
        'a: 's,
    {
        self.task.counters.packages_done.fetch_add(1, Ordering::Relaxed);
        let artifact = Arc::new(artifact);
        self.done.push(Arc::clone(&artifact));
        self.tell(scope, move |stored| stored(package, &artifact));
    }

    /// Has it told that an artifact is stored.
    fn tell<'s>(&self, scope: &ScopeFifo<'s>, tell: impl FnOnce(&Stored<'a>) + Send + 'a)
    where
        'a: 's,
    {
        if let Some(stored) = self.request.stored {
            self.work.add(Urgency::AtLast, move || tell(stored));
            self.take_up(scope);
        }
    }

    /// Whoever is free does what is most urgent by then.
    fn take_up<'s>(&self, scope: &ScopeFifo<'s>)
    where
        'a: 's,
    {
        let work = Arc::clone(&self.work);
        scope.spawn_fifo(move |_| work.do_next());
    }
}
