//! An environment's folder: what stands there, what it says of itself, and how it gets there.
//!
//! `PREFIX/.fastenv/` holds `state` ([`state`]), `lock.toml`, `manifest` and `index/<sha256>` ([`manifest`]), and
//! `use`, on which a running `exec` keeps a shared lock ([`hold`]). [`health`]: what an earlier boot left of it. [`scripted`]: one in
//! which link scripts run, which changes it ([`changes`]); [`seal`] has the last word.

pub mod changes;
pub mod health;
pub mod hold;
pub mod manifest;
pub mod publish;
pub mod scripted;
pub mod seal;
pub mod state;

use std::path::{Path, PathBuf};

use crate::fs::{self, FsError};
use state::State;

/// fastenv's folder in an environment.
#[must_use]
pub fn own_folder(prefix: &Path) -> PathBuf {
    prefix.join(".fastenv")
}

/// The folder of an environment by the name under which it was published, if that leads to `path` still: a store's root
/// may be named by a link. Else by the name without links.
pub fn named(path: &Path) -> Result<PathBuf, FsError> {
    let real = fs::canonicalize(path)?;
    let published = State::read(&real).map(|state| state.prefix).filter(|name| *name != real);
    let leads_here = |name: &PathBuf| fs::canonicalize(name).is_ok_and(|it| it == real);
    Ok(published.filter(leads_here).unwrap_or(real))
}

/// What is at a path that is to become an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nothing.
    Absent,
    /// A folder with nothing in it.
    Empty,
    /// A whole environment that fastenv made here, as it was published.
    Ours(State),
    /// One that fastenv made, but that was changed or moved.
    Changed,
    /// One that fastenv made, or began to, without a state that can be read.
    Damaged,
    /// Something else, which is never touched.
    Foreign,
}

impl Standing {
    /// Looks, and changes nothing.
    #[must_use]
    pub fn of(prefix: &Path) -> Self {
        let Ok(meta) = fs::symlink_metadata(prefix) else { return Self::Absent };
        if !meta.is_dir() {
            return Self::Foreign;
        }
        if fs::exists(&own_folder(prefix)) {
            return match State::read(prefix) {
                Some(state) if state.holds(prefix) => Self::Ours(state),
                Some(_) => Self::Changed,
                None => Self::Damaged,
            };
        }
        match fs::read_dir(prefix) {
            Ok(entries) if entries.is_empty() => Self::Empty,
            _ => Self::Foreign,
        }
    }
}
