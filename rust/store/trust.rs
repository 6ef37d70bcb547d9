//! What an earlier boot of this machine left: it may never have reached the disk, so it is checked before it is used.

use std::collections::BTreeSet;
use std::path::Path;

use crate::digest::Sha256;
use crate::error::Result;
use crate::fs::{self, FsError};
use crate::store::Store;
use crate::store::artifact::{self, Artifact};
use crate::store::flock::{Flock, FlockError};
use crate::store::unneeded::key;
use crate::task::Task;

/// Whether `stamp` (`<machine id> <boot id>`) is of this machine and of another boot.
#[must_use]
pub fn is_of_earlier_boot(stamp: &str) -> bool {
    let now = artifact::boot();
    stamp != now && stamp.split(' ').next() == now.split(' ').next()
}

impl Store {
    /// An artifact that can be linked: one that an earlier boot left, or any with `doubt`, is checked, and dropped
    /// if it is not right. Who is checking or fetching it meanwhile is not waited for: then it is missing for now.
    pub fn admit(&self, sha256: Sha256, doubt: bool, task: &Task) -> Result<Option<Artifact>> {
        let Some(found) = self.find(sha256) else { return Ok(None) };
        if !doubt && !self.is_doubtful(&found) {
            return Ok(Some(found));
        }
        let Some(_turn) = Flock::try_exclusive(&self.flock(&sha256.to_string()))? else { return Ok(None) };
        // Another run may have checked it, or replaced it.
        let Some(found) = self.find(sha256) else { return Ok(None) };
        if !doubt && !self.is_doubtful(&found) {
            return Ok(Some(found));
        }
        self.checked(found, &sha256.to_string(), task)
    }

    /// The same under the lock of the artifact; what can't be read is cleared away.
    pub fn admit_locked(&self, sha256: Sha256, task: &Task) -> Result<Option<Artifact>> {
        match self.find(sha256) {
            Some(found) if self.is_doubtful(&found) => self.checked(found, &sha256.to_string(), task),
            Some(found) => Ok(Some(found)),
            None => {
                self.discard(&self.artifact_folder(sha256))?;
                Ok(None)
            }
        }
    }

    /// Read-only roots are their owners' to check.
    fn is_doubtful(&self, artifact: &Artifact) -> bool {
        artifact.folder.starts_with(self.folder("")) && is_of_earlier_boot(&artifact.boot)
    }

    /// An artifact, or its byte code under `key`, if all its bytes are right; stamped with this boot.
    fn checked(&self, artifact: Artifact, key: &str, task: &Task) -> Result<Option<Artifact>> {
        if !artifact.is_sound(task)? {
            self.drop_wrong(&artifact.folder, key, task)?;
            return Ok(None);
        }
        if self.is_doubtful(&artifact) {
            artifact.restamp()?;
        }
        Ok(Some(artifact))
    }

    /// The byte code in `bytecode/<key>`, if it is right.
    pub fn admit_byte_code(&self, key: &str, artifact: Sha256, task: &Task) -> Result<Option<Artifact>> {
        let folder = self.folder("bytecode").join(key);
        match Artifact::load(&folder, artifact) {
            Ok(found) if self.is_doubtful(&found) => self.checked(found, key, task),
            Ok(found) => Ok(Some(found)),
            Err(_) => {
                if fs::exists(&folder) {
                    self.drop_wrong(&folder, key, task)?;
                }
                Ok(None)
            }
        }
    }

    /// Checks the byte code of these artifacts that an earlier boot left. Runs on the calling rayon pool.
    pub fn check_byte_code(&self, artifacts: &BTreeSet<Sha256>, task: &Task) -> Result<()> {
        for path in fs::read_dir(&self.folder("bytecode"))? {
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            let Some(artifact) = key(&path).filter(|artifact| artifacts.contains(artifact)) else { continue };
            self.admit_byte_code(name, artifact, task)?;
        }
        Ok(())
    }

    /// Takes away what is not what it should be, and tells the environments that may link it.
    pub fn drop_wrong(&self, folder: &Path, key: &str, task: &Task) -> std::result::Result<(), FlockError> {
        self.note_healing(key, task)?;
        self.discard(folder)?;
        // For who has linked it meanwhile.
        self.note_healing(key, task)
    }

    /// Removes an artifact that lacks files, unless another run is at it.
    pub fn discard_broken(&self, sha256: Sha256) -> std::result::Result<(), FsError> {
        let turn = Flock::try_exclusive(&self.flock(&sha256.to_string()))?;
        if turn.is_some() && self.find(sha256).is_none_or(|artifact| !artifact.is_whole()) {
            self.discard(&self.artifact_folder(sha256))?;
        }
        Ok(())
    }

    /// Removes a folder of the store in one step, as far as others see it. It need not be there.
    pub fn discard(&self, folder: &Path) -> std::result::Result<(), FsError> {
        // As a dead run's, so that it is swept out if this process dies.
        let name = format!("run.{}.{}.discarded", std::process::id(), fs::unique());
        let aside = self.folder("tmp").join(name);
        match fs::rename(folder, &aside) {
            Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        }
        // Another run may be sweeping it out.
        let _ = fs::remove_tree(&aside);
        Ok(())
    }
}
