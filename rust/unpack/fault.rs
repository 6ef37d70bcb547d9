//! What can be wrong with an artifact, an arm for each way.

use std::io;

use crate::conda::fault::CondaFault;
use crate::fs::FsError;
use crate::task::Cancelled;

/// An artifact that could not be unpacked.
#[derive(Debug, thiserror::Error)]
#[error("{artifact}: {cause}")]
pub struct UnpackError {
    /// The artifact's file name.
    pub artifact: String,
    /// Why.
    pub cause: Cause,
}

/// Why an artifact could not be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// The artifact itself is bad; trying again cannot help.
    #[error(transparent)]
    Fault(#[from] ArtifactFault),
    /// Its bytes could not be had.
    #[error("cannot read it: {0}")]
    Read(#[from] io::Error),
    /// What is in it could not be written.
    #[error(transparent)]
    File(#[from] FsError),
    /// The run was cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl From<CondaFault> for Cause {
    fn from(fault: CondaFault) -> Self {
        Self::Fault(fault.into())
    }
}

impl Cause {
    /// The same, naming the artifact.
    #[must_use]
    pub fn of(self, artifact: &str) -> UnpackError {
        UnpackError { artifact: artifact.to_owned(), cause: self }
    }
}

/// What is wrong with an artifact. Names from inside it are quoted and escaped: they may hold anything.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArtifactFault {
    /// An overlay's archive has something beside its one folder.
    #[error("{entry:?} is not in the folder {name}, the only one of an overlay")]
    OutsideOverlay {
        /// As the archive has it.
        entry: String,
        /// As the lock says.
        name: String,
    },
    /// No end record anywhere.
    #[error("not a zip archive, or cut short: it has no end of central directory")]
    NotAZip,
    /// There is an end record, but the file goes on after it.
    #[error("data after the end of the zip archive")]
    TrailingData,
    /// There is more than one way to read it.
    #[error("two ends of central directory: readers would disagree on what is in it")]
    TwoEnds,
    /// Parts of it are on other disks.
    #[error("a zip archive of several parts")]
    MultiDisk,
    /// The zip64 end record or its locator is bad.
    #[error("zip64 end of central directory: {0}")]
    Zip64End(&'static str),
    /// The directory does not end where the end record begins.
    #[error("its central directory is not where the archive says: data before it, after it or missing")]
    DirectoryPlace,
    /// The directory is larger than [`super::ending::LARGEST_DIRECTORY`].
    #[error("its central directory of {0} bytes is too large")]
    DirectoryTooLarge(u64),
    /// The directory's bytes are no directory.
    #[error("its central directory is damaged at byte {0} of the file")]
    DirectorySyntax(u64),
    /// The directory has more or fewer entries than the end record says.
    #[error("its central directory has not the {0} entries that the archive says")]
    DirectoryCount(u64),
    /// The first entry does not begin at the first byte.
    #[error("data before the first entry")]
    PrefixedData,
    /// All entries together declare more than any real artifact holds.
    #[error(
        "its entries claim {claimed} bytes unpacked, over the limit of {limit} for an archive of its size"
    )]
    Bomb {
        /// Sum of the declared sizes.
        claimed: u64,
        /// See [`super::archive::unpacked_limit`].
        limit: u64,
    },
    /// One entry is bad.
    #[error("entry {entry:?}: {fault}")]
    Entry {
        /// Its name, as far as it could be read.
        entry: String,
        /// What is wrong with it.
        fault: EntryFault,
    },
    /// The archive is sound, but it is not a wheel, or not this one.
    #[error(transparent)]
    Wheel(#[from] WheelFault),
    /// The archive is not a conda package, or not this one.
    #[error(transparent)]
    Conda(#[from] CondaFault),
}

/// What is wrong with one entry of an archive.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EntryFault {
    /// No name at all.
    #[error("no name")]
    NameEmpty,
    /// Begins with a slash.
    #[error("an absolute name")]
    NameAbsolute,
    /// Has `.` or `..` in it.
    #[error("a name with `.` or `..` in it")]
    NameDots,
    /// Has two slashes in a row.
    #[error("a name with an empty component")]
    NameComponentEmpty,
    /// Has a backslash, which is a separator elsewhere.
    #[error("a name with a backslash")]
    NameBackslash,
    /// Has NUL or another control character.
    #[error("a name with a control character")]
    NameControl,
    /// Says that it is UTF-8, and is not.
    #[error("a name that is not UTF-8")]
    NameNotUtf8,
    /// Has another name in its extra field.
    #[error("another name, {0:?}, in its extra field")]
    NameTwice(String),
    /// Longer or deeper than a file system takes.
    #[error("a name that is too long or too deep")]
    NameTooLong,
    /// Two entries with this name.
    #[error("more than one entry of this name")]
    Duplicate,
    /// A file, while another entry needs a directory there.
    #[error("it is a file, and a directory of another entry")]
    FileAndDirectory,
    /// Needs a password.
    #[error("it is encrypted")]
    Encrypted,
    /// Neither stored nor deflated.
    #[error("compression method {0} is unknown (stored and deflated are known)")]
    Method(u16),
    /// On another part of the archive.
    #[error("it is on another part of the archive")]
    MultiDisk,
    /// An extra field that is cut short, twice there or of a wrong length.
    #[error("its extra field is damaged")]
    Extra,
    /// Shares bytes with another entry or with the directory.
    #[error("it overlaps what follows")]
    Overlap,
    /// Is followed by bytes that no entry owns.
    #[error("hidden bytes between its data and what follows")]
    Gap,
    /// No local header where the directory says.
    #[error("no local header where the central directory says")]
    LocalMissing,
    /// Local header and directory differ.
    #[error("its local header disagrees with the central directory on its {0}")]
    LocalDisagrees(&'static str),
    /// The sizes can't both be true.
    #[error("it claims to grow from {compressed} to {size} bytes, which its method cannot")]
    Ratio {
        /// Bytes in the archive.
        compressed: u64,
        /// Bytes unpacked.
        size: u64,
    },
    /// A directory with content.
    #[error("a directory with content")]
    DirectoryContent,
    /// Its data unpack to more or fewer bytes.
    #[error("its data are not the {0} bytes that the archive says")]
    Size(u64),
    /// Its data are no deflate stream, or end early.
    #[error("its compressed data are damaged")]
    Deflate,
    /// The compressed data go on after their end.
    #[error("hidden bytes after the end of its compressed data")]
    DeflateTrailing,
    /// The checksum differs.
    #[error("its CRC is {found:08x}, not {expected:08x}: its data are damaged")]
    Crc {
        /// Of the data.
        found: u32,
        /// In the directory.
        expected: u32,
    },
    /// The record after its data differs from the directory.
    #[error("its data descriptor disagrees with the central directory")]
    Descriptor,
    /// A text that fastenv must read is absurdly large.
    #[error("too large for a metadata file: {0} bytes")]
    TextTooLarge(u64),
}

impl EntryFault {
    /// The fault of the entry of this name.
    #[must_use]
    pub fn of(self, entry: &str) -> ArtifactFault {
        ArtifactFault::Entry { entry: entry.to_owned(), fault: self }
    }
}

/// What is wrong with a wheel as a wheel (binary distribution format).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WheelFault {
    /// No `*.dist-info` directory at the top.
    #[error("not a wheel: it has no .dist-info directory")]
    NoDistInfo,
    /// More than one.
    #[error("more than one .dist-info directory: {}", .0.join(", "))]
    ManyDistInfos(Vec<String>),
    /// Of another package.
    #[error("its {found:?} is not of the package {expected}")]
    DistInfoName {
        /// The directory.
        found: String,
        /// The name in the lock.
        expected: String,
    },
    /// METADATA, WHEEL or RECORD is not there.
    #[error("not a wheel: {0} is missing")]
    Missing(String),
    /// A metadata file that is not what it must be.
    #[error("{file}: {fault}")]
    Text {
        /// Its name in the archive.
        file: String,
        /// What is wrong.
        fault: String,
    },
    /// `Name` or `Version` in METADATA is not the lock's.
    #[error("METADATA says {field} {found:?}, the lock {expected:?}")]
    NotExpected {
        /// `Name` or `Version`.
        field: &'static str,
        /// In METADATA.
        found: String,
        /// In the lock.
        expected: String,
    },
    /// A wheel of a later format.
    #[error("Wheel-Version {0:?} is unknown (1.x is known): a newer fastenv is needed")]
    WheelVersion(String),
    /// `.data/x` where x is no scheme.
    #[error("entry {0:?}: its .data directory has no such scheme")]
    Scheme(String),
    /// Two entries that would be one file.
    #[error("entries {0:?} and {1:?} install to the same path, {2:?}")]
    SamePath(String, String, String),
    /// A file of one entry is a directory of another.
    #[error("{0:?} installs as a file and as a directory")]
    FileAndDirectory(String),
    /// An entry point that must not become a script.
    #[error("entry point {name:?}: {fault}")]
    EntryPoint {
        /// The script's name.
        name: String,
        /// What is wrong with it.
        fault: &'static str,
    },
}
