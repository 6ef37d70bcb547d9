//! Looks for rot: hashes all that the store holds, names what is wrong, and heals it in new inodes.
//!
//! An artifact is got again with a lock that names it, from an archive that was kept, or from where it came from. One
//! that can't be had is dropped: the next run that needs it fetches it. Environments that may link what was wrong
//! find that out by [`crate::store::healed`], and are made again.

use std::path::{Path, PathBuf};

use rayon::ThreadPool;
use rayon::prelude::*;

use crate::digest::Sha256;
use crate::error::{Kind, Result};
use crate::fetch::CONNECTIONS;
use crate::fs;
use crate::lock::Lock;
use crate::obtain;
use crate::plan::Plan;
use crate::prefix::own_folder;
use crate::store::artifact::Artifact;
use crate::store::check::{Flaw, is_slight};
use crate::store::flock::Flock;
use crate::store::run::Run;
use crate::store::unneeded::{Sort, key};
use crate::store::{Store, lock_id};
use crate::task::Task;
use crate::verify::{Fault, digest};

/// What was looked at, and what was found.
#[derive(Debug, Default)]
pub struct Report {
    /// Artifacts, byte code and archives that were looked at.
    pub looked_at: usize,
    /// What is wrong, and what became of it.
    pub cases: Vec<Case>,
}

/// One thing in the store that is not as it was.
#[derive(Debug)]
pub struct Case {
    /// Of which sort.
    pub sort: Sort,
    /// Its name in the store.
    pub name: String,
    /// `numpy 2.1.0`; empty if it can't be told.
    pub package: String,
    /// What is wrong.
    pub flaws: Vec<Flaw>,
    /// What was done about it.
    pub cure: Cure,
    path: PathBuf,
}

/// What was done about something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cure {
    /// Nothing: it was not asked for.
    Left,
    /// Put right in place: no byte of a file was wrong.
    Repaired,
    /// Got again, in new files.
    Restored,
    /// Taken away; why it was not got again.
    Dropped(String),
}

impl Cure {
    /// One word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Repaired => "repaired",
            Self::Restored => "restored",
            Self::Dropped(_) => "dropped",
        }
    }
}

/// Looks at everything; with `heal` puts right what is wrong.
pub fn verify(store: &Store, heal: bool, pool: &ThreadPool, task: &Task) -> Result<Report> {
    let _store = heal.then(|| Flock::wait_shared(&store.flock("store"), task)).transpose()?;
    let mut report = pool.install(|| look(store, task))?;
    if heal && !report.cases.is_empty() {
        let run = Run::begin(&store.folder("tmp"))?;
        let healer = Healer { store, pool, task, run: &run, locks: locks(store)? };
        for case in &mut report.cases {
            task.check()?;
            case.cure = healer.heal(case)?;
        }
    }
    Ok(report)
}

/// Archives before what is unpacked from them.
fn look(store: &Store, task: &Task) -> Result<Report> {
    let sorts = [
        (Sort::Lock, "locks"),
        (Sort::Archive, "archives"),
        (Sort::Artifact, "artifacts"),
        (Sort::ByteCode, "bytecode"),
    ];
    let mut things: Vec<(Sort, PathBuf)> = Vec::new();
    for (sort, folder) in sorts {
        things.extend(fs::read_dir(&store.folder(folder)).unwrap_or_default().into_iter().map(|p| (sort, p)));
    }
    task.will_do(things.len());
    let look = |(sort, path): &(Sort, PathBuf)| case(*sort, path, task).inspect(|_| task.did(1));
    let looked: Result<Vec<Option<Case>>> = things.par_iter().with_max_len(1).map(look).collect();
    Ok(Report { looked_at: things.len(), cases: looked?.into_iter().flatten().collect() })
}

fn case(sort: Sort, path: &Path, task: &Task) -> Result<Option<Case>> {
    task.check()?;
    let record = |name: &str| vec![Flaw { path: name.to_owned(), fault: Fault::Record }];
    let mut package = String::new();
    let flaws = match sort {
        Sort::Lock => match lock_id(path).map(|id| Lock::read(path).is_ok_and(|lock| lock.env_id == id)) {
            Some(false) => record(""),
            _ => Vec::new(),
        },
        Sort::Archive => archive_flaws(path, task)?,
        _ => match key(path).map(|sha256| Artifact::load(path, sha256)) {
            Some(Ok(artifact)) => {
                package = format!("{} {}", artifact.index.name, artifact.index.version);
                artifact.flaws(sort == Sort::Artifact, task)?
            }
            Some(Err(_)) => record("index"),
            None => Vec::new(),
        },
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let found = !flaws.is_empty();
    Ok(found.then(|| Case { sort, name, package, flaws, cure: Cure::Left, path: path.to_owned() }))
}

fn archive_flaws(folder: &Path, task: &Task) -> Result<Vec<Flaw>> {
    let Some(sha256) = key(folder) else { return Ok(Vec::new()) };
    let mut flaws = Vec::new();
    for path in fs::read_dir(folder)? {
        task.check()?;
        if digest(&path).ok() != Some(sha256) {
            let path = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            flaws.push(Flaw { path, fault: Fault::Content });
        }
    }
    Ok(flaws)
}

/// All locks that can be read: those that were kept, and those of environments.
fn locks(store: &Store) -> Result<Vec<Lock>> {
    let mut paths = fs::read_dir(&store.folder("locks"))?;
    let residents = store.residents()?;
    paths.extend(residents.iter().map(|resident| own_folder(&resident.prefix).join("lock.toml")));
    Ok(paths.iter().filter_map(|path| Lock::read(path).ok()).collect())
}

struct Healer<'a> {
    store: &'a Store,
    pool: &'a ThreadPool,
    task: &'a Task,
    run: &'a Run,
    locks: Vec<Lock>,
}

impl Healer<'_> {
    fn heal(&self, case: &Case) -> Result<Cure> {
        match (case.sort, key(&case.path)) {
            (Sort::Artifact, Some(sha256)) => self.heal_artifact(case, sha256),
            (Sort::ByteCode, Some(_)) => {
                self.store.drop_wrong(&case.path, &case.name, self.task)?;
                Ok(Cure::Dropped("it is made again when it is wanted".to_owned()))
            }
            (Sort::Lock, _) => self.heal_lock(&case.path),
            _ => {
                self.store.discard(&case.path)?;
                Ok(Cure::Dropped("no index gives it again: bring it with its lock".to_owned()))
            }
        }
    }

    fn heal_lock(&self, path: &Path) -> Result<Cure> {
        let id = lock_id(path);
        if let Some(lock) = self.locks.iter().find(|lock| Some(lock.env_id) == id) {
            fs::write_atomic(path, lock.text.as_bytes(), 0o644)?;
            return Ok(Cure::Restored);
        }
        fs::remove_file(path)?;
        Ok(Cure::Dropped("no environment has a copy of it".to_owned()))
    }

    fn heal_artifact(&self, case: &Case, sha256: Sha256) -> Result<Cure> {
        if let Ok(artifact) = Artifact::load(&case.path, sha256) {
            if case.flaws.iter().all(is_slight) {
                artifact.tidy(&case.flaws)?;
                return Ok(Cure::Repaired);
            }
        } else if self.mend_index(&case.path, sha256)? {
            return Ok(Cure::Repaired);
        }
        self.store.drop_wrong(&case.path, &case.name, self.task)?;
        match self.get_again(sha256) {
            Ok(true) => Ok(Cure::Restored),
            Ok(false) => Ok(Cure::Dropped("no lock here names it".to_owned())),
            Err(fault) if fault.kind() == Kind::Cancelled => Err(fault),
            Err(fault) => Ok(Cure::Dropped(fault.to_string())),
        }
    }

    /// An environment has a copy of the index; if the files agree with it, it is the one.
    fn mend_index(&self, folder: &Path, sha256: Sha256) -> Result<bool> {
        for resident in self.store.residents()? {
            let copy = own_folder(&resident.prefix).join("index").join(sha256.to_string());
            let Ok(artifact) = Artifact::load_from(&copy, folder, sha256) else { continue };
            if self.pool.install(|| artifact.is_sound(self.task))? {
                artifact.restamp()?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// `false` if no lock says where from.
    fn get_again(&self, sha256: Sha256) -> Result<bool> {
        let mut last = None;
        for lock in &self.locks {
            let Some(at) = lock.units().position(|unit| unit.sha256 == sha256) else {
                continue;
            };
            let plan = Plan { missing: vec![at], bytes: 0 };
            let (store, pool, run) = (self.store, self.pool, self.run);
            let request = obtain::Request {
                lock,
                store,
                plan: &plan,
                connections: CONNECTIONS,
                pool,
                run,
                stored: None,
                present: &[],
            };
            match request.run(self.task) {
                Ok(_) => return Ok(true),
                Err(fault) if fault.kind() == Kind::Cancelled => return Err(fault),
                Err(fault) => last = Some(fault),
            }
        }
        last.map_or(Ok(false), Err)
    }
}
