//! The environments that live off a store: those in `v1/envs`, and those that users put elsewhere, which
//! `v1/prefixes/<16 digits>` names (env id and path, a line each).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::digest::Sha256;
use crate::fs::{self, FsError};
use crate::prefix::own_folder;
use crate::prefix::state::State;
use crate::store::flock::Flock;
use crate::store::{Store, prefix_name};

/// One environment.
#[derive(Debug, Clone)]
pub struct Resident {
    /// Where it stands.
    pub prefix: PathBuf,
    /// Its id; none if its state can't be read.
    pub env_id: Option<Sha256>,
    /// When it was last made, found or run in.
    pub last_use: SystemTime,
    /// Somebody runs in it, or is making it.
    pub in_use: bool,
    /// Whether it is the store's own: others are never removed.
    pub own: bool,
    /// What it was made of.
    pub artifacts: BTreeSet<Sha256>,
}

impl Store {
    /// All of them, by path.
    pub fn residents(&self) -> Result<Vec<Resident>, FsError> {
        // A store that was never written to has no folders.
        let own = fs::entries(&self.folder("envs"))?;
        let mut found: Vec<Resident> =
            own.iter().filter(|path| path.is_dir()).map(|path| self.resident(path, true)).collect();
        for (_, prefix) in self.registered()?.iter().filter_map(|path| read_registration(path)) {
            if fs::exists(&own_folder(&prefix)) {
                found.push(self.resident(&prefix, false));
            }
        }
        Ok(found)
    }

    fn resident(&self, prefix: &Path, own: bool) -> Resident {
        Resident {
            prefix: prefix.to_owned(),
            env_id: State::read(prefix).map(|state| state.env_id),
            last_use: last_use(prefix),
            in_use: is_locked(&own_folder(prefix).join("use")) || is_locked(&self.prefix_flock(prefix)),
            own,
            artifacts: artifacts_of(prefix),
        }
    }

    /// The files of `v1/prefixes`.
    pub fn registered(&self) -> Result<Vec<PathBuf>, FsError> {
        let mut files = fs::entries(&self.folder("prefixes"))?;
        files.retain(|path| path.extension().is_none());
        Ok(files)
    }

    /// Notes that an environment at `prefix` lives off this store, so that gc leaves what it needs.
    pub fn register(&self, prefix: &Path, env_id: Sha256) -> Result<(), FsError> {
        // A path that is no text can't be noted: then only its links keep what it is made of.
        let Some(text) = prefix.to_str() else { return Ok(()) };
        let content = format!("{env_id}\n{text}\n");
        fs::write_atomic(&self.folder("prefixes").join(prefix_name(prefix)), content.as_bytes(), 0o644)
    }
}

/// Moves the times of notes whose environments are there, so that gc drops those that were gone for long.
pub(super) fn refresh_notes(store: &Store) -> Result<(), FsError> {
    for path in store.registered()? {
        if read_registration(&path).is_some_and(|(_, prefix)| fs::exists(&own_folder(&prefix))) {
            fs::touch(&fs::open(&path)?, &path)?;
        }
    }
    Ok(())
}

/// The id and the prefix that a file of `v1/prefixes` names; none if it is damaged.
pub(super) fn read_registration(path: &Path) -> Option<(Sha256, PathBuf)> {
    let text = fs::read_to_string(path).ok()?;
    let (id, prefix) = text.strip_suffix('\n')?.split_once('\n')?;
    Some((id.parse().ok()?, prefix.into()))
}

/// The time of `.fastenv/use`, else of the folder.
pub(super) fn last_use(prefix: &Path) -> SystemTime {
    let time = |path: &Path| fs::symlink_metadata(path).ok()?.modified().ok();
    time(&own_folder(prefix).join("use")).or_else(|| time(prefix)).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// What an environment is made of: `.fastenv/index` has a file for each artifact, which nobody need parse.
#[must_use]
pub fn artifacts_of(prefix: &Path) -> BTreeSet<Sha256> {
    let files = fs::read_dir(&own_folder(prefix).join("index")).unwrap_or_default();
    files.iter().filter_map(|path| path.file_name()?.to_str()?.parse().ok()).collect()
}

/// Whether somebody holds a lock of any kind on a file; nothing is created.
fn is_locked(path: &Path) -> bool {
    fs::open(path).is_ok_and(|file| Flock::of_open(file, path).is_none())
}
