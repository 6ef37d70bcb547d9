//! Byte code for environments that are ready without it: asked for in the store, made by one process a store that
//! nobody waits for. Killed at any moment, it loses nothing but its time.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::bytecode::Flavour;
use crate::bytecode::attach::Attaching;
use crate::bytecode::compile::Compiling;
use crate::error::Result;
use crate::fs;
use crate::interpreter;
use crate::link::{LinkMode, Linker};
use crate::prefix::hold::Hold;
use crate::prefix::manifest::Manifest;
use crate::prefix::own_folder;
use crate::prefix::state::State;
use crate::scheme::Scheme;
use crate::store::artifact::Artifact;
use crate::store::flock::Flock;
use crate::store::run::Run;
use crate::store::{Store, prefix_name};
use crate::surroundings::without_credentials;
use crate::task::Task;

/// Times that the right to work is asked for, 10 ms apart.
const TRIES: u32 = 20;

/// Whether an environment lacks byte code that it can get: it was not settled, and it is ours to write to.
#[must_use]
pub fn is_wanted(prefix: &Path) -> bool {
    !fs::exists(&marker(prefix)) && fs::is_writable(&own_folder(prefix))
}

/// Notes in a tree that it has all its byte code.
pub fn settle(tree: &Path) -> fs::Result<()> {
    fs::write_atomic(&marker(tree), b"", 0o644)
}

fn marker(prefix: &Path) -> PathBuf {
    own_folder(prefix).join("bytecode")
}

/// Asks for the byte code of the environment at `prefix`, and starts the program that makes it if none is at work.
/// An environment runs without byte code, so what can't be done is left.
pub fn request(store: &Store, prefix: &Path, program: &Path) {
    let _ = try_request(store, prefix, program);
}

fn try_request(store: &Store, prefix: &Path, program: &Path) -> Result<()> {
    let request = requests(store).join(prefix_name(prefix));
    fs::write_atomic(&request, prefix.as_os_str().as_encoded_bytes(), 0o600)?;
    if Flock::try_exclusive(&turn(store))?.is_none() {
        // It looks for requests once more when it has done its work.
        return Ok(());
    }
    let mut command = Command::new(program);
    command.args(["bytecode", "--detach", "--root"]).arg(store.root());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).current_dir("/");
    let fault = |source| fs::FsError { action: "run", path: program.to_owned(), source };
    without_credentials(&mut command).status().map_err(fault)?;
    Ok(())
}

fn requests(store: &Store) -> PathBuf {
    store.folder("bytecode-requests")
}

/// Files that are written whole: others are on their way to such a name.
fn pending(store: &Store) -> fs::Result<Vec<PathBuf>> {
    let mut files = fs::read_dir(&requests(store))?;
    files.retain(|file| file.file_name().is_some_and(|name| !name.as_encoded_bytes().contains(&b'.')));
    Ok(files)
}

fn turn(store: &Store) -> PathBuf {
    store.flock("bytecode")
}

/// The right to work, unless another process has it for longer than it takes to ask.
fn take_turn(store: &Store) -> Result<Option<Flock>> {
    for _ in 0..TRIES {
        if let Some(turn) = Flock::try_exclusive(&turn(store))? {
            return Ok(Some(turn));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(None)
}

/// Does all that was asked for, unless another process is doing it.
pub fn serve(store: &Store, task: &Task) -> Result<()> {
    // A request that comes while the lock is held is seen by the loop; one that comes after, by the next look.
    while !pending(store)?.is_empty() {
        let Some(_turn) = take_turn(store)? else { return Ok(()) };
        for request in pending(store)? {
            let prefix = fs::read(&request)?;
            // Taken before it is done: one that can't be done is not tried for ever.
            fs::remove_file(&request)?;
            task.check()?;
            // One that fails is no reason to leave the others.
            if let Ok(prefix) = String::from_utf8(prefix) {
                let _ = complete(store, Path::new(&prefix), true, task);
            }
        }
    }
    Ok(())
}

/// Makes the byte code that the environment at `prefix` lacks, and links it in.
pub fn complete(store: &Store, prefix: &Path, idle: bool, task: &Task) -> Result<()> {
    // gc takes neither the environment nor its artifacts away meanwhile.
    let Some(_hold) = Hold::on(prefix) else { return Ok(()) };
    let _store = Flock::wait_shared(&store.flock("store"), task)?;
    let Some(environment) = Environment::open(store, prefix)? else { return Ok(()) };
    environment.compile(idle, task)?;
    let _turn = Flock::wait(&store.prefix_flock(prefix), task)?;
    // Another environment may stand there by now.
    if State::read(prefix).is_none_or(|state| state.env_id != environment.state.env_id) {
        return Ok(());
    }
    environment.attach(task)
}

/// What is known of an environment that gets byte code.
struct Environment<'a> {
    store: &'a Store,
    prefix: &'a Path,
    state: State,
    manifest: Manifest,
    artifacts: Vec<Artifact>,
    flavour: Flavour,
}

impl<'a> Environment<'a> {
    /// `None` if there is nothing at the prefix that could get byte code.
    fn open(store: &'a Store, prefix: &'a Path) -> Result<Option<Self>> {
        let (Some(state), Some(manifest)) = (State::read(prefix), Manifest::read(prefix)?) else {
            return Ok(None);
        };
        let found = interpreter::ask(&state.python, Some(&store.folder("interpreters"))).ok();
        let Some(flavour) = found.as_ref().and_then(Flavour::of) else { return Ok(None) };
        let artifacts: Option<Vec<Artifact>> =
            manifest.artifacts.iter().map(|(sha256, _)| store.find(*sha256)).collect();
        let Some(artifacts) = artifacts else { return Ok(None) };
        Ok(Some(Self { store, prefix, state, manifest, artifacts, flavour }))
    }

    fn compile(&self, idle: bool, task: &Task) -> Result<()> {
        let missing = |artifact: &&Artifact| self.flavour.find(self.store, artifact.sha256).is_none();
        let missing: Vec<Artifact> = self.artifacts.iter().filter(missing).cloned().collect();
        if missing.is_empty() {
            return Ok(());
        }
        let run = Run::begin(&self.store.folder("tmp"))?;
        let compiling = Compiling {
            store: self.store,
            run: &run,
            interpreter: &self.state.python,
            flavour: &self.flavour,
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            idle,
        };
        compiling.run(&missing, task)
    }

    fn attach(&self, task: &Task) -> Result<()> {
        let found = self.artifacts.iter().filter_map(|one| self.flavour.find(self.store, one.sha256));
        let byte_code: Vec<Artifact> = found.collect();
        let attaching = Attaching {
            tree: self.prefix,
            scheme: &Scheme::at_site(&self.state.site),
            byte_code: &byte_code,
            lost: &self.manifest.lost,
        };
        let linker = Linker::new(LinkMode::Auto);
        crate::materialize::pool(None)?.install(|| attaching.run(&linker, task))?;
        Ok(settle(self.prefix)?)
    }
}
