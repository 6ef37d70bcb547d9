//! Places files of the store in a tree: by hard link, else by reflink, else by copy.

pub mod early;

use std::path::Path;
use std::str::FromStr;
use std::sync::atomic::{AtomicU8, Ordering};

use rustix::io::Errno;

use crate::fs::{self, FsError};

/// How files get from the store into a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum LinkMode {
    /// The first that works of the others, in their order.
    #[default]
    Auto,
    /// A second name for the store's file: no bytes move. Needs the same file system.
    Hardlink,
    /// A file of its own that shares the store's blocks (btrfs, xfs).
    Reflink,
    /// A file of its own.
    Copy,
}

impl FromStr for LinkMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "hardlink" => Ok(Self::Hardlink),
            "reflink" => Ok(Self::Reflink),
            "copy" => Ok(Self::Copy),
            _ => Err(format!("{text:?} is none of auto, hardlink, reflink, copy")),
        }
    }
}

/// Places files with one mode, and falls to the next where the file system refuses it.
#[derive(Debug)]
pub struct Linker {
    mode: AtomicU8,
}

const HARDLINK: u8 = 0;
const REFLINK: u8 = 1;
const COPY: u8 = 2;

impl Linker {
    /// Begins with `mode`.
    #[must_use]
    pub fn new(mode: LinkMode) -> Self {
        let first = match mode {
            LinkMode::Auto | LinkMode::Hardlink => HARDLINK,
            LinkMode::Reflink => REFLINK,
            LinkMode::Copy => COPY,
        };
        Self { mode: AtomicU8::new(first) }
    }

    /// What it has come to.
    #[must_use]
    pub fn mode(&self) -> LinkMode {
        match self.mode.load(Ordering::Relaxed) {
            HARDLINK => LinkMode::Hardlink,
            REFLINK => LinkMode::Reflink,
            _ => LinkMode::Copy,
        }
    }

    /// Places the store's file `from` at `to`, which must not exist. A copy has modes by umask and `mtime`
    /// (seconds since 1970), since byte code is checked against it.
    pub fn place(&self, from: &Path, to: &Path, executable: bool, mtime: i64) -> Result<(), FsError> {
        let mut mode = self.mode.load(Ordering::Relaxed);
        // A file that has all the links that it can have says nothing about the others, nor does what is tried next.
        let mut full = false;
        loop {
            let tried = match mode {
                HARDLINK => fs::hard_link(from, to),
                REFLINK => reflink(from, to, executable, mtime),
                _ => return copy(from, to, executable, mtime),
            };
            match tried {
                Err(fault) if refuses(&fault) => {
                    full |= fault.errno() == Some(Errno::MLINK);
                    mode += 1;
                    if !full {
                        self.mode.fetch_max(mode, Ordering::Relaxed);
                    }
                }
                other => return other,
            }
        }
    }
}

/// Whether the file system can't do it this way, rather than not at all.
fn refuses(fault: &FsError) -> bool {
    let errors =
        [Errno::XDEV, Errno::PERM, Errno::MLINK, Errno::OPNOTSUPP, Errno::NOTTY, Errno::NOSYS, Errno::INVAL];
    fault.errno().is_some_and(|errno| errors.contains(&errno))
}

fn create(to: &Path, executable: bool) -> Result<fs::File, FsError> {
    fs::create_new(to, if executable { 0o777 } else { 0o666 })
}

fn reflink(from: &Path, to: &Path, executable: bool, mtime: i64) -> Result<(), FsError> {
    let source = fs::open(from)?;
    let target = create(to, executable)?;
    if let Err(fault) = fs::clone_into(&source, &target, to) {
        fs::remove_file(to)?;
        return Err(fault);
    }
    fs::set_file_mtime(&target, mtime, 0, to)
}

fn copy(from: &Path, to: &Path, executable: bool, mtime: i64) -> Result<(), FsError> {
    let target = create(to, executable)?;
    fs::copy_content(from, &target, to)?;
    fs::set_file_mtime(&target, mtime, 0, to)
}
