//! What no environment and no run needs: artifacts, their byte code, archives, locks, and leftovers.

use std::collections::{BTreeSet, HashSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::digest::Sha256;
use crate::error::Result;
use crate::fs;
use crate::prefix::own_folder;
use crate::store::artifact::Artifact;
use crate::store::flock::Flock;
use crate::store::gc::{Limits, Removed};
use crate::store::residents::{Resident, read_registration};
use crate::store::tally::Tally;
use crate::store::{Store, lock_id};
use crate::task::Task;

const DAY: Duration = Duration::from_secs(86400);

/// What can go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sort {
    /// An environment in the store.
    Env,
    /// An unpacked artifact.
    Artifact,
    /// Byte code of an artifact.
    ByteCode,
    /// A local artifact as it came.
    Archive,
    /// A lock that was kept with an environment.
    Lock,
    /// The note of an environment elsewhere.
    Note,
    /// A download that nobody goes on with.
    Part,
    /// The folder of a run that died, and what else is left in `tmp`.
    Run,
}

impl Sort {
    /// As it is told.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Env => "env",
            Self::Artifact => "artifact",
            Self::ByteCode => "bytecode",
            Self::Archive => "archive",
            Self::Lock => "lock",
            Self::Note => "note",
            Self::Part => "part",
            Self::Run => "run",
        }
    }
}

/// What the environments that stay need.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) artifacts: BTreeSet<Sha256>,
    ids: BTreeSet<Sha256>,
}

impl Kept {
    pub(super) fn by<'a>(residents: impl IntoIterator<Item = &'a Resident>) -> Self {
        let mut kept = Self::default();
        for resident in residents {
            kept.artifacts.extend(&resident.artifacts);
            kept.ids.extend(resident.env_id);
        }
        kept
    }

    /// Environments elsewhere that can't be seen now may be on a disk that is not there now: the lock stays, and
    /// with it the archives that it names.
    pub(super) fn add_absent(&mut self, store: &Store) -> Result<()> {
        self.ids
            .extend(store.registered()?.iter().filter_map(|path| read_registration(path)).map(|row| row.0));
        Ok(())
    }
}

/// One thing that can go.
pub(super) struct Victim {
    sort: Sort,
    pub(super) path: PathBuf,
    package: String,
    bytes: u64,
}

impl Victim {
    pub(super) fn removed(&self) -> Removed {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Removed { sort: self.sort, name, package: self.package.clone(), bytes: self.bytes }
    }
}

/// Looks for what can go.
pub(super) struct Search<'a> {
    pub(super) store: &'a Store,
    pub(super) limits: Limits,
    pub(super) now: SystemTime,
    pub(super) kept: &'a Kept,
    /// Environments that went.
    pub(super) gone: &'a [Resident],
    /// They still stand, with their links.
    pub(super) linked: bool,
    /// Nobody makes an environment meanwhile. Where that can't be known, what is younger than a day stays.
    pub(super) sure: bool,
}

impl Search<'_> {
    pub(super) fn run(&self, task: &Task) -> Result<Vec<Victim>> {
        let mut found: Vec<(Sort, PathBuf)> = Vec::new();
        let artifacts = self.artifacts(task)?;
        let gone: HashSet<Sha256> = artifacts.iter().filter_map(|path| key(path)).collect();
        found.extend(self.byte_code(&gone)?.into_iter().map(|path| (Sort::ByteCode, path)));
        found.extend(artifacts.into_iter().map(|path| (Sort::Artifact, path)));
        let (locks, named) = self.locks()?;
        found.extend(locks.into_iter().map(|path| (Sort::Lock, path)));
        found.extend(self.archives(&named)?.into_iter().map(|path| (Sort::Archive, path)));
        found.extend(self.notes()?.into_iter().map(|path| (Sort::Note, path)));
        task.will_do(found.len());
        let mut tally = Tally::default();
        let count = |(sort, path): (Sort, PathBuf)| {
            task.did(1);
            let package = package_of(self.store, sort, &path);
            Ok(Victim { sort, bytes: tally.add(&path, task)?, package, path })
        };
        found.into_iter().map(count).collect()
    }

    fn artifacts(&self, task: &Task) -> Result<Vec<PathBuf>> {
        let mut found = fs::read_dir(&self.store.folder("artifacts"))?;
        task.will_do(found.len());
        found.retain(|path| {
            task.did(1);
            let Some(sha256) = key(path) else { return false };
            !self.kept.artifacts.contains(&sha256) && self.may_go(path) && !self.is_linked(path, sha256)
        });
        Ok(found)
    }

    /// Whether an environment that is not known of links files of it.
    fn is_linked(&self, path: &Path, sha256: Sha256) -> bool {
        let users = self.gone.iter().filter(|resident| resident.artifacts.contains(&sha256)).count() as u64;
        most_links(&path.join("tree")) > 1 + if self.linked { users } else { 0 }
    }

    /// That of artifacts that are gone, and that which no environment links any more, such as another Python's.
    fn byte_code(&self, gone: &HashSet<Sha256>) -> Result<Vec<PathBuf>> {
        // Who compiles adds to it.
        let Some(_turn) = Flock::try_exclusive(&self.store.flock("bytecode"))? else { return Ok(Vec::new()) };
        let mut found = fs::read_dir(&self.store.folder("bytecode"))?;
        found.retain(|path| {
            let Some(sha256) = key(path) else { return false };
            let is_orphan = gone.contains(&sha256) || !fs::exists(&self.store.artifact_folder(sha256));
            let is_idle = || self.is_older(path, self.limits.keep) && most_links(&path.join("tree")) <= 1;
            self.may_go(path) && (is_orphan || is_idle())
        });
        Ok(found)
    }

    /// Locks of environments that are gone, and the artifacts that the others name.
    fn locks(&self) -> Result<(Vec<PathBuf>, HashSet<Sha256>)> {
        let gone: BTreeSet<Sha256> = self.gone.iter().filter_map(|resident| resident.env_id).collect();
        let (mut found, mut named) = (Vec::new(), HashSet::new());
        for path in fs::read_dir(&self.store.folder("locks"))? {
            let stays = match lock_id(&path) {
                Some(id) if self.kept.ids.contains(&id) => true,
                Some(id) => !gone.contains(&id) && !self.is_older(&path, self.limits.keep),
                // Half written when its writer died.
                None => !self.is_older(&path, DAY),
            };
            if stays {
                named.extend(digests(&fs::read(&path).unwrap_or_default()));
            } else {
                found.push(path);
            }
        }
        Ok((found, named))
    }

    fn archives(&self, named: &HashSet<Sha256>) -> Result<Vec<PathBuf>> {
        let mut found = fs::read_dir(&self.store.folder("archives"))?;
        found.retain(|path| {
            key(path).is_some_and(|sha256| !named.contains(&sha256) && !self.kept.artifacts.contains(&sha256))
                && self.may_go(path)
        });
        Ok(found)
    }

    fn notes(&self) -> Result<Vec<PathBuf>> {
        let mut found = fs::read_dir(&self.store.folder("prefixes"))?;
        found.retain(|path| {
            let is_there = |(_, prefix): (Sha256, PathBuf)| fs::exists(&own_folder(&prefix));
            !read_registration(path).is_some_and(is_there) && self.is_older(path, self.limits.keep.max(DAY))
        });
        Ok(found)
    }

    fn may_go(&self, path: &Path) -> bool {
        self.sure || self.is_older(path, DAY)
    }

    fn is_older(&self, path: &Path, span: Duration) -> bool {
        is_older(path, span, self.now)
    }
}

fn is_older(path: &Path, span: Duration, now: SystemTime) -> bool {
    let time = fs::symlink_metadata(path).ok().and_then(|meta| meta.modified().ok());
    time.and_then(|time| now.duration_since(time).ok()).is_some_and(|age| age > span)
}

/// The package that an entry is of, `numpy 2.1.0`; empty if it is of none, or that can't be told.
fn package_of(store: &Store, sort: Sort, path: &Path) -> String {
    let Some(sha256) = key(path) else { return String::new() };
    match sort {
        // Its index has no name; the artifact that it was made of, which goes with it, is still there.
        Sort::Artifact | Sort::ByteCode => match Artifact::load(&store.artifact_folder(sha256), sha256) {
            Ok(artifact) => {
                format!("{} {}", artifact.index.name, artifact.index.version).trim_end().to_owned()
            }
            Err(_) => String::new(),
        },
        // The file has the name that the lock gave it.
        Sort::Archive => match fs::read_dir(path).unwrap_or_default().as_slice() {
            [file] => file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            _ => String::new(),
        },
        _ => String::new(),
    }
}

/// The artifact that an entry of `artifacts`, `archives` or `bytecode` is of.
pub(super) fn key(path: &Path) -> Option<Sha256> {
    path.file_name()?.to_str()?.get(..64)?.parse().ok()
}

/// The most links that a file of a tree has.
pub(super) fn most_links(tree: &Path) -> u64 {
    let mut most = 0;
    for path in fs::read_dir(tree).unwrap_or_default() {
        let Ok(meta) = fs::symlink_metadata(&path) else { continue };
        most = most.max(if meta.is_dir() { most_links(&path) } else { meta.nlink() });
    }
    most
}

/// All words of 64 hexadecimal digits: what a lock names, whatever its format.
fn digests(text: &[u8]) -> impl Iterator<Item = Sha256> {
    let words = text.split(|byte| !byte.is_ascii_hexdigit());
    words.filter_map(|word| std::str::from_utf8(word).ok()?.parse().ok())
}

/// Downloads that nobody went on with for a day, folders of dead runs, and lock files of what is not there.
pub(super) fn remove_leftovers(
    store: &Store,
    limits: Limits,
    now: SystemTime,
    task: &Task,
) -> Result<Vec<Removed>> {
    let mut removed = Vec::new();
    for path in fs::read_dir(&store.folder("tmp"))? {
        let sort = if path.is_dir() { Sort::Run } else { Sort::Part };
        let bytes = Tally::default().add(&path, task)?;
        if is_older(&path, DAY, now) && is_free(&path) {
            fs::remove_tree(&path).or_else(|_| fs::remove_file(&path))?;
            removed.push(Victim { sort, path, package: String::new(), bytes }.removed());
        }
    }
    let artifacts = store.folder("artifacts");
    for path in fs::read_dir(&store.folder("flocks"))? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_stale = key(&path).is_some() && !fs::exists(&artifacts.join(&name))
            || name.starts_with("prefix-") && is_older(&path, limits.keep, now);
        if is_stale && is_older(&path, DAY, now) {
            // Who has opened it meanwhile finds, once it is locked, that it is no more at its path.
            let turn = Flock::try_exclusive(&path)?;
            if turn.is_some_and(|turn| turn.is_real()) {
                fs::remove_file(&path)?;
            }
        }
    }
    Ok(removed)
}

/// Nobody has a lock on it, or nobody can.
fn is_free(path: &Path) -> bool {
    fs::open(path).is_ok_and(|file| Flock::of_open(file, path).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_names_its_artifacts() {
        let sha256 = Sha256::of(b"x");
        let text = format!("hashes = {{sha256 = \"{sha256}\"}}\nshort = \"{}\"", &sha256.to_string()[1..]);
        assert_eq!(digests(text.as_bytes()).collect::<Vec<_>>(), [sha256]);
    }
}
