//! The only module that touches `std::fs`: every error says what was done to which path.

#![allow(clippy::disallowed_methods)] // this is the module that may

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, RenameFlags, Timespec, Timestamps};

pub use std::fs::{File, Metadata};

/// A file system call that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", path.display())]
pub struct FsError {
    /// What was tried: `read`, `create`, `link`...
    pub action: &'static str,
    /// On what.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

impl FsError {
    /// The kind of the system's answer.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }

    /// The system's number, if it gave one.
    #[must_use]
    pub fn errno(&self) -> Option<rustix::io::Errno> {
        self.source.raw_os_error().map(rustix::io::Errno::from_raw_os_error)
    }
}

/// The result of a file system call.
pub type Result<T> = std::result::Result<T, FsError>;

trait Named<T> {
    fn named(self, action: &'static str, path: &Path) -> Result<T>;
}

impl<T, E: Into<io::Error>> Named<T> for std::result::Result<T, E> {
    fn named(self, action: &'static str, path: &Path) -> Result<T> {
        self.map_err(|source| FsError { action, path: path.to_owned(), source: source.into() })
    }
}

/// The whole content of a file.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).named("read", path)
}

/// The whole content of a text file.
pub fn read_to_string(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).named("read", path)
}

/// Opens for reading.
pub fn open(path: &Path) -> Result<File> {
    File::open(path).named("open", path)
}

/// Opens for reading and writing, creating the file (0600) if it is not there; for lock and part files.
pub fn open_or_create(path: &Path) -> Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .named("open", path)
}

/// Creates a file that must not exist yet, for writing. The mode is subject to the umask.
pub fn create_new(path: &Path, mode: u32) -> Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path).named("create", path)
}

/// Creates a file that must not exist yet, with this content.
pub fn write_new(path: &Path, content: &[u8], mode: u32) -> Result<()> {
    create_new(path, mode)?.write_all(content).named("write", path)
}

/// Replaces a file, or creates it: readers see the old content or the new, never half.
pub fn write_atomic(path: &Path, content: &[u8], mode: u32) -> Result<()> {
    let (beside, mut file) = create_beside(path, mode)?;
    let written = write_all(&mut file, content, &beside).and_then(|()| rename(&beside, path));
    if written.is_err() {
        let _ = remove_file(&beside);
    }
    written
}

/// Creates a new file beside `path`, for this process alone.
fn create_beside(path: &Path, mode: u32) -> Result<(PathBuf, File)> {
    loop {
        let mut name = path.file_name().map_or_else(OsString::new, OsString::from);
        name.push(format!(".{}.{}", std::process::id(), unique()));
        let beside = path.with_file_name(name);
        match create_new(&beside, mode) {
            // That of a process with our number: one that died, or one in another container.
            Err(fault) if fault.kind() == io::ErrorKind::AlreadyExists => {}
            created => return created.map(|file| (beside, file)),
        }
    }
}

/// A number that no other call in this process got.
#[must_use]
pub fn unique() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Reads until `buffer` is full or the file ends; the number of bytes read.
pub fn read_up_to(file: &mut File, buffer: &mut [u8], path: &Path) -> Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
            Err(fault) => return Err(fault).named("read", path),
        }
    }
    Ok(filled)
}

/// Writes all of `content` to an open file.
pub fn write_all(file: &mut File, content: &[u8], path: &Path) -> Result<()> {
    file.write_all(content).named("write", path)
}

/// Fills `buffer` from `offset`.
pub fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64, path: &Path) -> Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset).named("read", path)
}

/// Fills `buffer` from `offset` until it is full or the file ends; the number of bytes read.
pub fn read_at(file: &File, buffer: &mut [u8], offset: u64, path: &Path) -> Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match std::os::unix::fs::FileExt::read_at(file, &mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
            Err(fault) => return Err(fault).named("read", path),
        }
    }
    Ok(filled)
}

/// Writes all of `content` at `offset`.
pub fn write_all_at(file: &File, content: &[u8], offset: u64, path: &Path) -> Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, content, offset).named("write", path)
}

/// Cuts or extends an open file.
pub fn set_len(file: &File, bytes: u64, path: &Path) -> Result<()> {
    file.set_len(bytes).named("resize", path)
}

/// Creates one directory (mode 0777 less the umask) that must not exist yet.
pub fn create_dir(path: &Path) -> Result<()> {
    std::fs::create_dir(path).named("create directory", path)
}

/// Creates a directory and its missing parents.
pub fn create_dir_all(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).named("create directory", path)
}

/// Creates one directory that must not exist yet, for its owner only (0700).
pub fn create_private_dir(path: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().mode(0o700).create(path).named("create directory", path)
}

/// Creates a directory and its missing parents, all for their owner only (0700).
pub fn create_private_dir_all(path: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).named("create directory", path)
}

/// Removes a file or link.
pub fn remove_file(path: &Path) -> Result<()> {
    std::fs::remove_file(path).named("remove", path)
}

/// Removes a directory that is empty.
pub fn remove_dir(path: &Path) -> Result<()> {
    std::fs::remove_dir(path).named("remove", path)
}

/// Removes a tree, opening up read-only directories on the way; a tree that is not there is no error.
pub fn remove_tree(path: &Path) -> Result<()> {
    let first = match std::fs::remove_dir_all(path) {
        Ok(()) => return Ok(()),
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(fault) => fault,
    };
    if first.kind() == io::ErrorKind::PermissionDenied {
        open_up(path);
        return std::fs::remove_dir_all(path).named("remove", path);
    }
    Err(first).named("remove", path)
}

/// Makes every directory of a tree writable for its owner, as far as it can.
fn open_up(path: &Path) {
    let Ok(meta) = symlink_metadata(path) else { return };
    if !meta.is_dir() {
        return;
    }
    let _ = set_mode(path, 0o700);
    for entry in read_dir(path).unwrap_or_default() {
        open_up(&entry);
    }
}

/// Renames; an existing file or empty directory at `to` is replaced.
pub fn rename(from: &Path, to: &Path) -> Result<()> {
    std::fs::rename(from, to).named("rename to", to)
}

/// Renames; anything at `to` is an error.
pub fn rename_new(from: &Path, to: &Path) -> Result<()> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Not every file system knows the flag (NFS, old overlayfs).
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) if symlink_metadata(to).is_err() => {
            rename(from, to)
        }
        other => other.named("rename to", to),
    }
}

/// Swaps two paths in one step.
pub fn exchange(one: &Path, other: &Path) -> Result<()> {
    rustix::fs::renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).named("exchange", other)
}

/// Makes a hard link.
pub fn hard_link(from: &Path, to: &Path) -> Result<()> {
    rustix::fs::linkat(CWD, from, CWD, to, AtFlags::empty()).named("link", to)
}

/// Makes a symbolic link at `path` that says `target`.
pub fn symlink(target: &Path, path: &Path) -> Result<()> {
    std::os::unix::fs::symlink(target, path).named("create link", path)
}

/// What a symbolic link says.
pub fn read_link(path: &Path) -> Result<PathBuf> {
    std::fs::read_link(path).named("read link", path)
}

/// Clones the content of `from` into the empty file `to` by reference (reflink).
pub fn clone_into(from: &File, to: &File, path: &Path) -> Result<()> {
    rustix::fs::ioctl_ficlone(to, from).named("reflink", path)
}

/// Copies the content of `from` into the empty file `to`, which is at `path`.
pub fn copy_content(from: &Path, mut to: &File, path: &Path) -> Result<()> {
    let mut source = open(from)?;
    io::copy(&mut source, &mut to).named("copy to", path).map(drop)
}

/// Follows links.
pub fn metadata(path: &Path) -> Result<Metadata> {
    std::fs::metadata(path).named("look at", path)
}

/// Does not follow links.
pub fn symlink_metadata(path: &Path) -> Result<Metadata> {
    std::fs::symlink_metadata(path).named("look at", path)
}

/// Whether something is there, a dangling link included.
#[must_use]
pub fn exists(path: &Path) -> bool {
    symlink_metadata(path).is_ok()
}

/// Whether `path` still names this open file.
#[must_use]
pub fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let (Ok(ours), Ok(named)) = (file.metadata(), symlink_metadata(path)) else { return false };
    (ours.dev(), ours.ino()) == (named.dev(), named.ino())
}

/// Whether this process may write there.
#[must_use]
pub fn is_writable(path: &Path) -> bool {
    rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok()
}

/// With every link and `..` resolved.
pub fn canonicalize(path: &Path) -> Result<PathBuf> {
    std::fs::canonicalize(path).named("resolve", path)
}

/// Full paths of a directory's entries, sorted.
pub fn read_dir(path: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(path).named("list", path)?;
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.map(|e| e.path())).collect::<io::Result<_>>().named("list", path)?;
    paths.sort();
    Ok(paths)
}

/// The same; none of a directory that is not there.
pub fn entries(path: &Path) -> Result<Vec<PathBuf>> {
    match read_dir(path) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed,
    }
}

/// Sets the permission bits.
pub fn set_mode(path: &Path, mode: u32) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).named("set mode of", path)
}

/// Sets the permission bits of an open file.
pub fn set_file_mode(file: &File, mode: u32, path: &Path) -> Result<()> {
    rustix::fs::fchmod(file, Mode::from_raw_mode(mode)).named("set mode of", path)
}

/// Sets access and modification time of an open file.
pub fn set_file_mtime(file: &File, seconds: i64, nanoseconds: i64, path: &Path) -> Result<()> {
    let time = Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
    rustix::fs::futimens(file, &Timestamps { last_access: time, last_modification: time })
        .named("set time of", path)
}

/// Sets the modification time of an open file to now.
pub fn touch(file: &File, path: &Path) -> Result<()> {
    let now = Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW };
    rustix::fs::futimens(file, &Timestamps { last_access: now, last_modification: now })
        .named("set time of", path)
}

/// Takes an advisory lock on a whole open file.
pub fn lock(file: &File, operation: FlockOperation, path: &Path) -> Result<()> {
    loop {
        match rustix::fs::flock(file, operation) {
            Err(rustix::io::Errno::INTR) => {}
            other => return other.named("lock", path),
        }
    }
}

/// Writes everything of the file system under `path` to its disk.
pub fn sync_file_system(path: &Path) -> Result<()> {
    rustix::fs::syncfs(open(path)?).named("sync", path)
}

/// The `f_type` number of the file system under `path` (statfs(2)).
pub fn file_system_type(path: &Path) -> Result<i64> {
    #[allow(clippy::useless_conversion)] // the field's type differs between architectures
    rustix::fs::statfs(path).named("look at the file system of", path).map(|stat| i64::from(stat.f_type))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dead_process_of_our_number_left_is_in_nobodys_way() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        for number in unique()..unique() + 100 {
            let left = folder.path().join(format!("state.{}.{number}", std::process::id()));
            write_new(&left, b"half", 0o600).unwrap();
        }
        write_atomic(&path, b"whole", 0o600).unwrap();
        assert_eq!(read(&path).unwrap(), b"whole");
    }
}
