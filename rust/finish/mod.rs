//! The files that no artifact has: scripts, RECORD and its companions, and the environment's own.

pub mod activate;
pub mod conda_meta;
pub mod conda_settings;
pub mod link_scripts;
pub mod overlays;
pub mod prefix;
pub mod record;
pub mod scripts;
pub mod venv;

use std::path::Path;

use crate::digest::Sha256;
use crate::fs::{self, FsError};

/// The kernel reads no more of a first line than this (`BINPRM_BUF_SIZE` less the end mark).
const LONGEST_SHEBANG: usize = 127;

/// A file that was generated, as the manifest lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    /// Relative to the prefix.
    pub path: String,
    /// The package that it belongs to, empty if none.
    pub package: String,
    /// Of its content.
    pub sha256: Sha256,
    /// Bytes.
    pub size: u64,
    /// Whether it may be run.
    pub executable: bool,
}

/// A file that was written, before its content was hashed.
pub(crate) struct Written {
    pub(crate) path: String,
    pub(crate) package: String,
    pub(crate) size: u64,
    pub(crate) executable: bool,
}

impl Written {
    pub(crate) fn with(self, sha256: Sha256) -> Generated {
        let Self { path, package, size, executable } = self;
        Generated { path, package, sha256, size, executable }
    }
}

/// Writes a file of the tree under `staging` and tells what was written.
pub fn generate(
    staging: &Path,
    path: String,
    package: &str,
    content: &[u8],
    executable: bool,
) -> Result<Generated, FsError> {
    Ok(write(staging, path, package, content, executable)?.with(Sha256::of(content)))
}

/// Writes a file of the tree under `staging`, whose content somebody else hashes.
pub(crate) fn write(
    staging: &Path,
    path: String,
    package: &str,
    content: &[u8],
    executable: bool,
) -> Result<Written, FsError> {
    let mode = if executable { 0o777 } else { 0o666 };
    fs::write_new(&staging.join(&path), content, mode)?;
    Ok(Written { path, package: package.to_owned(), size: content.len() as u64, executable })
}
