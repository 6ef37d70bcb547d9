//! An overlay becomes a tree: a plain zip archive of one folder, whose files go where their names say: below `overlays`,
//! or into site-packages.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use crate::digest::Sha256;
use crate::lock::{Overlay, PathEnd};
use crate::task::Task;
use crate::unpack::archive::{Archive, Entry};
use crate::unpack::fault::{ArtifactFault, Cause, UnpackError};
use crate::unpack::index::{Index, IndexFile};
use crate::unpack::inflate::{self, Content, Target};
use crate::unpack::wheel::{Planned, make_dirs, mtime_of};
use crate::unpack::{ReadAt, names};

/// Install path of the folder that overlays are in.
pub const FOLDER: &str = "prefix/overlays";

/// Install path of site-packages.
const SITE: &str = "site";

/// What the lock says of an overlay.
#[derive(Debug, Clone)]
pub struct Expected {
    /// Of the one folder in the archive.
    pub name: String,
    /// For messages.
    pub file_name: String,
    /// Of the archive. Unpacking does not check it; times of files come from it.
    pub sha256: Sha256,
    /// Where its files go.
    pub place: PathEnd,
}

impl Expected {
    /// What a lock says of one.
    #[must_use]
    pub fn of(overlay: &Overlay) -> Self {
        let (name, file_name) = (overlay.name.clone(), overlay.file_name.clone());
        Self { name, file_name, sha256: overlay.sha256, place: overlay.place }
    }

    /// Install path of an entry, whose name is known to begin with the one folder's.
    fn install_path(&self, entry: &Entry) -> String {
        match self.place {
            PathEnd::Site => format!("{SITE}{}", &entry.name[self.name.len()..]),
            PathEnd::Front | PathEnd::Back => format!("{FOLDER}/{}", entry.name),
        }
    }

    /// Install paths of all directories, sorted.
    fn dirs_of(&self, entries: &[Entry]) -> Result<Vec<String>, ArtifactFault> {
        let mut dirs = BTreeSet::new();
        for entry in entries {
            let path = entry.name.trim_end_matches('/');
            let is_file_in_place = path == self.name && !entry.is_dir();
            if is_file_in_place || !is_below(path, &self.name) {
                let name = self.name.clone();
                return Err(ArtifactFault::OutsideOverlay { entry: entry.name.clone(), name });
            }
            let path = self.install_path(entry);
            let own = entry.is_dir().then(|| path.trim_end_matches('/').to_owned());
            dirs.extend(own);
            dirs.extend(names::parents(path.trim_end_matches('/')).map(str::to_owned));
        }
        Ok(dirs.into_iter().collect())
    }
}

/// An overlay that is being unpacked.
pub struct Unpacking {
    source: Arc<dyn ReadAt>,
    dest: PathBuf,
    expected: Expected,
    entries: Vec<Entry>,
    dirs: Vec<String>,
    found: Vec<OnceLock<Option<Content>>>,
    set_mode: bool,
}

impl Unpacking {
    /// Reads the archive's directory and creates `dest_tree`, which must not exist, with all its directories. On
    /// failure, now or later, the caller removes `dest_tree`.
    pub fn new(source: Arc<dyn ReadAt>, dest_tree: PathBuf, expected: Expected) -> Result<Self, UnpackError> {
        let of = |cause: Cause| cause.of(&expected.file_name);
        let entries = Archive::open(&*source).map_err(of)?.entries;
        let dirs = expected.dirs_of(&entries).map_err(|fault| of(fault.into()))?;
        let set_mode = make_dirs(&dest_tree, &dirs).map_err(|fault| of(fault.into()))?;
        let found = entries.iter().map(|_| OnceLock::new()).collect();
        Ok(Self { source, dest: dest_tree, expected, entries, dirs, found, set_mode })
    }

    /// What to extract; positions are what [`Self::extract`] takes. Every one must be extracted once, in any order.
    #[must_use]
    pub fn planned(&self) -> impl ExactSizeIterator<Item = Planned> + '_ {
        self.entries.iter().map(Planned::of)
    }

    /// Extracts one entry, as soon as the bytes of its span are there.
    pub fn extract(&self, at: usize, task: &Task) -> Result<(), UnpackError> {
        let found = task.check().map_err(Cause::from).and_then(|()| self.extract_entry(at, task));
        let _ = self.found[at].set(found.map_err(|cause| cause.of(&self.expected.file_name))?);
        Ok(())
    }

    fn extract_entry(&self, at: usize, task: &Task) -> Result<Option<Content>, Cause> {
        let (entry, source) = (&self.entries[at], &*self.source);
        if entry.is_dir() {
            inflate::check(source, entry, task)?;
            return Ok(None);
        }
        let path = self.dest.join(self.expected.install_path(entry));
        let mode = if entry.is_executable() { 0o555 } else { 0o444 };
        let mtime = mtime_of(self.expected.sha256);
        let target = Target { path: &path, mode, set_mode: self.set_mode, mtime };
        Ok(Some(inflate::extract(source, entry, target, None, task)?))
    }

    /// The index of what was unpacked.
    ///
    /// # Panics
    /// If an entry has not been extracted.
    #[must_use]
    pub fn finish(&self) -> Index {
        let found = |at: usize| *self.found[at].get().expect("all planned entries are extracted");
        let files = self.entries.iter().enumerate();
        let files = files.filter_map(|(at, entry)| Some(self.file(entry, found(at)?)));
        let mut files: Vec<IndexFile> = files.collect();
        files.sort_unstable_by(|one, other| (one.dir, &one.name).cmp(&(other.dir, &other.name)));
        Index {
            name: self.expected.name.clone(),
            version: String::new(),
            dist_info: String::new(),
            dirs: self.dirs.clone(),
            files,
            entry_points: Vec::new(),
            files_digest: Sha256::of(b""),
            warnings: Vec::new(),
            conda: None,
        }
    }

    fn file(&self, entry: &Entry, content: Content) -> IndexFile {
        let path = self.expected.install_path(entry);
        let (dir, name) = path.rsplit_once('/').unwrap_or_default();
        let dir = self.dirs.binary_search_by(|it| it.as_str().cmp(dir)).expect("every directory was entered");
        IndexFile {
            dir: u32::try_from(dir).expect("an archive's directory is limited to 64 MiB"),
            name: name.to_owned(),
            size: entry.size,
            sha256: content.sha256,
            executable: entry.is_executable(),
            shebang: false,
        }
    }
}

/// Whether an index is that of an overlay of this name and place: the store may have another kind of artifact by the
/// same digest.
#[must_use]
pub fn is_of(index: &Index, name: &str, place: PathEnd) -> bool {
    let own = format!("{FOLDER}/{name}");
    let is_own = |dir: &String| match place {
        PathEnd::Site => is_below(dir, SITE),
        PathEnd::Front | PathEnd::Back => dir == "prefix" || dir == FOLDER || is_below(dir, &own),
    };
    index.conda.is_none() && index.dist_info.is_empty() && index.dirs.iter().all(is_own)
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
