//! The place of an artifact in the store: whose turn it is, what is there already, where it is unpacked.

use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::fs;
use crate::lock::Unit;
use crate::obtain::{MismatchError, Request};
use crate::store::Store;
use crate::store::artifact::Artifact;
use crate::store::flock::Flock;
use crate::task::Task;
use crate::verify::digest;

/// What a look at an artifact's place gave.
pub(super) enum Beginning {
    /// Another run is getting it.
    Elsewhere,
    /// Another run has published it since the plan was made.
    Found(Box<Artifact>),
    /// It is to be got by us.
    Ours {
        /// Held until it is published.
        turn: Flock,
        /// The file that has the bytes, if they need not be fetched.
        file: Option<PathBuf>,
        /// A new folder to unpack to.
        folder: PathBuf,
    },
}

/// The store, as one request uses it.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) request: &'a Request<'a>,
    pub(super) task: &'a Task,
}

impl Place<'_> {
    pub(super) fn lock_path(&self, package: usize) -> PathBuf {
        let sha256 = self.request.lock.unit(package).sha256;
        self.request.store.flock(&sha256.to_string())
    }

    pub(super) fn begin(&self, package: usize) -> Result<Beginning> {
        match Flock::try_exclusive(&self.lock_path(package))? {
            Some(turn) => self.begin_with(package, turn),
            None => Ok(Beginning::Elsewhere),
        }
    }

    /// Begins what nobody else is getting, since `turn` is ours.
    pub(super) fn begin_with(&self, package: usize, turn: Flock) -> Result<Beginning> {
        let locked = self.request.lock.unit(package);
        let (store, task) = (self.request.store, self.task);
        let admit = || store.admit_locked(locked.sha256, task);
        // The threads of the pool are at work: they are waited for only if there may be something to check.
        let is_there = fs::exists(&store.artifact_folder(locked.sha256));
        if let Some(artifact) = if is_there { self.request.pool.install(admit)? } else { admit()? } {
            return Ok(Beginning::Found(Box::new(artifact)));
        }
        let file = self.local_file(package)?;
        let folder = self.request.run.folder().join(format!("{}.{}", locked.sha256, fs::unique()));
        fs::create_dir(&folder)?;
        Ok(Beginning::Ours { turn, file, folder })
    }

    /// The file that has the bytes, if one is here: beside the lock, or kept from an earlier one.
    fn local_file(&self, package: usize) -> Result<Option<PathBuf>> {
        let locked = self.request.lock.unit(package);
        let beside = locked.path.map(|path| self.request.lock.folder.join(path));
        let kept = self.request.store.archive(locked.sha256, locked.file_name);
        match (beside, locked.urls.is_empty()) {
            (Some(path), _) if path.is_file() => Ok(Some(path)),
            (Some(_), _) if is_kept(&kept, locked)? => Ok(Some(kept)),
            (Some(path), true) if locked.named.is_none() => {
                Err(MismatchError::Absent { package: locked.name.to_owned(), path }.into())
            }
            _ => Ok(None),
        }
    }
}

/// Whether an archive is kept, and right: the power may have failed before it reached the disk.
fn is_kept(kept: &Path, locked: Unit<'_>) -> Result<bool> {
    if !kept.is_file() {
        return Ok(false);
    }
    if digest(kept).ok() == Some(locked.sha256) {
        return Ok(true);
    }
    fs::remove_file(kept)?;
    Ok(false)
}

/// Keeps a copy of a local artifact, which no index gives again.
pub(super) fn keep(store: &Store, locked: Unit<'_>, file: &Path, made: &Path) -> Result<()> {
    let kept = store.archive(locked.sha256, locked.file_name);
    if file == kept || is_kept(&kept, locked)? {
        return Ok(());
    }
    let copy = made.join("archive");
    fs::copy_content(file, &fs::create_new(&copy, 0o444)?, &copy)?;
    if let Some(folder) = kept.parent() {
        fs::create_dir_all(folder)?;
    }
    Ok(fs::rename(&copy, &kept)?)
}
