//! What an artifact's `tree/` holds: the value that unpacking gives and linking reads.

use crate::digest::Sha256;

/// Directories and files of one unpacked artifact, by install path.
///
/// An install path has no Python version and no prefix in it. Its first component is one of
/// `site` (below site-packages), `headers` (below `include/site/pythonX.Y`) and `prefix` (below the prefix; so a
/// script is `prefix/bin/NAME`). In the store a file lies at `tree/<install path>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// `Name` as METADATA spells it.
    pub name: String,
    /// `Version` as METADATA spells it.
    pub version: String,
    /// The name of the `.dist-info` directory, without a slash.
    pub dist_info: String,
    /// Install paths of all directories, parents before children; never empty strings.
    pub dirs: Vec<String>,
    /// All files but those that every installer writes anew (RECORD, INSTALLER, REQUESTED, `direct_url.json`,
    /// `uv_cache.json`), sorted by (dir, name).
    pub files: Vec<IndexFile>,
    /// Console and GUI scripts, in the order of `entry_points.txt`.
    pub entry_points: Vec<EntryPoint>,
    /// The files digest (docs/lock-format.md) computed from the wheel's own RECORD.
    pub files_digest: Sha256,
    /// What was odd but harmless, a sentence each (a RECORD that lies, for one).
    pub warnings: Vec<String>,
}

/// One file of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexFile {
    /// Position of its directory in [`Index::dirs`].
    pub dir: u32,
    /// Last component.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Of the content as it lies in the store.
    pub sha256: Sha256,
    /// Mode 0555 instead of 0444.
    pub executable: bool,
    /// Whether the first line must be made to name the environment's interpreter (`#!python`, `#!pythonw`).
    pub shebang: bool,
}

/// A script that the installer generates (entry points specification).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryPoint {
    /// File name of the script.
    pub name: String,
    /// Module to import.
    pub module: String,
    /// Dotted attribute to call.
    pub attr: String,
    /// From `gui_scripts` rather than `console_scripts`.
    pub gui: bool,
}

impl Index {
    /// The install path of a file.
    #[must_use]
    pub fn path(&self, file: &IndexFile) -> String {
        format!("{}/{}", self.dirs[file.dir as usize], file.name)
    }
}
