//! Wheels, conda packages and overlays alike: what getting and placing an artifact asks of it.

use std::path::Path;

use super::{Lock, NamedFile, Owner};
use crate::digest::Sha256;

/// One artifact of a lock. Its position counts the wheels first, then the conda packages, then the overlays.
#[derive(Debug, Clone, Copy)]
pub struct Unit<'a> {
    /// Which it is.
    pub owner: Owner,
    /// The package's name, as its own kind spells it.
    pub name: &'a str,
    /// Its version, as its own kind spells it; an overlay has none.
    pub version: &'a str,
    /// Name of the archive.
    pub file_name: &'a str,
    /// Where to get it, in this order; empty if it travels with the lock.
    pub urls: &'a [String],
    /// Path relative to the lock's folder, if it travels with the lock, or could.
    pub path: Option<&'a Path>,
    /// Where it is in an index that the node must know.
    pub named: Option<&'a NamedFile>,
    /// Bytes.
    pub size: Option<u64>,
    /// Of the archive.
    pub sha256: Sha256,
}

impl Lock {
    /// How many artifacts it has.
    #[must_use]
    pub fn count(&self) -> usize {
        self.packages.len() + self.conda.len() + self.overlays.len()
    }

    /// The kind of the artifact at a position, and where it stands among its kind.
    #[must_use]
    pub fn owner(&self, at: usize) -> Owner {
        let (wheels, conda) = (self.packages.len(), self.conda.len());
        match at.checked_sub(wheels) {
            None => Owner::Wheel(at),
            Some(at) if at < conda => Owner::Conda(at),
            Some(at) => Owner::Overlay(at - conda),
        }
    }

    /// The position of an artifact.
    #[must_use]
    pub fn position(&self, owner: Owner) -> usize {
        match owner {
            Owner::Wheel(at) => at,
            Owner::Conda(at) => self.packages.len() + at,
            Owner::Overlay(at) => self.packages.len() + self.conda.len() + at,
        }
    }

    /// The artifact at a position.
    #[must_use]
    pub fn unit(&self, at: usize) -> Unit<'_> {
        let owner = self.owner(at);
        match owner {
            Owner::Wheel(at) => {
                let it = &self.packages[at];
                let (name, version, file_name) = (&it.name, &it.version, &it.file_name);
                let (urls, path, named) = (&it.urls, it.path.as_deref(), it.named.as_ref());
                Unit { owner, name, version, file_name, urls, path, named, size: it.size, sha256: it.sha256 }
            }
            Owner::Conda(at) => {
                let it = &self.conda[at];
                let (name, version, file_name) = (&it.name, &it.version, &it.file_name);
                let (urls, path, named) = (&it.urls, it.path.as_deref(), it.named.as_ref());
                Unit { owner, name, version, file_name, urls, path, named, size: it.size, sha256: it.sha256 }
            }
            Owner::Overlay(at) => {
                let it = &self.overlays[at];
                let (name, version, file_name) = (&it.name, "", &it.file_name);
                let (urls, path, named) = (&[], Some(it.path.as_path()), None);
                Unit { owner, name, version, file_name, urls, path, named, size: it.size, sha256: it.sha256 }
            }
        }
    }

    /// All artifacts.
    #[must_use = "an iterator does nothing by itself"]
    pub fn units(&self) -> impl ExactSizeIterator<Item = Unit<'_>> {
        (0..self.count()).map(|at| self.unit(at))
    }

    /// Whether the environment's interpreter is a conda package of it, and no venv is needed.
    #[must_use]
    pub fn has_own_python(&self) -> bool {
        use super::InterpreterSource::Conda;
        self.interpreter.as_ref().is_some_and(|interpreter| interpreter.source == Conda)
    }

    /// Whether the environment is a venv of an interpreter of the node.
    #[must_use]
    pub fn is_venv(&self) -> bool {
        self.interpreter.is_some() && !self.has_own_python()
    }
}
