//! An artifact that is being unpacked, of whichever kind.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use crate::conda;
use crate::lock::{Lock, Owner};
use crate::task::Task;
use crate::unpack::{self, Index, Planned, ReadAt, UnpackError, overlay};

/// A wheel, a conda package or an overlay.
pub(super) enum Unpacking {
    Wheel(unpack::Unpacking),
    Conda(conda::Unpacking),
    Overlay(overlay::Unpacking),
}

impl Unpacking {
    /// Begins with the artifact that the lock has at the position `at`.
    pub(super) fn new(
        lock: &Lock,
        at: usize,
        source: Arc<dyn ReadAt>,
        tree: PathBuf,
    ) -> Result<Self, UnpackError> {
        match lock.owner(at) {
            Owner::Conda(at) => {
                let expected = conda::Expected::of(&lock.conda[at]).within(lock);
                Ok(Self::Conda(conda::Unpacking::new(source, tree, expected)?))
            }
            Owner::Overlay(at) => {
                let expected = overlay::Expected::of(&lock.overlays[at]);
                Ok(Self::Overlay(overlay::Unpacking::new(source, tree, expected)?))
            }
            Owner::Wheel(at) => {
                let locked = &lock.packages[at];
                let expected = unpack::Expected {
                    name: locked.name.clone(),
                    version: locked.version.clone(),
                    file_name: locked.file_name.clone(),
                    sha256: locked.sha256,
                    files_digest: locked.files_digest,
                };
                Ok(Self::Wheel(unpack::Unpacking::new(source, tree, expected)?))
            }
        }
    }

    /// What to extract, in any order.
    pub(super) fn planned(&self) -> Vec<Planned> {
        match self {
            Self::Wheel(wheel) => wheel.planned().collect(),
            Self::Conda(package) => package.planned().collect(),
            Self::Overlay(overlay) => overlay.planned().collect(),
        }
    }

    /// Whether it can be unpacked in the order of its bytes.
    pub(super) fn is_read_once(&self) -> bool {
        matches!(self, Self::Wheel(wheel) if wheel.is_read_once())
    }

    /// Bytes that are best read before all others.
    pub(super) fn needed_first(&self) -> Vec<Range<u64>> {
        if let Self::Wheel(wheel) = self { wheel.needed_first() } else { Vec::new() }
    }

    pub(super) fn extract(&self, at: usize, task: &Task) -> Result<(), UnpackError> {
        match self {
            Self::Wheel(wheel) => wheel.extract(at, task),
            Self::Conda(package) => package.extract(at, task),
            Self::Overlay(overlay) => overlay.extract(at, task),
        }
    }

    pub(super) fn finish(&self) -> Result<Index, UnpackError> {
        match self {
            Self::Wheel(wheel) => wheel.finish(),
            Self::Conda(package) => package.finish(),
            Self::Overlay(overlay) => Ok(overlay.finish()),
        }
    }
}

/// Whether an archive says at its end what is in it; a compressed tar archive is read from its first byte on.
pub(super) fn has_directory(file_name: &str) -> bool {
    file_name.strip_suffix(".tar.bz2").is_none()
}
