//! The content-addressed store under a root: `v1/` and what lies in it.
//!
//! * [`root`]: which folder.
//! * [`artifact`]: `artifacts/<sha256>/{tree,index}`, with [`index_file`] as the index's binary form.
//! * [`run`]: `tmp/`, where each run works in a folder of its own; [`flock`]: who may do what meanwhile.
//! * [`residents`]: the environments that live off it; [`info`] and [`tally`]: what it holds, in numbers.
//! * [`gc`] takes away what is not needed ([`unneeded`]).
//! * [`verify`] looks for what is not as it was ([`check`]) and heals it; [`healed`] tells environments of it.
//! * [`trust`]: what an earlier boot left is checked before it is used.

pub mod artifact;
pub mod check;
pub mod flock;
pub mod gc;
pub mod healed;
pub mod index_file;
pub mod info;
pub mod residents;
pub mod root;
pub mod run;
pub mod tally;
pub mod trust;
mod unneeded;
pub mod verify;

use std::path::{Path, PathBuf};

use crate::digest::Sha256;
use crate::fs::{self, FsError};

use artifact::Artifact;
use root::Root;

/// What every store has.
const FOLDERS: [&str; 11] = [
    "artifacts",
    "archives",
    "bytecode",
    "bytecode-requests",
    "envs",
    "flocks",
    "healed",
    "interpreters",
    "locks",
    "prefixes",
    "tmp",
];

/// The store of one writable root, with read-only ones behind it.
#[derive(Debug, Clone)]
pub struct Store {
    v1: PathBuf,
    read_only: Vec<PathBuf>,
}

impl Store {
    /// Opens the store of a root, making its folders.
    pub fn open(root: &Root) -> Result<Self, FsError> {
        let store = Self::at(root);
        for folder in FOLDERS {
            store.ensure(folder)?;
        }
        Ok(store)
    }

    /// Makes a folder of the store; mostly it is there.
    fn ensure(&self, name: &str) -> Result<(), FsError> {
        use std::io::ErrorKind::{AlreadyExists, NotFound};
        match fs::create_dir(&self.folder(name)) {
            Err(fault) if fault.kind() == AlreadyExists => Ok(()),
            Err(fault) if fault.kind() == NotFound => fs::create_dir_all(&self.folder(name)),
            other => other,
        }
    }

    /// The store of a root, to look at: nothing is made.
    #[must_use]
    pub fn at(root: &Root) -> Self {
        let read_only = root.read_only.iter().map(|root| root.join("v1")).collect();
        Self { v1: root.writable.join("v1"), read_only }
    }

    /// The root that the store is in.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.v1.parent().unwrap_or(&self.v1)
    }

    /// A folder of the writable store.
    #[must_use]
    pub fn folder(&self, name: &str) -> PathBuf {
        self.v1.join(name)
    }

    /// A lock file: `flocks/<name>`.
    #[must_use]
    pub fn flock(&self, name: &str) -> PathBuf {
        self.v1.join("flocks").join(name)
    }

    /// The lock file of a prefix: who makes or removes an environment there holds it.
    #[must_use]
    pub fn prefix_flock(&self, prefix: &Path) -> PathBuf {
        self.flock(&format!("prefix-{}", prefix_name(prefix)))
    }

    /// Where an artifact is, or will be.
    #[must_use]
    pub fn artifact_folder(&self, sha256: Sha256) -> PathBuf {
        self.v1.join("artifacts").join(sha256.to_string())
    }

    /// An artifact of the writable store, else of the read-only ones; one whose index can't be read is none.
    #[must_use]
    pub fn find(&self, sha256: Sha256) -> Option<Artifact> {
        let name = sha256.to_string();
        let roots = std::iter::once(&self.v1).chain(&self.read_only);
        roots
            .map(|v1| v1.join("artifacts").join(&name))
            .find_map(|folder| Artifact::load(&folder, sha256).ok())
    }

    /// The default prefix of an environment, short since shebangs end at 127 bytes.
    #[must_use]
    pub fn env_prefix(&self, env_id: Sha256) -> PathBuf {
        self.v1.join("envs").join(&env_id.to_string()[..16])
    }

    /// The same in the read-only roots.
    pub fn read_only_prefixes(&self, env_id: Sha256) -> impl Iterator<Item = PathBuf> {
        let name = env_id.to_string()[..16].to_owned();
        self.read_only.iter().map(move |v1| v1.join("envs").join(&name))
    }

    /// Where a local artifact's bytes are kept, which no index gives again.
    #[must_use]
    pub fn archive(&self, sha256: Sha256, file_name: &str) -> PathBuf {
        self.v1.join("archives").join(sha256.to_string()).join(file_name)
    }

    /// Whether a path lies in this store's `envs`.
    #[must_use]
    pub fn owns(&self, prefix: &Path) -> bool {
        prefix.parent() == Some(&self.v1.join("envs"))
    }
}

/// The environment whose lock a file of `locks` is, by its name: `<env id>.toml`.
#[must_use]
pub(crate) fn lock_id(path: &Path) -> Option<Sha256> {
    path.file_name()?.to_str()?.strip_suffix(".toml")?.parse().ok()
}

/// What the store calls a prefix: the first 16 digits of its path's digest.
#[must_use]
pub fn prefix_name(prefix: &Path) -> String {
    Sha256::of(prefix.as_os_str().as_encoded_bytes()).to_string()[..16].to_owned()
}
