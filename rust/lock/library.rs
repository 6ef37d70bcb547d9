//! Libraries of the system that the environment's objects need.

use std::path::PathBuf;

use serde::Deserialize;

use super::LockError;
use super::reader::Reader;

/// A library that a node must have, or is told of if it lacks it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Library {
    /// Its soname, or an absolute path.
    pub name: String,
    /// Who needs it: names of wheels, and `conda:NAME`.
    pub packages: Vec<String>,
    /// Versions of symbols (`GLIBC_2.34`) that it must define.
    #[serde(default)]
    pub versions: Vec<String>,
    /// Folders in which it is looked for besides those of the loader: objects name them.
    #[serde(default)]
    pub folders: Vec<PathBuf>,
    /// Whether a node may lack it.
    #[serde(default)]
    pub optional: bool,
}

impl Reader<'_> {
    /// The checked rows of `[[tool.fastenv.libraries]]`.
    pub(super) fn libraries(&self, rows: &[Library]) -> Result<Vec<Library>, LockError> {
        for row in rows {
            let fault = |fault: &str| self.value("tool.fastenv.libraries", format!("{:?} {fault}", row.name));
            let is_plain = |text: &String| !text.is_empty() && !text.chars().any(char::is_control);
            if !is_plain(&row.name) || (row.name.contains('/') && !row.name.starts_with('/')) {
                return Err(fault("is no name of a library"));
            }
            // Who needs it is said to the user, and may be a package that somebody left out.
            if row.packages.is_empty() || !row.packages.iter().chain(&row.versions).all(is_plain) {
                return Err(fault("has a package or version that is none, or no package"));
            }
            if !row.folders.iter().all(|folder| folder.is_absolute()) {
                return Err(fault("has a folder that is not absolute"));
            }
        }
        Ok(rows.to_vec())
    }
}
