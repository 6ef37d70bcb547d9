//! What can be wrong with a conda package, an arm for each way.

use crate::unpack::fault::{ArtifactFault, EntryFault};

/// What is wrong with a conda package. Names from inside it are quoted and escaped: they may hold anything.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CondaFault {
    /// The file name has another ending.
    #[error("not a conda package: its name ends in neither .conda nor .tar.bz2")]
    Ending,
    /// The zip archive is not of a `.conda`.
    #[error("not a conda package: {0}")]
    Container(&'static str),
    /// A stream that cannot be unpacked.
    #[error("its {codec} data are damaged or cut short: {fault}")]
    Compressed {
        /// `bzip2` or `zstd`.
        codec: &'static str,
        /// What the decoder said.
        fault: String,
    },
    /// What was unpacked is no tar archive.
    #[error("its tar archive is damaged at byte {at}: {fault}")]
    Tar {
        /// Offset in the unpacked archive.
        at: u64,
        /// What is wrong there.
        fault: &'static str,
    },
    /// It unpacks to more than any real package does.
    #[error("it unpacks to more than {limit} bytes, the limit for an archive of its size")]
    Bomb {
        /// See [`crate::unpack::archive::unpacked_limit`].
        limit: u64,
    },
    /// One member of the archive is bad.
    #[error("{path:?}: {fault}")]
    Member {
        /// Its name, as far as it could be read.
        path: String,
        /// What is wrong with it.
        fault: MemberFault,
    },
    /// Archive and list of files disagree.
    #[error("{list} and the archive disagree on {path:?}: {fault}")]
    Listed {
        /// `info/paths.json` or `info/files`.
        list: &'static str,
        /// As the list has it.
        path: String,
        /// On what.
        fault: ListedFault,
    },
    /// A file of `info/` is not there.
    #[error("not a conda package: {0} is missing")]
    Missing(&'static str),
    /// A file of `info/` is not what it must be.
    #[error("{file}: {fault}")]
    Text {
        /// Its name in the archive.
        file: &'static str,
        /// What is wrong.
        fault: String,
    },
    /// `info/index.json` is of another package than the lock.
    #[error("info/index.json says {field} {found:?}, the lock {expected:?}")]
    NotExpected {
        /// `name`, `version`, `build` or `noarch`.
        field: &'static str,
        /// In the archive.
        found: String,
        /// In the lock.
        expected: String,
    },
}

/// What is wrong with one member of a tar archive.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MemberFault {
    /// Its name is none that may be written.
    #[error(transparent)]
    Name(#[from] EntryFault),
    /// A device, a fifo, or of a type that nobody knows.
    #[error("{0}, which no package may hold")]
    Type(&'static str),
    /// A second member of this path.
    #[error("more than one member has this path")]
    Duplicate,
    /// A file or link, while another member needs a directory there.
    #[error("it is no directory, and another member is in it")]
    FileAndDirectory,
    /// A hard link to what is no earlier file of the archive.
    #[error("a hard link to {0:?}, which is no file before it in the archive")]
    Hardlink(String),
    /// A symbolic link that would leave the prefix.
    #[error("a symbolic link to {0:?}, which leads out of the environment")]
    LinkOut(String),
    /// A symbolic link through so many others that it may never end.
    #[error("a symbolic link to {0:?}, which leads in a circle")]
    LinkCircle(String),
    /// A header's extensions are unreadable.
    #[error("its extended header is damaged")]
    Extended,
    /// A text of `info/` that must be read is absurdly large.
    #[error("too large for metadata: {0} bytes")]
    TextTooLarge(u64),
}

/// On what archive and list disagree.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListedFault {
    /// It is listed twice.
    #[error("it is listed twice")]
    Twice,
    /// It is listed, but not there.
    #[error("it is listed, but not in the archive")]
    Absent,
    /// A file for a link, or the other way round.
    #[error("listed as {listed}, but a {found} in the archive")]
    Type {
        /// As listed.
        listed: &'static str,
        /// As in the archive.
        found: &'static str,
    },
    /// The sizes differ.
    #[error("listed with {listed} bytes, but {found} in the archive")]
    Size {
        /// As listed.
        listed: u64,
        /// As in the archive.
        found: u64,
    },
    /// The hashes differ.
    #[error("listed with sha256 {listed}, but {found} in the archive")]
    Digest {
        /// As listed.
        listed: String,
        /// As in the archive.
        found: String,
    },
    /// The list's own words make no sense.
    #[error("{0}")]
    Words(&'static str),
}

impl MemberFault {
    /// The fault of the member of this name.
    #[must_use]
    pub fn of(self, path: &str) -> ArtifactFault {
        CondaFault::Member { path: path.to_owned(), fault: self }.into()
    }
}
