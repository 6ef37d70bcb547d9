//! Links what is certain while other artifacts are still on their way.
//!
//! Where a file stands depends on all artifacts only if several claim its path. So an artifact's files are placed as soon
//! as it is in the store, but for those whose path the lock calls contested, and for `bin`, where scripts are made. A
//! path that turns out to be taken is left as it is: once all artifacts are known, the layout says whose it is, and
//! [`crate::tree`] places what was not placed here, or not rightly.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::fs;
use crate::layout::{Item, Place};
use crate::link::Linker;
use crate::lock::Lock;
use crate::scheme::Scheme;
use crate::store::artifact::Artifact;
use crate::task::Task;
use crate::timeline::Deed;

/// A tree of which not all artifacts are there yet.
pub struct Early<'a> {
    lock: &'a Lock,
    linker: &'a Linker,
    /// Where the tree is built.
    staging: PathBuf,
    scheme: &'a Scheme,
    contested: HashSet<&'a str>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Directories that were made, relative to the prefix.
    dirs: HashSet<String>,
    /// By package: which of its files stand at their place.
    placed: HashMap<u32, Vec<bool>>,
}

impl<'a> Early<'a> {
    /// A tree in `staging`, which is empty.
    #[must_use]
    pub fn new(lock: &'a Lock, linker: &'a Linker, staging: PathBuf, scheme: &'a Scheme) -> Self {
        let contested = lock.contested.iter().map(|row| row.path.as_str()).collect();
        Self { lock, linker, staging, scheme, contested, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Places the files of one artifact, which belongs to the package at position `at`. A failure ends it without a
    /// word: what was not placed is placed later, and fails then if it must.
    pub fn place(&self, at: u32, artifact: &Artifact, task: &Task) {
        let _span = task.span(Deed::Link, self.lock.unit(at as usize).name);
        let mut placed = vec![false; artifact.index.files.len()];
        let _ = self.try_place(artifact, &mut placed, task);
        self.state().placed.insert(at, placed);
    }

    fn try_place(&self, artifact: &Artifact, placed: &mut [bool], task: &Task) -> crate::error::Result<()> {
        let index = &artifact.index;
        let dirs: Vec<Option<String>> = index.dirs.iter().map(|dir| self.target(dir)).collect();
        for (at, (file, placed)) in (0..).zip(index.files.iter().zip(placed)) {
            let Some(dir) = &dirs[file.dir as usize] else { continue };
            let item = Item::of(index, at);
            let path = self.scheme.install_path(index, item);
            if !matches!(item, Item::File(_)) || self.contested.contains(path.as_str()) {
                continue;
            }
            task.check()?;
            // Not before: a directory of which nothing is left is not in the layout.
            self.make(dir)?;
            let to = self.staging.join(dir).join(&file.name);
            match self.linker.place(&artifact.file(file), &to, file.executable, artifact.time(at as usize)) {
                Ok(()) => *placed = true,
                Err(fault) if fault.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(fault) => return Err(fault.into()),
            }
        }
        Ok(())
    }

    /// Where a directory stands, if its files are certain. What a layout refuses is left to it.
    fn target(&self, dir: &str) -> Option<String> {
        let target = self.scheme.directory(dir);
        let top = target.split('/').next().unwrap_or_default();
        (!["", "bin", "conda-meta", ".fastenv", "lib64"].contains(&top)).then_some(target)
    }

    /// Makes a directory and its parents, unless they were made.
    fn make(&self, dir: &str) -> fs::Result<()> {
        let mut state = self.state();
        if state.dirs.contains(dir) {
            return Ok(());
        }
        let ends = dir.match_indices('/').map(|(at, _)| at).chain([dir.len()]);
        for path in ends.map(|end| &dir[..end]) {
            if !state.dirs.contains(path) {
                fs::create_dir(&self.staging.join(path))?;
                state.dirs.insert(path.to_owned());
            }
        }
        Ok(())
    }

    /// Whether a directory was made.
    #[must_use]
    pub fn has_made(&self, dir: &str) -> bool {
        self.state().dirs.contains(dir)
    }

    /// Which of the places are still to be filled.
    #[must_use]
    pub fn unplaced(&self, places: &[Place]) -> Vec<Place> {
        let state = self.state();
        let is_placed = |place: &&Place| {
            state.placed.get(&place.package).is_some_and(|placed| placed[place.file as usize])
        };
        places.iter().filter(|place| !is_placed(place)).copied().collect()
    }
}
