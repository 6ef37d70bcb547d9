//! Links byte code of the store into a tree, beside its sources.

use std::collections::{HashMap, HashSet};
use std::io::ErrorKind;
use std::path::Path;

use rayon::prelude::*;

use crate::digest::Sha256;
use crate::error::Result;
use crate::fs::{self, FsError};
use crate::link::Linker;
use crate::scheme::Scheme;
use crate::store::artifact::Artifact;
use crate::task::Task;
use crate::unpack::IndexFile;

/// A tree that gets byte code.
pub struct Attaching<'a> {
    /// The prefix, or where it is built.
    pub tree: &'a Path,
    /// Where it has site-packages.
    pub scheme: &'a Scheme,
    /// The byte code of the tree's artifacts.
    pub byte_code: &'a [Artifact],
    /// Artifacts and install paths of sources that do not stand in the tree: another's file has their path.
    pub lost: &'a [(Sha256, String)],
}

impl Attaching<'_> {
    /// Links all of it on the calling rayon pool. What is there already stays: the interpreter may have been faster.
    pub fn run(&self, linker: &Linker, task: &Task) -> Result<()> {
        let groups = self.groups();
        groups.par_iter().with_max_len(1).try_for_each(|(dir, files)| {
            task.check()?;
            let dir = self.tree.join(dir);
            allow_existing(fs::create_dir(&dir))?;
            for (artifact, file) in files {
                let to = dir.join(&file.name);
                allow_existing(linker.place(&artifact.file(file), &to, false, artifact.mtime()))?;
            }
            Ok(())
        })
    }

    /// Files by the directory that gets them, the fullest first.
    fn groups(&self) -> Vec<(String, Vec<(&Artifact, &IndexFile)>)> {
        let lost: HashSet<(Sha256, String)> =
            self.lost.iter().filter_map(|(artifact, path)| Some((*artifact, module(path)?))).collect();
        let mut groups: HashMap<String, Vec<(&Artifact, &IndexFile)>> = HashMap::new();
        for artifact in self.byte_code {
            let dirs: Vec<String> =
                artifact.index.dirs.iter().map(|dir| self.scheme.directory(dir)).collect();
            for file in &artifact.index.files {
                let is_lost = !lost.is_empty() && lost.contains(&(artifact.sha256, source(artifact, file)));
                if !is_lost {
                    groups.entry(dirs[file.dir as usize].clone()).or_default().push((artifact, file));
                }
            }
        }
        let mut groups: Vec<_> = groups.into_iter().collect();
        groups.sort_by_key(|(_, files)| std::cmp::Reverse(files.len()));
        groups
    }
}

/// `site/a/b` of the source at `site/a/b.py`.
fn module(path: &str) -> Option<String> {
    path.strip_suffix(".py").map(str::to_owned)
}

/// `site/a/b` of the byte code at `site/a/__pycache__/b.cpython-311.pyc`.
fn source(artifact: &Artifact, file: &IndexFile) -> String {
    let dir = artifact.index.dirs[file.dir as usize].trim_end_matches("/__pycache__");
    let stem = file.name.rsplitn(3, '.').last().unwrap_or_default();
    format!("{dir}/{stem}")
}

fn allow_existing(done: std::result::Result<(), FsError>) -> std::result::Result<(), FsError> {
    match done {
        Err(fault) if fault.kind() == ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}
