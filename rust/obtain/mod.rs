//! Gets the artifacts that the store lacks: fetched, unpacked while they arrive, published one by one.
//!
//! One thread coordinates and never waits for bytes: it hears what has arrived and hands out work that can be
//! done at once. There are no phases: while one artifact arrives, entries of another are inflated, and a third
//! is published. Who finds an artifact locked by another run takes the next one, and waits for it last.
//!
//! Where one can't be had, the others are still asked for, so that one run names all: small ones are got, of larger
//! ones only the beginning of an answer is waited for ([`Lacks`]).

mod addresses;
mod begin;
mod coordinator;
mod in_order;
mod job;
pub(crate) mod lacks;
mod unpacking;
mod work;

use std::path::PathBuf;
use std::sync::Arc;

use rayon::ThreadPool;

use crate::digest::Sha256;
use crate::digest::together::alone_above;
use crate::error::{Error, Result};
use crate::fetch::{Client, Fetcher, Options};
use crate::lock::{Lock, Overlay, Owner, Package};
use crate::plan::Plan;
use crate::store::Store;
use crate::store::artifact::Artifact;
use crate::store::run::Run;
use crate::task::Task;
use crate::unpack::version::{normalize_name, same_version};
use crate::unpack::{Index, overlay};

use coordinator::Coordinator;
use in_order::Streams;
pub use lacks::Lacks;

/// An artifact that is not what was locked.
#[derive(Debug, thiserror::Error)]
pub enum MismatchError {
    /// Its files are not those that were scanned.
    #[error(
        "{package}: {file_name} has other files than the environment that was locked \
         (files digest {found}, locked {locked})"
    )]
    Files {
        /// Normalized name.
        package: String,
        /// The wheel.
        file_name: String,
        /// As the lock says.
        locked: Sha256,
        /// As the wheel gives.
        found: Sha256,
    },
    /// METADATA names another package or version; another lock had it unpacked as that.
    #[error("{package}: {file_name}: METADATA says {field} {found:?}, the lock {locked:?}")]
    Identity {
        /// Normalized name.
        package: String,
        /// The wheel.
        file_name: String,
        /// `Name` or `Version`.
        field: &'static str,
        /// As the lock says.
        locked: String,
        /// As the wheel says.
        found: String,
    },
    /// The archive is of another kind, and another lock had it unpacked as that.
    #[error("{name}: its archive is no overlay of this name and place")]
    Overlay {
        /// As the lock says.
        name: String,
    },
    /// A file beside the lock is not there.
    #[error("{package}: {} is not there", path.display())]
    Absent {
        /// Normalized name.
        package: String,
        /// Where the lock says it is.
        path: PathBuf,
    },
}

/// Whether an artifact is what its lock says: a wheel with the files that were scanned, an overlay of its name.
pub fn check(lock: &Lock, owner: Owner, index: &Index) -> std::result::Result<(), MismatchError> {
    match owner {
        Owner::Wheel(at) => {
            check_identity(&lock.packages[at], index)?;
            check_files(&lock.packages[at], index)
        }
        Owner::Overlay(at) => check_overlay(&lock.overlays[at], index),
        Owner::Conda(_) => Ok(()),
    }
}

fn check_overlay(locked: &Overlay, index: &Index) -> std::result::Result<(), MismatchError> {
    if overlay::is_of(index, &locked.name, locked.place) {
        return Ok(());
    }
    Err(MismatchError::Overlay { name: locked.name.clone() })
}

/// What is unpacked anew is held against the lock there; what the store has, another lock may have brought.
fn check_identity(package: &Package, index: &Index) -> std::result::Result<(), MismatchError> {
    let (field, locked, found) = if normalize_name(&index.name) != package.name {
        ("Name", &package.name, &index.name)
    } else if same_version(&index.version, &package.version) {
        return Ok(());
    } else {
        ("Version", &package.version, &index.version)
    };
    Err(MismatchError::Identity {
        package: package.name.clone(),
        file_name: package.file_name.clone(),
        field,
        locked: locked.clone(),
        found: found.clone(),
    })
}

fn check_files(package: &Package, index: &Index) -> std::result::Result<(), MismatchError> {
    match package.files_digest {
        Some(locked) if locked != index.files_digest => Err(MismatchError::Files {
            package: package.name.clone(),
            file_name: package.file_name.clone(),
            locked,
            found: index.files_digest,
        }),
        _ => Ok(()),
    }
}

/// What to get, and with what.
pub struct Request<'a> {
    /// Whose packages.
    pub lock: &'a Lock,
    /// Where they go.
    pub store: &'a Store,
    /// Which are missing.
    pub plan: &'a Plan,
    /// Connections at once.
    pub connections: usize,
    /// Threads that unpack.
    pub pool: &'a ThreadPool,
    /// This run's own folder.
    pub run: &'a Run,
    /// Told of each artifact once it is in the store, with its position in the lock, on threads of the pool that have
    /// nothing more urgent to do: of those that are `present` first.
    pub stored: Option<&'a Stored<'a>>,
    /// By position in the lock: what the store has.
    pub present: &'a [Option<Artifact>],
}

/// See [`Request::stored`].
pub type Stored<'a> = dyn Fn(usize, &Artifact) + Sync + 'a;

impl Request<'_> {
    /// Gets all that is missing; what was good stays in the store, whatever fails.
    pub fn run(&self, task: &Task) -> Result<Vec<Arc<Artifact>>> {
        if self.plan.missing.is_empty() {
            return Ok(Vec::new());
        }
        let missing = self.plan.missing.iter().map(|&at| self.lock.unit(at));
        let options = Options {
            connections: self.connections,
            alone: alone_above(missing.filter_map(|unit| unit.size)),
            tail_first: true,
            ..Options::from_environment()
        };
        let memory_file = options.memory_file;
        let fetcher = Fetcher::new(Client::new(options), &self.store.folder("tmp"), task);
        std::thread::scope(|threads| {
            let largest = Streams::worth_it(self, memory_file);
            let streams = largest.map(|largest| Streams::start(threads, largest)).transpose()?;
            let mut coordinator = Coordinator::new(self, fetcher, streams, task);
            let (orders, beginner) = coordinator.beginner();
            let started =
                std::thread::Builder::new().name("begin".to_owned()).spawn_scoped(threads, beginner);
            started.map_err(|fault| Error::Threads(fault.to_string()))?;
            self.pool.in_place_scope_fifo(|scope| coordinator.run(scope, &orders))
        })
    }
}
