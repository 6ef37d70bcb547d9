//! `v1/tmp/<run>/`: where one run works. A run that was killed leaves its folder; the next one removes it, and what
//! the run's `beside` names.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::fs::{self, FsError};
use crate::store::flock::Flock;

/// The file that names the staging beside a prefix.
const BESIDE: &str = "beside";

/// A folder that lives as long as this value, locked so that nobody takes it for a dead run's.
#[derive(Debug)]
pub struct Run {
    folder: PathBuf,
    _lock: Flock,
}

impl Run {
    /// Makes a folder for this run in `tmp`, after sweeping out those of dead runs.
    pub fn begin(tmp: &Path) -> Result<Self, FsError> {
        sweep(tmp);
        Self::make(tmp, "run")
    }

    /// Makes a locked folder named `<stem>.<pid>.<n>` in `parent`.
    pub fn make(parent: &Path, stem: &str) -> Result<Self, FsError> {
        loop {
            let name = format!("{stem}.{}.{}", std::process::id(), fs::unique());
            let folder = parent.join(name);
            match fs::create_dir(&folder) {
                // A dead process had the same number.
                Err(fault) if fault.kind() == std::io::ErrorKind::AlreadyExists => continue,
                other => other?,
            }
            if let Some(lock) = lock(&folder) {
                return Ok(Self { folder, _lock: lock });
            }
        }
    }

    /// Notes that the folder of another run belongs to this one: who sweeps this one sweeps it, too. A run that is
    /// killed when its environment has just been published leaves nothing that the next one would look beside.
    pub fn answer_for(&self, other: &Path) -> Result<(), FsError> {
        fs::write_atomic(&self.folder.join(BESIDE), other.as_os_str().as_encoded_bytes(), 0o600)
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // What can't be removed now is swept by the next run.
        let _ = fs::remove_tree(&self.folder);
    }
}

/// Locks a folder; `None` if a sweeper took it between its making and its locking.
fn lock(folder: &Path) -> Option<Flock> {
    let open = fs::open(folder).ok()?;
    let inode = open.metadata().ok()?.ino();
    let lock = Flock::of_open(open, folder)?;
    fs::symlink_metadata(folder).ok().filter(|meta| meta.ino() == inode)?;
    Some(lock)
}

/// Removes the folders of runs that are dead: nobody holds their lock.
pub fn sweep(tmp: &Path) {
    sweep_named(tmp, "run.");
}

/// The same for folders of another name, such as the staging of a prefix.
pub fn sweep_named(parent: &Path, stem: &str) {
    for path in fs::read_dir(parent).unwrap_or_default() {
        let named =
            path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(stem));
        if named && path.is_dir() {
            sweep_one(&path);
        }
    }
}

/// Removes one such folder, if its run is dead, and the one that it answers for.
fn sweep_one(path: &Path) {
    let Ok(open) = fs::open(path) else { return };
    // Without real locks a live run can't be told from a dead one.
    let lock = Flock::of_open(open, path);
    if !lock.as_ref().is_some_and(Flock::is_real) {
        return;
    }
    if let Ok(beside) = fs::read(&path.join(BESIDE)) {
        let other = PathBuf::from(OsString::from_vec(beside));
        // A note that was cut short names nothing of ours.
        let is_staging = other.file_name().is_some_and(|name| name.to_string_lossy().contains(".fastenv."));
        if other.is_absolute() && is_staging && other.is_dir() {
            sweep_one(&other);
        }
    }
    let _ = fs::remove_tree(path);
}
