//! Members of a package's archives become files below the tree, and notes of what was written.
//!
//! Links are noted and not made: no file can be written through one. Neither are files of `info/`, of which those
//! that say something are kept as texts.

use std::collections::HashMap;
use std::io::{ErrorKind, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::conda::fault::MemberFault;
use crate::conda::tar::{Kind, Member, Reader};
use crate::digest::together::of_each;
use crate::digest::{Hasher, Sha256};
use crate::fs;
use crate::task::Task;
use crate::unpack::archive::usize_of;
use crate::unpack::fault::Cause;
use crate::unpack::inflate::Target;
use crate::unpack::names;

/// Files of at most this many bytes are handled in one piece, and hashed with others.
const SMALL: u64 = 4 << 20;
/// So many bytes of files are hashed at once.
const ENOUGH: usize = 1 << 20;
/// Pieces of large files.
const PIECE: usize = 256 << 10;
/// The largest text that is read, in bytes.
const LARGEST_TEXT: u64 = 64 << 20;

/// Files of `info/` that are read.
pub(crate) const TEXTS: [&str; 8] = [
    "info/index.json",
    "info/paths.json",
    "info/link.json",
    "info/package_metadata.json",
    "info/files",
    "info/has_prefix",
    "info/no_link",
    "info/no_softlink",
];

/// What was found in the archive, below its own top folder.
#[derive(Debug)]
pub(crate) struct Found {
    /// In the archive.
    pub(crate) path: String,
    pub(crate) what: What,
    pub(crate) executable: bool,
    /// Seconds since 1970.
    pub(crate) mtime: i64,
}

#[derive(Debug, Clone)]
pub(crate) enum What {
    File { size: u64, sha256: Sha256 },
    Symlink(String),
    Directory,
}

/// What one tar archive holds.
#[derive(Debug, Default)]
pub(crate) struct Landed {
    pub(crate) found: Vec<Found>,
    pub(crate) texts: HashMap<&'static str, Vec<u8>>,
    /// Positions in `found` of files, by path.
    files: HashMap<String, usize>,
}

/// Files that are written and not hashed yet: several at once cost less.
#[derive(Default)]
struct Unhashed {
    bytes: Vec<u8>,
    /// Where in `bytes` the next file begins.
    end: usize,
    /// Position in [`Landed::found`], and where in `bytes`.
    files: Vec<(usize, Range<usize>)>,
}

impl Unhashed {
    /// Room for a file.
    fn room(&mut self, size: usize) -> &mut [u8] {
        let end = self.end + size;
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        &mut self.bytes[self.end..end]
    }

    /// What was put into the room is the file at `position`.
    fn keep(&mut self, position: usize, size: usize) {
        self.files.push((position, self.end..self.end + size));
        self.end += size;
    }

    /// Hashes all of them.
    fn settle(&mut self, found: &mut [Found]) {
        let texts: Vec<&[u8]> = self.files.iter().map(|(_, range)| &self.bytes[range.clone()]).collect();
        for ((position, _), digest) in self.files.iter().zip(of_each(&texts)) {
            if let What::File { sha256, .. } = &mut found[*position].what {
                *sha256 = digest;
            }
        }
        self.files.clear();
        self.end = 0;
    }
}

/// Where members of a package go. Its archives may land at once.
pub(crate) struct Landing {
    tree: PathBuf,
    /// `site-packages` and `python-scripts` are the environment's python's.
    for_python: bool,
    /// Whether the umask takes bits of the files' modes away.
    set_mode: bool,
    /// Install paths that are taken, and whether by directories.
    taken: Mutex<HashMap<String, bool>>,
}

impl Landing {
    pub(crate) fn new(tree: PathBuf, for_python: bool, set_mode: bool) -> Self {
        Self { tree, for_python, set_mode, taken: Mutex::default() }
    }

    pub(crate) fn tree(&self) -> &Path {
        &self.tree
    }

    /// Where a path of the archive is installed: an install path as in [`crate::unpack::index`].
    pub(crate) fn install_path(&self, path: &str) -> String {
        let below = |folder: &str| path.strip_prefix(folder).filter(|_| self.for_python);
        if let Some(rest) = below("site-packages/") {
            return format!("site/{rest}");
        }
        if let Some(rest) = below("python-scripts/") {
            return format!("prefix/bin/{rest}");
        }
        format!("prefix/{path}")
    }

    /// Writes all members. Texts are taken from an archive only if it `has_info`.
    pub(crate) fn take<R: Read>(
        &self,
        mut reader: Reader<R>,
        has_info: bool,
        task: &Task,
    ) -> Result<Landed, Cause> {
        let mut landed = Landed::default();
        let mut unhashed = Unhashed::default();
        while let Some(member) = reader.next()? {
            task.check()?;
            if member.path == "info" || member.path.starts_with("info/") {
                if has_info {
                    landed.keep_text(&mut reader, &member)?;
                }
                continue;
            }
            self.land(&mut reader, member, &mut landed, &mut unhashed, task)?;
        }
        unhashed.settle(&mut landed.found);
        Ok(landed)
    }

    fn land<R: Read>(
        &self,
        reader: &mut Reader<R>,
        member: Member,
        landed: &mut Landed,
        unhashed: &mut Unhashed,
        task: &Task,
    ) -> Result<(), Cause> {
        let install = self.install_path(&member.path);
        let is_file = matches!(member.kind, Kind::File | Kind::Hardlink(_));
        self.claim(&install, member.kind == Kind::Directory, is_file)
            .map_err(|fault| of(fault, &member.path))?;
        let target = Target {
            path: &self.tree.join(&install),
            mode: if member.executable { 0o555 } else { 0o444 },
            set_mode: self.set_mode,
            mtime: member.mtime,
        };
        let (mut executable, mut mtime) = (member.executable, member.mtime);
        let what = match member.kind {
            Kind::Directory => What::Directory,
            Kind::Symlink(text) => What::Symlink(text),
            Kind::File => {
                let position = landed.found.len();
                landed.files.insert(member.path.clone(), position);
                let sha256 = if member.size <= SMALL {
                    write_small(reader, target, usize_of(member.size), unhashed, landed)?
                } else {
                    write_large(reader, target, task)?
                };
                What::File { size: member.size, sha256 }
            }
            Kind::Hardlink(text) => {
                let Some(&at) = landed.files.get(&text) else {
                    return Err(MemberFault::Hardlink(text).of(&member.path).into());
                };
                unhashed.settle(&mut landed.found);
                let first = &landed.found[at];
                fs::hard_link(&self.tree.join(self.install_path(&text)), target.path)?;
                (executable, mtime) = (first.executable, first.mtime);
                let what = first.what.clone();
                landed.files.insert(member.path.clone(), landed.found.len());
                what
            }
        };
        landed.found.push(Found { path: member.path, what, executable, mtime });
        Ok(())
    }

    /// Takes a path, and makes the directories above a file that is about to be written.
    fn claim(&self, install: &str, is_dir: bool, is_file: bool) -> Result<(), Claim> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.insert(install.to_owned(), is_dir) {
            // Two members may say that there is a folder.
            None | Some(true) if is_dir => {}
            None => {}
            Some(true) => return Err(MemberFault::FileAndDirectory.into()),
            Some(false) if is_dir => return Err(MemberFault::FileAndDirectory.into()),
            Some(false) => return Err(MemberFault::Duplicate.into()),
        }
        let mut missing = Vec::new();
        for parent in names::parents(install) {
            match taken.get(parent) {
                Some(true) => break,
                Some(false) => return Err(MemberFault::FileAndDirectory.into()),
                None => missing.push(parent.to_owned()),
            }
        }
        for parent in missing {
            taken.insert(parent, true);
        }
        if is_file { self.make_parents(install).map_err(Claim::File) } else { Ok(()) }
    }

    /// Nothing but directories can stand there: paths of members are checked before.
    fn make_parents(&self, install: &str) -> fs::Result<()> {
        let Some((parent, _)) = install.rsplit_once('/') else { return Ok(()) };
        match fs::create_dir(&self.tree.join(parent)) {
            Err(fault) if fault.kind() == ErrorKind::AlreadyExists => Ok(()),
            Err(fault) if fault.kind() == ErrorKind::NotFound => fs::create_dir_all(&self.tree.join(parent)),
            other => other,
        }
    }
}

/// Why a path could not be taken.
enum Claim {
    Member(MemberFault),
    File(fs::FsError),
}

impl From<MemberFault> for Claim {
    fn from(fault: MemberFault) -> Self {
        Self::Member(fault)
    }
}

fn of(claim: Claim, path: &str) -> Cause {
    match claim {
        Claim::Member(fault) => fault.of(path).into(),
        Claim::File(fault) => fault.into(),
    }
}

/// Writes a file in one piece, which is hashed later with others; what stands for its digest until then.
fn write_small<R: Read>(
    reader: &mut Reader<R>,
    target: Target<'_>,
    size: usize,
    unhashed: &mut Unhashed,
    landed: &mut Landed,
) -> Result<Sha256, Cause> {
    if unhashed.end >= ENOUGH {
        unhashed.settle(&mut landed.found);
    }
    let content = unhashed.room(size);
    let count = reader.content(content)?;
    debug_assert_eq!(count, size, "content is read to its end or fails");
    let mut file = target.create()?;
    fs::write_all(&mut file, content, target.path)?;
    target.seal(&file)?;
    unhashed.keep(landed.found.len(), size);
    Ok(Sha256([0; 32]))
}

/// Writes a file, and hashes it.
fn write_large<R: Read>(reader: &mut Reader<R>, target: Target<'_>, task: &Task) -> Result<Sha256, Cause> {
    let (mut buffer, mut hasher) = (vec![0; PIECE], Hasher::new());
    let mut file = target.create()?;
    loop {
        let count = reader.content(&mut buffer)?;
        if count == 0 {
            target.seal(&file)?;
            return Ok(hasher.finish());
        }
        fs::write_all(&mut file, &buffer[..count], target.path)?;
        hasher.update(&buffer[..count]);
        task.check()?;
    }
}

impl Landed {
    fn keep_text<R: Read>(&mut self, reader: &mut Reader<R>, member: &Member) -> Result<(), Cause> {
        let known = TEXTS.into_iter().find(|name| *name == member.path);
        let Some(name) = known.filter(|_| member.kind == Kind::File) else { return Ok(()) };
        if member.size > LARGEST_TEXT {
            return Err(MemberFault::TextTooLarge(member.size).of(name).into());
        }
        let mut text = vec![0; usize::try_from(member.size).unwrap_or(0)];
        let count = reader.content(&mut text)?;
        debug_assert_eq!(count, text.len(), "content is read to its end or fails");
        match self.texts.insert(name, text) {
            None => Ok(()),
            Some(_) => Err(MemberFault::Duplicate.of(name).into()),
        }
    }
}
