//! Byte code (`.pyc`) in the store: made once an artifact and interpreter, linked into environments with the sources.
//!
//! It lies at `bytecode/<sha256>.<cache tag>-<magic>.<level>/{tree,index}`, an [`Artifact`] like that of the sources.
//! * [`compile`] makes what is missing, with the environment's own interpreter.
//! * [`attach`] links what is there into a tree.
//! * [`child`] does both after the environment is ready, in a process that nobody waits for.
//!
//! The files are checked by time and size (PEP 552): their sources have the artifact's time, wherever they stand.

pub mod attach;
pub mod child;
pub mod compile;

use std::collections::HashSet;
use std::fmt;

use crate::digest::Sha256;
use crate::interpreter::Interpreter;
use crate::store::Store;
use crate::store::artifact::Artifact;
use crate::task::Task;
use crate::unpack::{Index, IndexFile};

/// What to do about byte code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ByteCode {
    /// Link what the store has, and have the rest made in the background.
    #[default]
    Background,
    /// Make what is missing and wait for it.
    Now,
    /// Neither link nor make it.
    No,
}

impl ByteCode {
    /// What was asked for on a command line; `$FASTENV_NO_COMPILE` (not empty, not `0`) turns the default off.
    #[must_use]
    pub fn chosen(compile: bool, no_compile: bool) -> Self {
        let off =
            || std::env::var_os("FASTENV_NO_COMPILE").is_some_and(|value| !value.is_empty() && value != "0");
        match (compile, no_compile) {
            (true, _) => Self::Now,
            (false, true) => Self::No,
            (false, false) => {
                if off() {
                    Self::No
                } else {
                    Self::Background
                }
            }
        }
    }
}

/// Which byte code: it differs between versions of Python and levels of optimisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flavour {
    /// `cpython-311`, as in the names of the files (PEP 3147).
    pub cache_tag: String,
    /// The first four bytes of the files, in hexadecimal digits.
    pub magic: String,
    /// 0: neither `-O` nor `-OO`.
    pub level: u8,
}

impl Flavour {
    /// That of an interpreter; `None` if it writes no byte code.
    #[must_use]
    pub fn of(interpreter: &Interpreter) -> Option<Self> {
        let (cache_tag, magic) = interpreter.byte_code.clone()?;
        Some(Self { cache_tag, magic, level: 0 })
    }

    /// The name of a source's byte code in `__pycache__`.
    #[must_use]
    pub fn file_name(&self, source: &str) -> Option<String> {
        let stem = source.strip_suffix(".py").filter(|stem| !stem.is_empty())?;
        Some(format!("{stem}.{}.pyc", self.cache_tag))
    }

    /// The byte code of an artifact, if the store has it whole.
    #[must_use]
    pub fn find(&self, store: &Store, artifact: Sha256) -> Option<Artifact> {
        store.admit_byte_code(&self.key(artifact), artifact, &Task::default()).ok()?
    }

    /// The name of an artifact's byte code in the store.
    #[must_use]
    pub fn key(&self, artifact: Sha256) -> String {
        format!("{artifact}.{self}")
    }
}

impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}.{}", self.cache_tag, self.magic, self.level)
    }
}

/// Files of an artifact that byte code is made of: all below site-packages for which the wheel brings none.
fn sources<'a>(index: &'a Index, flavour: &Flavour) -> Vec<(&'a IndexFile, String)> {
    let shipped = index.files.iter().filter(|file| index.dirs[file.dir as usize].ends_with("/__pycache__"));
    let shipped: HashSet<String> = shipped.map(|file| index.path(file)).collect();
    let modules = index.files.iter().filter_map(|file| {
        let dir = &index.dirs[file.dir as usize];
        let name = flavour.file_name(&file.name)?;
        let is_module = dir == "site" || dir.starts_with("site/");
        let is_shipped = !shipped.is_empty() && shipped.contains(&format!("{dir}/__pycache__/{name}"));
        (is_module && !is_shipped).then_some((file, name))
    });
    modules.collect()
}
