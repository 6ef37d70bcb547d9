//! From a lock to an environment at its prefix: plan, obtain, compose, build, publish.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Instant;

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::bytecode::attach::Attaching;
use crate::bytecode::{ByteCode, Flavour, child};
use crate::digest::Sha256;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::fetch::CONNECTIONS;
use crate::finish::link_scripts::LinkScripts;
use crate::fs;
use crate::interpreter::Interpreter;
use crate::layout;
use crate::libraries::check;
use crate::link::early::Early;
use crate::link::{LinkMode, Linker};
use crate::lock::{Lock, Unit};
use crate::obtain;
pub use crate::options::Options;
use crate::plan::Plan;
use crate::prefix::Standing;
use crate::prefix::hold::Hold;
use crate::prefix::manifest::Manifest;
use crate::prefix::publish::{PrefixError, Staging, check_name};
use crate::prefix::scripted::Scripted;
use crate::prefix::seal::Seal;
use crate::probe::Node;
use crate::recheck::{Recheck, Verdict};
use crate::reuse::{find_interpreter, reuse, standing_env};
use crate::scheme::Scheme;
use crate::store::Store;
use crate::store::artifact::Artifact;
use crate::store::flock::Flock;
use crate::store::root::Root;
use crate::store::run::{self, Run};
use crate::task::Task;
use crate::timeline::{self, Deed};
use crate::tree::Recipe;

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Where the environment stands.
    pub prefix: PathBuf,
    /// Its id.
    pub env_id: Sha256,
    /// Packages in it.
    pub packages: usize,
    /// Bytes that were fetched.
    pub fetched_bytes: u64,
    /// Whether it was there already, whole.
    pub reused: bool,
    /// What the user should know, a sentence each.
    pub warnings: Vec<String>,
}

/// Makes the environment of a lock, or finds it made.
pub fn materialize(lock: &Lock, options: &Options, task: &Task) -> Result<Report> {
    let make = |task: &Task| find_or_make(lock, options, false, task);
    match &options.timeline {
        Some(path) => timeline::record(path, lock, task, make),
        None => make(task),
    }
}

/// The same, but that what somebody changed is left as it is.
pub fn refresh(lock: &Lock, options: &Options, task: &Task) -> Result<Report> {
    find_or_make(lock, options, true, task)
}

fn find_or_make(lock: &Lock, options: &Options, keep_edits: bool, task: &Task) -> Result<Report> {
    let store = Store::open(&Root::choose(options.root.as_deref())?)?;
    let prefix = prefix_of(lock, &store, options)?;
    let report = match standing_env(lock, &store, &prefix, options) {
        Some(found) => {
            // A run that was killed after its last rename has left its folder, and nobody else would come by.
            run::sweep(&store.folder("tmp"));
            reuse(lock, &store, found, options, task)?
        }
        None => make(lock, &store, &prefix, options, keep_edits, task)?,
    };
    if report.prefix == prefix && child::is_wanted(&prefix) {
        match (options.byte_code, &options.program) {
            (ByteCode::Now, _) => {
                let _span = task.span(Deed::Stage("byte code"), "");
                child::complete(&store, &prefix, false, task)?;
            }
            (ByteCode::Background, Some(program)) => child::request(&store, &prefix, program),
            _ => {}
        }
    }
    Ok(report)
}

fn make(
    lock: &Lock,
    store: &Store,
    prefix: &Path,
    options: &Options,
    keep_edits: bool,
    task: &Task,
) -> Result<Report> {
    // One run a prefix at a time; who waited finds the other's work.
    let _turn = Flock::wait(&store.prefix_flock(prefix), task)?;
    if let Some(found) = standing_env(lock, store, prefix, options) {
        return reuse(lock, store, found, options, task);
    }
    let pool = pool(options.jobs)?;
    let span = task.span(Deed::Stage("look"), "");
    let verdict = Recheck { lock, store, prefix, keep_edits, pool: &pool, task }.run()?;
    drop(span);
    match verdict {
        Verdict::Take { edited } => {
            let _ = Hold::on(prefix);
            let mut report = reuse(lock, store, prefix.to_owned(), options, task)?;
            let changed = || format!("{} was changed since it was materialized", prefix.display());
            report.warnings.extend(edited.then(changed));
            Ok(report)
        }
        Verdict::Make { standing, doubt } => {
            // Read before the store is looked at: what is healed later has a higher number.
            let generation = store.generation(task)?;
            Making { lock, store, prefix, options, task, pool: &pool, doubt, generation }.make(&standing)
        }
    }
}

/// A pool of our own: the global one may be another library's.
pub fn pool(jobs: Option<usize>) -> Result<ThreadPool> {
    let threads = jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let build =
        ThreadPoolBuilder::new().num_threads(threads.max(1)).thread_name(|at| format!("fastenv-{at}"));
    build.build().map_err(|fault| Error::Threads(fault.to_string()))
}

fn prefix_of(lock: &Lock, store: &Store, options: &Options) -> Result<PathBuf> {
    let prefix = match &options.prefix {
        Some(prefix) => without_links(prefix)?,
        None => store.env_prefix(lock.env_id),
    };
    check_name(&prefix)?;
    Ok(prefix)
}

/// Scripts and state name the prefix: by one name, whatever links led to it.
fn without_links(prefix: &Path) -> Result<PathBuf> {
    let absolute = |source| fs::FsError { action: "resolve", path: prefix.to_owned(), source };
    let prefix = std::path::absolute(prefix).map_err(absolute)?;
    let (Some(parent), Some(name)) = (prefix.parent(), prefix.file_name()) else {
        let why = "it is no folder that can be made";
        return Err(PrefixError::Unfit { path: prefix, why }.into());
    };
    fs::create_dir_all(parent)?;
    Ok(fs::canonicalize(&prefix).or_else(|_| fs::canonicalize(parent).map(|parent| parent.join(name)))?)
}

/// Times that a tree is begun again because an artifact went away while it was linked.
const TRIES: u32 = 3;

/// What a tree is built from, and how.
struct Parts<'a> {
    artifacts: &'a [Artifact],
    linker: &'a Linker,
    early: Option<&'a Early<'a>>,
    scheme: &'a Scheme,
}

/// One making of one environment, under the lock of its prefix.
struct Making<'a> {
    lock: &'a Lock,
    store: &'a Store,
    prefix: &'a Path,
    options: &'a Options,
    task: &'a Task,
    pool: &'a ThreadPool,
    /// Check all artifacts.
    doubt: bool,
    /// Of the store, when the run began.
    generation: u64,
}

impl Making<'_> {
    fn make(&self, standing: &Standing) -> Result<Report> {
        if *standing == Standing::Foreign {
            return Err(PrefixError::Foreign(self.prefix.to_owned()).into());
        }
        let mut warnings = Vec::new();
        self.check_node(&mut warnings)?;
        let interpreter = self.interpreter(&mut warnings)?;
        let interpreter = interpreter.as_ref();
        let program = interpreter.map(|interpreter| interpreter.executable.as_path());
        let allow = &self.options.allow_missing_libs;
        warnings.extend(check::demand(&self.lock.libraries, program, allow, self.task)?);
        // No artifact is taken away from here on.
        let _store = Flock::wait_shared(&self.store.flock("store"), self.task)?;
        let run = Run::begin(&self.store.folder("tmp"))?;
        let kept = self.fill(&run, standing, interpreter, &mut warnings)?;
        if let Some(kept) = kept {
            self.warn(&mut warnings, "", format!("what was changed there is kept as {}", kept.display()));
        }
        Ok(Report {
            prefix: self.prefix.to_owned(),
            env_id: self.lock.env_id,
            packages: self.lock.count(),
            fetched_bytes: self.task.counters.fetched_bytes.load(Ordering::Relaxed),
            reused: false,
            warnings,
        })
    }

    /// Gets the artifacts and builds the tree of them.
    fn fill(
        &self,
        run: &Run,
        standing: &Standing,
        interpreter: Option<&Interpreter>,
        warnings: &mut Vec<String>,
    ) -> Result<Option<PathBuf>> {
        let scheme = Scheme::of(self.lock);
        let told = warnings.len();
        for tried in 0.. {
            warnings.truncate(told);
            let staging = Staging::prepare(self.prefix, standing, run, self.store.owns(self.prefix))?;
            let linker = Linker::new(self.link_mode(warnings));
            let early = Early::new(self.lock, &linker, staging.folder(), &scheme);
            let early = staging.is_beside().then_some(&early);
            let artifacts = self.stage("fetch", || self.artifacts(run, early, warnings))?;
            let parts = Parts { artifacts: &artifacts, linker: &linker, early, scheme: &scheme };
            match self.build(&staging, standing, interpreter, &parts, warnings) {
                Err(fault) if tried < TRIES && self.may_lack_some(&fault, &artifacts)? => {}
                done => return done,
            }
        }
        unreachable!("the last try returns")
    }

    /// As asked for; but scripts write into files as if they were alone, so none is shared with the store then.
    fn link_mode(&self, warnings: &mut Vec<String>) -> LinkMode {
        let mode = self.options.link_mode;
        if !self.lock.link_scripts || self.lock.conda.is_empty() {
            return mode;
        }
        if mode == LinkMode::Hardlink {
            let message = "files are copied, not linked: link scripts may write into them";
            self.warn(warnings, "", message.to_owned());
        }
        mode.max(LinkMode::Reflink)
    }

    /// Whether the fault may be that an artifact went away while it was linked: replaced by another, taken by gc where
    /// there are no locks, or without a file that somebody removed. What is left of such a one is removed.
    fn may_lack_some(&self, fault: &Error, artifacts: &[Artifact]) -> Result<bool> {
        if !matches!(fault, Error::Fs(fault) if fault.kind() == std::io::ErrorKind::NotFound) {
            return Ok(false);
        }
        let broken: Vec<Sha256> = self.pool.install(|| {
            artifacts.par_iter().filter(|artifact| !artifact.is_whole()).map(|it| it.sha256).collect()
        });
        for sha256 in broken {
            self.store.discard_broken(sha256)?;
        }
        Ok(true)
    }

    /// Whether this machine has what the lock's packages want of it.
    fn check_node(&self, warnings: &mut Vec<String>) -> Result<()> {
        for warning in Node::new(&self.options.overrides, self.options.program.clone()).check(self.lock)? {
            self.warn(warnings, "", warning);
        }
        Ok(())
    }

    /// That of the node, if the environment is to be a venv of it.
    fn interpreter(&self, warnings: &mut Vec<String>) -> Result<Option<Interpreter>> {
        let span = self.task.span(Deed::Stage("interpreter"), "");
        let Some((interpreter, warning)) = find_interpreter(self.lock, self.store, self.options)? else {
            return Ok(None);
        };
        drop(span);
        if let Some(warning) = warning {
            self.warn(warnings, "", warning);
        }
        Ok(Some(interpreter))
    }

    /// All artifacts, in the order of the units; those that the store lacks are fetched.
    fn artifacts(
        &self,
        run: &Run,
        early: Option<&Early<'_>>,
        warnings: &mut Vec<String>,
    ) -> Result<Vec<Artifact>> {
        let span = self.task.span(Deed::Stage("plan"), "");
        let units: Vec<Unit<'_>> = self.lock.units().collect();
        let find = |unit: &Unit<'_>| self.store.admit(unit.sha256, self.doubt, self.task);
        let found: Result<Vec<Option<Artifact>>> = self.pool.install(|| units.par_iter().map(find).collect());
        let mut found = found?;
        let present: HashSet<Sha256> = found.iter().flatten().map(|artifact| artifact.sha256).collect();
        let plan = Plan::new(self.lock, &present);
        drop(span);
        self.announce(&plan);
        let stored = |at: usize, artifact: &Artifact| {
            if let (Some(early), Ok(at)) = (early, u32::try_from(at)) {
                early.place(at, artifact, self.task);
            }
        };
        let request = obtain::Request {
            lock: self.lock,
            store: self.store,
            plan: &plan,
            connections: self.options.connections.unwrap_or(CONNECTIONS),
            pool: self.pool,
            run,
            stored: early.is_some().then_some(&stored),
            present: &found,
        };
        for artifact in request.run(self.task)? {
            for at in (0..units.len()).filter(|&at| units[at].sha256 == artifact.sha256) {
                found[at] = Some(Artifact::clone(&artifact));
            }
        }
        let artifacts: Vec<Artifact> = found.into_iter().flatten().collect();
        debug_assert_eq!(artifacts.len(), units.len(), "what was missing was obtained");
        self.check(&units, &artifacts, warnings)?;
        Ok(artifacts)
    }

    /// Whether all are what the lock says, and what there is to know of them.
    fn check(&self, units: &[Unit<'_>], artifacts: &[Artifact], warnings: &mut Vec<String>) -> Result<()> {
        let mut lacks = obtain::Lacks::new();
        for (unit, artifact) in units.iter().zip(artifacts) {
            if let Err(fault) = obtain::check(self.lock, unit.owner, &artifact.index) {
                lacks.add(unit.name, fault.into())?;
            }
            for warning in &artifact.index.warnings {
                self.warn(warnings, unit.name, warning.clone());
            }
        }
        lacks.into_result()
    }

    fn announce(&self, plan: &Plan) {
        let (packages, missing) = (self.lock.count() as u64, plan.missing.len() as u64);
        let counters = &self.task.counters;
        counters.packages_total.store(packages, Ordering::Relaxed);
        counters.packages_done.store(packages - missing, Ordering::Relaxed);
        counters.total_bytes.store(plan.bytes, Ordering::Relaxed);
        self.task.emit(Event::Planned { packages, missing, bytes: plan.bytes });
    }

    fn build(
        &self,
        staging: &Staging,
        standing: &Standing,
        interpreter: Option<&Interpreter>,
        parts: &Parts<'_>,
        warnings: &mut Vec<String>,
    ) -> Result<Option<PathBuf>> {
        let Parts { artifacts, linker, early, scheme } = *parts;
        let span = self.task.span(Deed::Stage("layout"), "");
        let layout = layout::compose(self.lock, artifacts, scheme)?;
        drop(span);
        for (package, message) in &layout.warnings {
            self.warn(warnings, package, message.clone());
        }
        staging.begin()?;
        let folder = staging.folder();
        let recipe = Recipe {
            lock: self.lock,
            artifacts,
            layout: &layout,
            interpreter,
            scheme,
            store: self.store,
            staging: &folder,
            prefix: self.prefix,
            early,
        };
        self.stage("link", || {
            self.pool.install(|| {
                let manifest = recipe.build(linker, self.task)?;
                self.attach(&folder, interpreter, artifacts, &manifest, linker)
            })
        })?;
        self.publish(staging, standing, interpreter, artifacts, warnings)
    }

    /// Completes the tree and puts it to its place; with link scripts, the other way round.
    fn publish(
        &self,
        staging: &Staging,
        standing: &Standing,
        interpreter: Option<&Interpreter>,
        artifacts: &[Artifact],
        warnings: &mut Vec<String>,
    ) -> Result<Option<PathBuf>> {
        let &Self { lock, store, prefix, task, generation, .. } = self;
        let seal = Seal { lock, store, prefix, interpreter, generation, durable: self.options.durable };
        let scripts = LinkScripts::of(lock, artifacts);
        for package in &scripts.left_out {
            let message = "its pre-link script is not run: it would change what environments share";
            self.warn(warnings, package, message.to_owned());
        }
        let (kept, told) = self.stage("publish", || {
            let _span = task.span(Deed::Stage("publish"), "");
            if scripts.is_empty() {
                seal.put(&staging.folder())?;
                task.heard()?;
                seal.keep_lock()?;
                return Ok((staging.publish(standing)?, Vec::new()));
            }
            task.heard()?;
            seal.keep_lock()?;
            let scripted = Scripted { lock, artifacts, scripts: &scripts, prefix, task };
            scripted.publish(staging, standing, |folder| seal.put(folder))
        })?;
        for (package, message) in told {
            self.warn(warnings, &package, message);
        }
        Ok(kept)
    }

    /// Links the byte code that the store has.
    fn attach(
        &self,
        tree: &Path,
        interpreter: Option<&Interpreter>,
        artifacts: &[Artifact],
        manifest: &Manifest,
        linker: &Linker,
    ) -> Result<()> {
        // The byte code of an environment with a python of its own is made and linked when it can be asked.
        let flavour = interpreter.and_then(Flavour::of).filter(|_| self.options.byte_code != ByteCode::No);
        let Some(flavour) = flavour else { return Ok(()) };
        let find = |artifact: &Artifact| flavour.find(self.store, artifact.sha256);
        let byte_code: Vec<Artifact> = artifacts.par_iter().filter_map(find).collect();
        let scheme = Scheme::of(self.lock);
        let attaching = Attaching { tree, scheme: &scheme, byte_code: &byte_code, lost: &manifest.lost };
        let _span = self.task.span(Deed::Stage("byte code"), "");
        attaching.run(linker, self.task)?;
        if byte_code.len() == artifacts.len() {
            child::settle(tree)?;
        }
        Ok(())
    }

    fn stage<T>(&self, name: &'static str, deed: impl FnOnce() -> Result<T>) -> Result<T> {
        let _span = self.task.span(Deed::Frame(name), "");
        let begun = Instant::now();
        let done = deed()?;
        self.task.emit(Event::Stage { name, took: begun.elapsed() });
        Ok(done)
    }

    fn warn(&self, warnings: &mut Vec<String>, package: &str, message: String) {
        warnings.push(self.task.warn(package, message));
    }
}
