//! All that a verb can fail with: one arm a stage.

use std::path::{Path, PathBuf};

use crate::fs::FsError;
use crate::interpreter::NodeError;
use crate::layout::LayoutError;
use crate::lock::LockError;
use crate::prefix::publish::PrefixError;
use crate::store::flock::FlockError;
use crate::task::Cancelled;

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
    /// Two artifacts can't stand in one tree, or one claims what is fastenv's.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// Nothing can be published at the prefix.
    #[error(transparent)]
    Prefix(#[from] PrefixError),
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

impl From<FlockError> for Error {
    fn from(fault: FlockError) -> Self {
        match fault {
            FlockError::Cancelled(fault) => fault.into(),
            FlockError::Fs(fault) => fault.into(),
        }
    }
}

/// The result of a verb.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The exit status of a program that ends with this error (design: 3 input, 4 artifact, 5 node, 6 file
    /// system, 7 network, 130 Ctrl-C).
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Cancelled(_) => 130,
            Self::Lock(_) | Self::NoEnvironment(_) | Self::AmbiguousId(_) => 3,
            Self::Layout(_) => 4,
            Self::Node(_) => 5,
            Self::Fs(_) | Self::Prefix(_) | Self::Unfinished(_) | Self::Threads(_) => 6,
        }
    }

    /// The file that it is about.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Fs(fault) | Self::Lock(LockError::Fs(fault)) | Self::Prefix(PrefixError::Fs(fault)) => {
                Some(&fault.path)
            }
            Self::Prefix(PrefixError::Foreign(path) | PrefixError::Unfit { path, .. })
            | Self::Unfinished(path) => Some(path),
            _ => None,
        }
    }

    /// The package that it is about.
    #[must_use]
    pub fn package(&self) -> Option<&str> {
        None
    }

    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Lock(fault) => fault.hint().map(str::to_owned),
            Self::Node(fault) => Some(fault.hint()),
            Self::Prefix(PrefixError::Foreign(_)) => Some("name a --prefix that is not there yet".to_owned()),
            Self::NoEnvironment(_) => Some("give a lock that `fastenv lock` wrote".to_owned()),
            Self::AmbiguousId(_) => Some("give more digits".to_owned()),
            Self::Unfinished(_) => Some("run `fastenv materialize` again".to_owned()),
            _ => None,
        }
    }
}
