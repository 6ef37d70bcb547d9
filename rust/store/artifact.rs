//! One unpacked artifact: `artifacts/<sha256>/tree/` and `artifacts/<sha256>/index`.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::digest::Sha256;
use crate::fs::{self, FsError};
use crate::store::index_file::{self, Damaged, Stamped};
use crate::unpack::{Index, IndexFile, mtime_of};

/// An artifact that is in a store.
#[derive(Debug, Clone)]
pub struct Artifact {
    /// Its key.
    pub sha256: Sha256,
    /// `artifacts/<sha256>`.
    pub folder: PathBuf,
    /// What it holds.
    pub index: Index,
    /// In which boot of which machine it was written, or checked last.
    pub boot: String,
}

/// Why an artifact could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Its index could not be read.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// Its index is damaged.
    #[error("{}: {damaged}", path.display())]
    Damaged {
        /// The index file.
        path: PathBuf,
        /// What it is.
        damaged: Damaged,
    },
}

impl Artifact {
    /// Reads the index of the artifact in `folder`.
    pub fn load(folder: &Path, sha256: Sha256) -> Result<Self, LoadError> {
        Self::load_from(&folder.join("index"), folder, sha256)
    }

    /// The same by an index that lies elsewhere.
    pub fn load_from(index: &Path, folder: &Path, sha256: Sha256) -> Result<Self, LoadError> {
        let bytes = fs::read(index)?;
        let damaged = |damaged| LoadError::Damaged { path: index.to_owned(), damaged };
        let Stamped { boot, index } = index_file::decode(&bytes).map_err(damaged)?;
        Ok(Self { sha256, folder: folder.to_owned(), index, boot })
    }

    /// Notes that all of it was found right in this boot.
    pub fn restamp(&self) -> Result<(), FsError> {
        let stamped = Stamped { boot: boot().to_owned(), index: self.index.clone() };
        fs::write_atomic(&self.index_path(), &index_file::encode(&stamped), 0o444)
    }

    /// Publishes what was unpacked to `made/tree` as `folder`. If another run was faster, its work is used.
    pub fn publish(made: &Path, folder: &Path, sha256: Sha256, index: Index) -> Result<Self, LoadError> {
        let stamped = Stamped { boot: boot().to_owned(), index };
        fs::write_new(&made.join("index"), &index_file::encode(&stamped), 0o444)?;
        match fs::rename_new(made, folder) {
            Ok(()) => {}
            Err(fault) if fs::exists(folder) => match Self::load(folder, sha256) {
                Ok(other) => return Ok(other),
                // What stands there is damaged: ours goes in its place.
                Err(_) => fs::exchange(made, folder).map_err(|_| fault)?,
            },
            Err(fault) => return Err(fault.into()),
        }
        Ok(Self { sha256, folder: folder.to_owned(), index: stamped.index, boot: stamped.boot })
    }

    /// Where a file of it lies.
    #[must_use]
    pub fn file(&self, file: &IndexFile) -> PathBuf {
        let mut path = self.folder.join("tree");
        path.push(&self.index.dirs[file.dir as usize]);
        path.push(&file.name);
        path
    }

    /// Whether all its files are there.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        fs::exists(&self.index_path()) && self.index.files.iter().all(|file| fs::exists(&self.file(file)))
    }

    /// The modification time of all files of a wheel, in seconds since 1970.
    #[must_use]
    pub fn mtime(&self) -> i64 {
        mtime_of(self.sha256)
    }

    /// The modification time of the file at a position of its index (seconds since 1970): as archived in a conda
    /// package, else that of all files.
    #[must_use]
    pub fn time(&self, file: usize) -> i64 {
        self.index.mtime(file).unwrap_or_else(|| self.mtime())
    }

    /// Its index file.
    #[must_use]
    pub fn index_path(&self) -> PathBuf {
        self.folder.join("index")
    }
}

/// `<machine id> <boot id>`: which boot of which machine this is; empty words where the system does not tell.
#[must_use]
pub fn boot() -> &'static str {
    static BOOT: OnceLock<String> = OnceLock::new();
    let word = |path: &str| fs::read_to_string(Path::new(path)).unwrap_or_default().trim().to_owned();
    BOOT.get_or_init(|| format!("{} {}", word("/etc/machine-id"), word("/proc/sys/kernel/random/boot_id")))
}
