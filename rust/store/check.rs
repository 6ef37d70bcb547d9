//! Whether an artifact's files are what its index says.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rayon::prelude::*;

use crate::error::Result;
use crate::fs::{self, FsError};
use crate::store::artifact::Artifact;
use crate::task::Task;
use crate::unpack::IndexFile;
use crate::verify::{Fault, digest};

/// Something of an artifact that is not as it was unpacked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flaw {
    /// Relative to the artifact's folder: `tree/site/a.py`.
    pub path: String,
    /// What is wrong with it.
    pub fault: Fault,
}

impl Artifact {
    /// Whether sizes and bytes of all files are right. Runs on the calling rayon pool.
    pub fn is_sound(&self, task: &Task) -> Result<bool> {
        let sound = |file: &IndexFile| -> Result<bool> {
            task.check()?;
            Ok(content(&self.file(file), file).is_none())
        };
        let all: Result<Vec<bool>> = self.index.files.par_iter().map(sound).collect();
        Ok(all?.into_iter().all(|sound| sound))
    }

    /// All that is wrong, sorted by path; with `exact` also modes and times, which byte code has others of. Runs on
    /// the calling rayon pool.
    pub fn flaws(&self, exact: bool, task: &Task) -> Result<Vec<Flaw>> {
        let look = |(at, file): (usize, &IndexFile)| -> Result<Option<Flaw>> {
            task.check()?;
            let path = self.file(file);
            let fault = content(&path, file).or_else(|| {
                let wrong_time = || (!has_time(&path, self.time(at))).then_some(Fault::Time);
                if !exact {
                    None
                } else if has_mode(&path, file) {
                    wrong_time()
                } else {
                    Some(Fault::Mode)
                }
            });
            Ok(fault.map(|fault| Flaw { path: format!("tree/{}", self.index.path(file)), fault }))
        };
        let found: Result<Vec<Option<Flaw>>> = self.index.files.par_iter().enumerate().map(look).collect();
        let mut flaws: Vec<Flaw> = found?.into_iter().flatten().collect();
        let files = self.index.files.iter().map(|file| self.index.path(file));
        let folders = self.index.dirs.iter().flat_map(|dir| ancestors(dir));
        let known: HashSet<String> = files.chain(folders).collect();
        unexpected(&self.folder.join("tree"), "", &known, &mut flaws)?;
        flaws.sort();
        Ok(flaws)
    }

    /// Makes right in place what is wrong beside the bytes: modes, times, and what is too much.
    pub fn tidy(&self, flaws: &[Flaw]) -> std::result::Result<(), FsError> {
        for flaw in flaws {
            let path = self.folder.join(&flaw.path);
            if flaw.fault == Fault::Unexpected {
                fs::remove_tree(&path).or_else(|_| fs::remove_file(&path))?;
                continue;
            }
            let at = self.index.files.iter().position(|file| self.file(file) == path);
            fs::set_mode(&path, at.map_or(0o444, |at| mode(&self.index.files[at])))?;
            let time = at.map_or_else(|| self.mtime(), |at| self.time(at));
            fs::set_file_mtime(&fs::open(&path)?, time, 0, &path)?;
        }
        Ok(())
    }
}

fn has_time(path: &Path, time: i64) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| (meta.mtime(), meta.mtime_nsec()) == (time, 0))
}

/// What nobody unpacked.
fn unexpected(folder: &Path, inner: &str, known: &HashSet<String>, flaws: &mut Vec<Flaw>) -> Result<()> {
    for path in fs::entries(folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let inner = if inner.is_empty() { name.into_owned() } else { format!("{inner}/{name}") };
        let is_dir = fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_dir());
        if !known.contains(&inner) {
            flaws.push(Flaw { path: format!("tree/{inner}"), fault: Fault::Unexpected });
        } else if is_dir {
            unexpected(&path, &inner, known, flaws)?;
        }
    }
    Ok(())
}

/// What can be made right in place.
#[must_use]
pub fn is_slight(flaw: &Flaw) -> bool {
    matches!(flaw.fault, Fault::Mode | Fault::Time | Fault::Unexpected)
}

/// As it was unpacked.
fn mode(file: &IndexFile) -> u32 {
    if file.executable { 0o555 } else { 0o444 }
}

fn has_mode(path: &Path, file: &IndexFile) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.mode() & 0o7777 == mode(file))
}

/// What is wrong with the bytes of a file. One that can't be read is as good as wrong.
fn content(path: &Path, file: &IndexFile) -> Option<Fault> {
    let Ok(meta) = fs::symlink_metadata(path) else { return Some(Fault::Missing) };
    if !meta.is_file() {
        return Some(Fault::Missing);
    }
    if meta.len() != file.size {
        return Some(Fault::Size);
    }
    (digest(path).ok() != Some(file.sha256)).then_some(Fault::Content)
}

/// `a`, `a/b` and `a/b/c` of `a/b/c`.
fn ancestors(dir: &str) -> Vec<String> {
    let ends = dir.match_indices('/').map(|(at, _)| at).chain([dir.len()]);
    ends.map(|end| dir[..end].to_owned()).collect()
}
