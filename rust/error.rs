//! All that a verb can fail with: one arm a stage.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::activation::ActivationError;
use crate::fetch::FetchError;
use crate::finish::link_scripts::ScriptError;
use crate::finish::prefix::{RewriteError, TooLong};
use crate::fs::FsError;
use crate::interpreter::NodeError;
use crate::layout::LayoutError;
use crate::lock::LockError;
use crate::obtain::{Lacks, MismatchError};
use crate::prefix::publish::PrefixError;
use crate::store::artifact::LoadError;
use crate::store::flock::FlockError;
use crate::task::Cancelled;
use crate::unpack::{Cause, UnpackError};

/// An error of any stage.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Ctrl-C, or a callback that raised.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// The lock is no good.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The file system said no.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// This node can't hold the environment.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// An artifact's bytes could not be had.
    #[error(transparent)]
    Fetch(Arc<FetchError>),
    /// An artifact is not what it should be.
    #[error(transparent)]
    Unpack(UnpackError),
    /// An artifact is not what was locked.
    #[error(transparent)]
    Mismatch(#[from] MismatchError),
    /// Several artifacts can't be had, or are not what was locked.
    #[error(transparent)]
    Lacks(Box<Lacks>),
    /// Two artifacts can't stand in one tree, or one claims what is fastenv's.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// Nothing can be published at the prefix.
    #[error(transparent)]
    Prefix(#[from] PrefixError),
    /// A file of a package has no room for the prefix.
    #[error("{package}: {} can't be written: {fault}", path.display())]
    PrefixTooLong {
        /// As it is locked.
        package: String,
        /// Where it would stand.
        path: PathBuf,
        /// The lengths.
        fault: TooLong,
    },
    /// A conda package's link script did not do its work.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// What an environment sets for its processes can't be told.
    #[error(transparent)]
    Activation(#[from] ActivationError),
    /// What `exec` was given is no environment.
    #[error("{0:?} is no lock file, no environment, and no id of one in this store")]
    NoEnvironment(String),
    /// Several environments have an id that begins like this.
    #[error("more than one environment has an id that begins with {0}")]
    AmbiguousId(String),
    /// A materialize there was interrupted.
    #[error("{} is not a whole environment: its making was interrupted, or it was moved", .0.display())]
    Unfinished(PathBuf),
    /// The system gave no threads.
    #[error("cannot start threads: {0}")]
    Threads(String),
}

impl From<Arc<FetchError>> for Error {
    fn from(fault: Arc<FetchError>) -> Self {
        if fault.is_cancelled() { Self::Cancelled(Cancelled) } else { Self::Fetch(fault) }
    }
}

impl From<UnpackError> for Error {
    fn from(fault: UnpackError) -> Self {
        match fault.cause {
            Cause::Cancelled(fault) => Self::Cancelled(fault),
            _ => Self::Unpack(fault),
        }
    }
}

impl From<LoadError> for Error {
    fn from(fault: LoadError) -> Self {
        match fault {
            LoadError::Fs(fault) => fault.into(),
            LoadError::Damaged { path, .. } => Self::Unfinished(path),
        }
    }
}

impl From<FlockError> for Error {
    fn from(fault: FlockError) -> Self {
        match fault {
            FlockError::Cancelled(fault) => fault.into(),
            FlockError::Fs(fault) => fault.into(),
        }
    }
}

impl Error {
    /// Of a file that could not be written anew, which would stand at `path`.
    pub(crate) fn rewriting(fault: RewriteError, package: &str, path: &Path) -> Self {
        match fault {
            RewriteError::Fs(fault) => fault.into(),
            RewriteError::TooLong(fault) => {
                Self::PrefixTooLong { package: package.to_owned(), path: path.to_owned(), fault }
            }
        }
    }
}

/// The sorts of faults, with the exit status of a program that ends with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The lock, or what was given for one.
    Input = 3,
    /// A wheel, or what is in it.
    Artifact = 4,
    /// The node can't hold the environment.
    Node = 5,
    /// The file system, or what stands on it.
    FileSystem = 6,
    /// The network, or a server.
    Network = 7,
    /// Ctrl-C, or a callback that raised.
    Cancelled = 130,
}

impl Kind {
    /// In a word or three.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Input => "the lock",
            Self::Artifact => "an artifact",
            Self::Node => "the node",
            Self::FileSystem => "the file system",
            Self::Network => "the network",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The result of a verb.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// What sort of fault it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Cancelled(_) => Kind::Cancelled,
            // What is not UTF-8 was read, and is no lock.
            Self::Lock(LockError::Fs(fault)) if fault.kind() != std::io::ErrorKind::InvalidData => {
                Kind::FileSystem
            }
            Self::Lock(_) | Self::NoEnvironment(_) | Self::AmbiguousId(_) => Kind::Input,
            Self::Fetch(fault) => match fault.last() {
                FetchError::Digest { .. } | FetchError::Length { .. } => Kind::Artifact,
                FetchError::Disk { .. } | FetchError::Thread { .. } => Kind::FileSystem,
                FetchError::Address { .. } => Kind::Input,
                FetchError::Cancelled(_) => Kind::Cancelled,
                FetchError::Status { .. }
                | FetchError::Network { .. }
                | FetchError::Index { .. }
                | FetchError::Everywhere { .. } => Kind::Network,
            },
            Self::Unpack(fault) => match fault.cause {
                Cause::File(_) => Kind::FileSystem,
                Cause::Cancelled(_) => Kind::Cancelled,
                Cause::Fault(_) | Cause::Read(_) => Kind::Artifact,
            },
            Self::Lacks(lacks) => lacks.kind(),
            Self::Layout(_) | Self::Mismatch(_) => Kind::Artifact,
            Self::Node(_) | Self::Script(_) => Kind::Node,
            Self::Fs(_)
            | Self::Activation(_)
            | Self::Prefix(_)
            | Self::PrefixTooLong { .. }
            | Self::Unfinished(_)
            | Self::Threads(_) => Kind::FileSystem,
        }
    }

    /// The file that it is about.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Fs(fault)
            | Self::Activation(ActivationError::Fs(fault))
            | Self::Lock(LockError::Fs(fault))
            | Self::Prefix(PrefixError::Fs(fault))
            | Self::Unpack(UnpackError { cause: Cause::File(fault), .. }) => Some(&fault.path),
            Self::Prefix(
                PrefixError::Foreign(path) | PrefixError::Unknown(path) | PrefixError::Unfit { path, .. },
            )
            | Self::Activation(ActivationError::Content { path, .. })
            | Self::PrefixTooLong { path, .. }
            | Self::Unfinished(path)
            | Self::Mismatch(MismatchError::Absent { path, .. }) => Some(path),
            _ => None,
        }
    }

    /// The package that it is about.
    #[must_use]
    pub fn package(&self) -> Option<&str> {
        match self {
            Self::Fetch(fault) => fault.package(),
            Self::Mismatch(
                MismatchError::Files { package, .. }
                | MismatchError::Identity { package, .. }
                | MismatchError::Absent { package, .. },
            )
            | Self::PrefixTooLong { package, .. }
            | Self::Script(ScriptError::Failed { package, .. } | ScriptError::Start { package, .. }) => {
                Some(package)
            }
            Self::Mismatch(MismatchError::Overlay { name }) => Some(name),
            _ => None,
        }
    }

    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Lock(fault) => fault.hint().map(str::to_owned),
            Self::Node(fault) => Some(fault.hint()),
            Self::Fetch(fault) => fault.hint().map(Cow::into_owned),
            Self::Lacks(lacks) => lacks.hint(),
            Self::Script(_) => {
                Some("give the node what the script needs, or lock without --link-scripts".to_owned())
            }
            Self::Mismatch(MismatchError::Absent { .. }) => Some(
                "it travels with the lock: copy the folder pylock.fastenv.d, which lies beside the lock where that was \
                 made, and put it beside this one"
                    .to_owned(),
            ),
            Self::Mismatch(_) => {
                Some("lock again, and bring the new lock and what lies beside it".to_owned())
            }
            Self::PrefixTooLong { fault, .. } => {
                Some(format!("name a --prefix of {} bytes at most", fault.placeholder))
            }
            Self::Prefix(PrefixError::Foreign(_)) => Some("name a --prefix that is not there yet".to_owned()),
            Self::Prefix(PrefixError::Unfit { .. }) => Some("name another --prefix".to_owned()),
            Self::Prefix(PrefixError::Unknown(_)) => {
                Some("give the folder of one that `fastenv materialize` made".to_owned())
            }
            Self::NoEnvironment(_) => Some("give a lock that `fastenv lock` wrote".to_owned()),
            Self::AmbiguousId(_) => Some("give more digits".to_owned()),
            Self::Unfinished(_) => Some("run `fastenv materialize` again".to_owned()),
            _ => None,
        }
    }
}
