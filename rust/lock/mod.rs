//! Reads `pylock.fastenv.toml` (docs/lock-format.md): a PEP 751 file with fastenv's tables.
//!
//! Only what a node needs is read. Whatever is not as fastenv writes it is refused, since a lock comes from
//! elsewhere and its words become paths and lines of the env id.

mod conda;
mod library;
mod named;
mod overlay;
mod raw;
mod reader;
mod settings;
mod unit;
mod wheel_name;

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::digest::Sha256;
use crate::fs::{self, FsError};

pub use conda::{CondaPackage, Noarch, VirtualPackage};
pub use library::Library;
pub use named::{NamedFile, NamedIndex};
pub use overlay::{Overlay, PathEnd};
use reader::Reader;
pub use settings::{Settings, unfit_name};
pub use unit::Unit;

/// The newest format that this program reads.
pub const FORMAT: i64 = 1;

/// Why a lock was refused.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// The file could not be read.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// Not TOML, or not of the shape of a lock.
    #[error("{lock} is not a lock file: {fault}")]
    Syntax {
        /// Which lock.
        lock: String,
        /// What the parser said.
        fault: String,
    },
    /// Written by a newer fastenv, or to a newer PEP.
    #[error("{lock} has {what} {found}, this fastenv reads up to {known}")]
    Newer {
        /// Which lock.
        lock: String,
        /// `format` or `lock-version`.
        what: &'static str,
        /// As the file says.
        found: String,
        /// As this program knows.
        known: String,
    },
    /// Without fastenv's tables: uv drops them when it rewrites a file.
    #[error("{lock} has no {table}: it was not written by fastenv, or another tool has rewritten it")]
    Stripped {
        /// Which lock.
        lock: String,
        /// The table that is missing.
        table: String,
    },
    /// The id that the lock states is not the one that its content has.
    #[error("{lock} says env id {stated}, but what it describes has {computed}: the file was edited")]
    WrongId {
        /// Which lock.
        lock: String,
        /// As the file says.
        stated: String,
        /// As its content gives.
        computed: Sha256,
    },
    /// A value that fastenv would not write.
    #[error("{lock}: {place}: {fault}")]
    Value {
        /// Which lock.
        lock: String,
        /// Package or table.
        place: String,
        /// What is wrong.
        fault: String,
    },
}

impl LockError {
    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Fs(_) => "give the path of a lock that `fastenv lock` wrote and that you may read",
            Self::Newer { .. } => "install a newer fastenv here, or lock with this one",
            _ => "run `fastenv lock` again in the environment and bring the new file here",
        })
    }
}

/// What the environment is made for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Platform {
    /// `linux`.
    pub os: String,
    /// As `uname -m` says.
    pub arch: String,
    /// The oldest glibc that every artifact accepts (`2.17`); none if no artifact asks.
    pub glibc: Option<String>,
}

/// Where the environment's interpreter comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InterpreterSource {
    /// The node has one, and the environment is like a venv of it.
    #[default]
    Node,
    /// The conda package `python` of the lock: `bin/python` of the environment is it.
    Conda,
}

/// The interpreter that was scanned.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LockedInterpreter {
    /// `cpython`.
    pub implementation: String,
    /// Full version: `3.11.7`, `3.14.0rc2`.
    pub version: String,
    /// As `sysconfig` says; empty if it says nothing.
    pub soabi: String,
    /// Build number, date and compiler.
    pub build: String,
    /// Where it was: a hint.
    pub executable: Option<String>,
    /// Who brings it.
    #[serde(default)]
    pub source: InterpreterSource,
    /// Where site-packages is below the prefix, if not at `lib/pythonX.Y/site-packages` (CEP 17); as it stands in
    /// the lock. [`site`](Self::site) has the answer for either.
    #[serde(rename = "site-packages")]
    pub site_packages: Option<String>,
}

impl LockedInterpreter {
    /// `3.11` of `3.11.7`.
    #[must_use]
    pub fn minor(&self) -> String {
        self.version.split('.').take(2).collect::<Vec<_>>().join(".")
    }

    /// `3.11`, or `3.13t` for the free-threaded build, as the folder below `lib` is named.
    #[must_use]
    pub fn lib_version(&self) -> String {
        let free_threaded = self.abi_flags().ends_with('t');
        format!("{}{}", self.minor(), if free_threaded { "t" } else { "" })
    }

    /// `m` of `cpython-37m-x86_64-linux-gnu`: what `CPython` adds to the name of the folder of its headers.
    #[must_use]
    pub fn abi_flags(&self) -> &str {
        self.soabi
            .split('-')
            .nth(1)
            .unwrap_or_default()
            .trim_start_matches(|letter: char| letter.is_ascii_digit())
    }

    /// site-packages, below the prefix.
    #[must_use]
    pub fn site(&self) -> String {
        let usual = || format!("lib/python{}/site-packages", self.lib_version());
        self.site_packages.clone().unwrap_or_else(usual)
    }
}

/// One wheel of one package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Normalized name (PEP 503).
    pub name: String,
    /// Version as the lock spells it.
    pub version: String,
    /// Name of the wheel file.
    pub file_name: String,
    /// Where to get it, in this order; empty if it travels with the lock.
    pub urls: Vec<String>,
    /// Path relative to the lock's folder, if it travels with the lock, or could.
    pub path: Option<PathBuf>,
    /// Where it is in an index that the node must know.
    pub named: Option<NamedFile>,
    /// Bytes.
    pub size: Option<u64>,
    /// Of the wheel file.
    pub sha256: Sha256,
    /// The files digest of what was scanned.
    pub files_digest: Option<Sha256>,
    /// Whether the user asked for it by name.
    pub requested: bool,
    /// The text of `direct_url.json` (PEP 610), for what came from no index.
    pub direct_url: Option<String>,
}

/// One artifact of a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// Position in [`Lock::packages`].
    Wheel(usize),
    /// Position in [`Lock::conda`].
    Conda(usize),
    /// Position in [`Lock::overlays`].
    Overlay(usize),
}

/// A path that two packages claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contested {
    /// Install path.
    pub path: String,
    /// The package whose file it is.
    pub winner: Owner,
}

/// A lock that was read and found good.
#[derive(Debug, Clone)]
pub struct Lock {
    /// The file's text.
    pub text: String,
    /// The folder that relative paths are below.
    pub folder: PathBuf,
    /// What it is made for.
    pub platform: Platform,
    /// The interpreter that was scanned; none in an environment without python, which has no wheels then.
    pub interpreter: Option<LockedInterpreter>,
    /// The wheels, sorted by name.
    pub packages: Vec<Package>,
    /// The conda packages, sorted by name.
    pub conda: Vec<CondaPackage>,
    /// Loose code, in the order of the search path.
    pub overlays: Vec<Overlay>,
    /// What the conda packages want of the node.
    pub virtual_packages: Vec<VirtualPackage>,
    /// What its objects need of the node's system.
    pub libraries: Vec<Library>,
    /// Whether the link scripts of the conda packages run.
    pub link_scripts: bool,
    /// What conda keeps of it beside packages.
    pub settings: Settings,
    /// Sorted by path.
    pub contested: Vec<Contested>,
    /// The environment's id.
    pub env_id: Sha256,
}

impl Lock {
    /// Reads and checks a lock file.
    pub fn read(path: &Path) -> Result<Self, LockError> {
        let text = fs::read_to_string(path)?;
        let folder = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        Self::parse(text, folder, &path.display().to_string())
    }

    /// Checks the text of a lock; `label` names it in errors.
    pub fn parse(text: String, folder: PathBuf, label: &str) -> Result<Self, LockError> {
        let (lock, stated) = Reader { label }.read(text, folder)?;
        if stated.parse::<Sha256>().ok() != Some(lock.env_id) {
            return Err(LockError::WrongId { lock: label.to_owned(), stated, computed: lock.env_id });
        }
        Ok(lock)
    }

    /// `python3.11`, as the folder below `lib` is named; empty if the environment has no python.
    #[must_use]
    pub fn lib_python(&self) -> String {
        let name = |interpreter: &LockedInterpreter| format!("python{}", interpreter.lib_version());
        self.interpreter.as_ref().map(name).unwrap_or_default()
    }

    /// The digest of an artifact.
    #[must_use]
    pub fn sha256(&self, owner: Owner) -> Sha256 {
        match owner {
            Owner::Wheel(at) => self.packages[at].sha256,
            Owner::Conda(at) => self.conda[at].sha256,
            Owner::Overlay(at) => self.overlays[at].sha256,
        }
    }
}

/// The env id that a lock's content has, whatever the text states.
pub fn compute_env_id(text: &str) -> Result<Sha256, LockError> {
    let (lock, _) = Reader { label: "the lock" }.read(text.to_owned(), PathBuf::new())?;
    Ok(lock.env_id)
}
