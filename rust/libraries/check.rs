//! What a lock asks of a node's system, and this one lacks.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use super::loader::Loader;
use super::{elf, is_of_glibc};
use crate::interpreter::NodeError;
use crate::lock::Library;
use crate::task::Task;
use crate::timeline::Deed;

/// Names of packages that a message has room for.
const SHOWN: usize = 3;

/// Libraries that a node may lack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Allowed {
    /// None of them.
    #[default]
    None,
    /// Those of these sonames.
    Named(Vec<String>),
    /// All.
    All,
}

impl Allowed {
    /// The word for all of them.
    pub const ALL: &str = "*";

    /// What a user named.
    #[must_use]
    pub fn of(words: Vec<String>) -> Self {
        if words.is_empty() {
            Self::None
        } else if words.iter().any(|word| word == Self::ALL) {
            Self::All
        } else {
            Self::Named(words)
        }
    }

    /// A word that a user may name. The fault of one that is no name of a library.
    pub fn word(text: &str) -> Result<String, String> {
        let is_name = text.contains(".so") && !text.contains(['*', '?', '[', ' ']);
        let fault = || format!("{text:?} is no name of a library, as libX11.so.6 is");
        if is_name || text == Self::ALL { Ok(text.to_owned()) } else { Err(fault()) }
    }

    /// Whether it may be missing.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        match self {
            Self::None => false,
            Self::Named(names) => names.iter().any(|it| it == name),
            Self::All => true,
        }
    }
}

/// A library that the environment was scanned with, and this node lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Its soname.
    pub name: String,
    /// Who needs it.
    pub packages: Vec<String>,
    /// Whether the lock says that it may be missing.
    pub optional: bool,
    /// Of a library that is here but too old: where, and which versions of symbols it lacks.
    pub outdated: Option<(PathBuf, Vec<String>)>,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        if let Some((path, versions)) = &self.outdated {
            write!(f, " with {} (it has none in {})", versions.join(" and "), path.display())?;
        }
        let more = self.packages.len().saturating_sub(SHOWN);
        let shown = self.packages[..self.packages.len() - more].join(", ");
        write!(f, ", for {shown}")?;
        if more > 0 { write!(f, " and {more} more") } else { Ok(()) }
    }
}

/// Checks that this node has the libraries: the sentences of warning about those that it may lack.
pub fn demand(
    libraries: &[Library],
    program: Option<&Path>,
    allowed: &Allowed,
    task: &Task,
) -> Result<Vec<String>, NodeError> {
    let _span = task.span(Deed::Stage("libraries"), "");
    let library_path = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let missing = missing(libraries, &library_path, program);
    let may = |library: &Missing| library.optional || allowed.has(&library.name);
    let (known, missing): (Vec<_>, Vec<_>) = missing.into_iter().partition(may);
    if !missing.is_empty() {
        return Err(NodeError::Libraries { missing });
    }
    let warn = |library: &Missing| task.warn("", format!("this node lacks {library}"));
    Ok(known.iter().map(warn).collect())
}

/// Looks for each library as the loader will for `program`, the interpreter, with this `LD_LIBRARY_PATH`.
#[must_use]
pub fn missing(libraries: &[Library], library_path: &OsStr, program: Option<&Path>) -> Vec<Missing> {
    if libraries.is_empty() {
        return Vec::new();
    }
    let loader = Loader::new(library_path, program);
    // Where even libc is at a place of its own nothing can be said of glibc's libraries.
    let knows_glibc = loader.find_in_system("libc.so.6").is_some();
    let asked = libraries.iter().filter(|library| knows_glibc || !is_of_glibc(&library.name));
    asked.filter_map(|library| look(library, &loader)).collect()
}

fn look(library: &Library, loader: &Loader) -> Option<Missing> {
    let in_folders = || library.folders.iter().find_map(|folder| loader.within(folder, &library.name));
    let missing = |outdated| {
        let (name, packages) = (library.name.clone(), library.packages.clone());
        Some(Missing { name, packages, optional: library.optional, outdated })
    };
    let Some(path) = loader.find_in_system(&library.name).or_else(in_folders) else { return missing(None) };
    if library.versions.is_empty() {
        return None;
    }
    let defined = elf::read(&path).ok().flatten().map(|object| object.defined).unwrap_or_default();
    // The loader takes a library without any versions, and so do we.
    let lacks = |version: &&String| !defined.is_empty() && !defined.contains(version);
    let lacking: Vec<String> = library.versions.iter().filter(lacks).cloned().collect();
    if lacking.is_empty() { None } else { missing(Some((path, lacking))) }
}
