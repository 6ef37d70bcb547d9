//! All that a verb can fail with: one arm a stage.

use std::path::Path;

use crate::fs::FsError;
use crate::lock::LockError;
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
            Self::Lock(_) => 3,
            Self::Fs(_) => 6,
        }
    }

    /// The file that it is about.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Fs(fault) | Self::Lock(LockError::Fs(fault)) => Some(&fault.path),
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
            _ => None,
        }
    }
}
