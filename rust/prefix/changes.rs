//! What somebody did to a tree whose files were just put there: told by their inodes, sizes, times and modes.

use std::collections::{BTreeMap, HashSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::error::Result;
use crate::finish::Generated;
use crate::finish::venv::Link;
use crate::fs;
use crate::prefix::manifest::Manifest;
use crate::store::artifact::Artifact;
use crate::task::Task;
use crate::verify;

/// Everything in a tree but byte code and `.fastenv`.
#[derive(Debug)]
pub struct Snapshot(BTreeMap<String, Stamp>);

#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    size: u64,
    time: (i64, i64),
    mode: u32,
}

impl Snapshot {
    /// Of the tree at `prefix`.
    pub fn of(prefix: &Path, task: &Task) -> Result<Self> {
        let mut rows = BTreeMap::new();
        for (relative, path) in verify::walk(prefix, task)? {
            let meta = fs::symlink_metadata(&path)?;
            let time = (meta.mtime(), meta.mtime_nsec());
            rows.insert(relative, Stamp { inode: meta.ino(), size: meta.size(), time, mode: meta.mode() });
        }
        Ok(Self(rows))
    }

    /// Notes in `manifest` how the tree at `prefix` differs now, so that it is what was published. Those files have no
    /// package; `directory` tells where an install path's directory lies.
    pub fn note(
        &self,
        prefix: &Path,
        manifest: &mut Manifest,
        artifacts: &[Artifact],
        directory: &dyn Fn(&str) -> String,
        task: &Task,
    ) -> Result<()> {
        let now = Self::of(prefix, task)?;
        let is_new = |path: &&String| self.0.get(*path) != now.0.get(*path);
        let new: Vec<&String> = now.0.keys().filter(is_new).collect();
        let gone = self.0.keys().filter(|path| !now.0.contains_key(*path));
        let changed: HashSet<&str> = new.iter().copied().chain(gone).map(String::as_str).collect();
        manifest.generated.retain(|file| !changed.contains(file.path.as_str()));
        manifest.links.retain(|link| !changed.contains(link.path.as_str()));
        for artifact in artifacts {
            let of_it = manifest.lost.iter().filter(|row| row.0 == artifact.sha256);
            let known: HashSet<String> = of_it.map(|row| row.1.clone()).collect();
            for (install, path) in verify::paths(&artifact.index, directory) {
                if changed.contains(path.as_str()) && !known.contains(&install) {
                    manifest.lost.push((artifact.sha256, install));
                }
            }
        }
        for path in new {
            enter(prefix, path, manifest)?;
        }
        manifest.generated.sort_by(|one, other| one.path.cmp(&other.path));
        manifest.lost.sort_unstable();
        Ok(())
    }
}

fn enter(prefix: &Path, path: &str, manifest: &mut Manifest) -> Result<()> {
    let at = prefix.join(path);
    let meta = fs::symlink_metadata(&at)?;
    if meta.is_symlink() {
        let target = fs::read_link(&at)?.to_string_lossy().into_owned();
        manifest.links.push(Link { path: path.to_owned(), target });
    } else if meta.is_file() {
        let (sha256, executable) = (verify::digest(&at)?, meta.mode() & 0o111 != 0);
        let (path, package) = (path.to_owned(), String::new());
        manifest.generated.push(Generated { path, package, sha256, size: meta.size(), executable });
    }
    Ok(())
}
