//! The files that no artifact has: scripts, RECORD and its companions, and the environment's own.

pub mod activate;
pub mod conda_meta;
pub mod link_scripts;
pub mod overlays;
pub mod prefix;
pub mod record;
pub mod scripts;
pub mod venv;

use std::path::Path;

use crate::digest::Sha256;
use crate::fs::{self, FsError};

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

/// Writes a file of the tree under `staging` and tells what was written.
pub fn generate(
    staging: &Path,
    path: String,
    package: &str,
    content: &[u8],
    executable: bool,
) -> Result<Generated, FsError> {
    let mode = if executable { 0o777 } else { 0o666 };
    fs::write_new(&staging.join(&path), content, mode)?;
    let (sha256, size) = (Sha256::of(content), content.len() as u64);
    Ok(Generated { path, package: package.to_owned(), sha256, size, executable })
}
