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
    /// `uv_build.json`, `uv_cache.json`), sorted by (dir, name).
    pub files: Vec<IndexFile>,
    /// Console and GUI scripts, in the order of `entry_points.txt`.
    pub entry_points: Vec<EntryPoint>,
    /// The files digest (docs/lock-format.md) computed from the wheel's own RECORD.
    pub files_digest: Sha256,
    /// What was odd but harmless, a sentence each (a RECORD that lies, for one).
    pub warnings: Vec<String>,
    /// What only a conda package has. One has neither `dist_info` nor a files digest of its own.
    pub conda: Option<Box<Conda>>,
}

/// What an index has beside files if it is a conda package's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conda {
    /// `info/index.json` on one line.
    pub index_json: String,
    /// Modification time of each of [`Index::files`], in seconds since 1970. Those of a wheel have one time.
    pub times: Vec<i64>,
    /// Symbolic links, sorted by (dir, name). The store's tree has none of them.
    pub links: Vec<SymbolicLink>,
    /// What stands for the prefix in files.
    pub placeholders: Vec<String>,
    /// Files that are written anew in each environment, sorted by position.
    pub rewrites: Vec<Rewrite>,
}

/// A symbolic link of a conda package. It leads to a place in the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SymbolicLink {
    /// Position of its directory in [`Index::dirs`].
    pub dir: u32,
    /// Last component.
    pub name: String,
    /// What it says.
    pub target: String,
    /// Of what it leads to, as the package has it.
    pub sha256: Option<Sha256>,
    /// Bytes of what it leads to, as the package has it.
    pub size: Option<u64>,
}

/// A file that is written anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rewrite {
    /// Position in [`Index::files`].
    pub file: u32,
    /// Position in [`Conda::placeholders`] of what is replaced, if something is.
    pub placeholder: Option<u32>,
    /// How.
    pub how: Rewriting,
}

/// How a file is written anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rewriting {
    /// The placeholder by the prefix, wherever it stands.
    Text,
    /// The placeholder by the prefix, and NULs after the string that had it.
    Binary,
    /// The same bytes: the package does not want the file shared.
    Copy,
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

    /// Modification time of the file at a position, in seconds since 1970, if it is not that of the artifact.
    #[must_use]
    pub fn mtime(&self, file: usize) -> Option<i64> {
        self.conda.as_ref()?.times.get(file).copied()
    }
}
