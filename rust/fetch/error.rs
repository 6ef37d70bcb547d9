//! Why the bytes of an artifact could not be had.

use std::borrow::Cow;
use std::time::Duration;

use super::index::url_to_set;
use crate::digest::Sha256;
use crate::fs::FsError;
use crate::task::Cancelled;

/// A fetch that failed. No URL in it holds a password, a query or a token.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The server answered, but not with the file.
    #[error("{package}: {url} answered {status}")]
    Status {
        /// Normalized name.
        package: String,
        /// Redacted.
        url: String,
        /// The HTTP status.
        status: u16,
        /// What `Retry-After` asked for.
        retry_after: Option<Duration>,
        /// What may be missing, if the lock only names the index.
        to_set: Option<String>,
    },
    /// No answer, or one that broke off, stalled, or made no sense.
    #[error("{package}: {url}: {what}")]
    Network {
        /// Normalized name.
        package: String,
        /// Redacted.
        url: String,
        /// What happened.
        what: String,
        /// Whether the same request may succeed later.
        passing: bool,
    },
    /// A file of another length than the lock or the server itself said.
    #[error("{package}: {url} is {got} bytes long, {expected} were expected")]
    Length {
        /// Normalized name.
        package: String,
        /// Redacted.
        url: String,
        /// Bytes.
        expected: u64,
        /// Bytes, or as many as came before the body was stopped.
        got: String,
    },
    /// All bytes came, and they are not the ones that were locked.
    #[error("{package}: {url} has sha256 {got}, the lock says {expected}")]
    Digest {
        /// Normalized name.
        package: String,
        /// Redacted URL, or a path.
        url: String,
        /// From the lock.
        expected: Sha256,
        /// Of what came.
        got: Sha256,
    },
    /// The lock names no usable place for the file.
    #[error("{package}: {what}")]
    Address {
        /// Normalized name.
        package: String,
        /// What is wrong.
        what: String,
    },
    /// The lock only names the index, and this node does not know it.
    #[error("{package}: the lock only names its index, {index}: {what}")]
    Index {
        /// Normalized name.
        package: String,
        /// Its name.
        index: String,
        /// What is missing.
        what: String,
    },
    /// The part file or a local artifact.
    #[error("{package}: {source}")]
    Disk {
        /// Normalized name.
        package: String,
        /// What failed.
        #[source]
        source: FsError,
    },
    /// The system gave no thread.
    #[error("{package}: cannot start a thread: {what}")]
    Thread {
        /// Normalized name.
        package: String,
        /// What the system said.
        what: String,
    },
    /// Several places were asked, one after another.
    #[error("{last}; before that, {}", earlier.join(", "))]
    Everywhere {
        /// What the last one gave.
        last: Box<Self>,
        /// What the others gave.
        earlier: Vec<String>,
    },
    /// The run was cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl FetchError {
    /// Whether asking the same server again, after a pause, makes sense.
    #[must_use]
    pub fn should_retry(&self) -> bool {
        match self {
            Self::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500..),
            Self::Network { passing, .. } => *passing,
            _ => false,
        }
    }

    /// Whether another mirror may have the file all the same, and other files may be had.
    #[must_use]
    pub fn is_of_this_place(&self) -> bool {
        !matches!(self.last(), Self::Disk { .. } | Self::Thread { .. } | Self::Cancelled(_))
    }

    /// What the place gave that was asked last.
    #[must_use]
    pub fn last(&self) -> &Self {
        match self {
            Self::Everywhere { last, .. } => last,
            only => only,
        }
    }

    /// The URL whose server gave no answer that made sense.
    #[must_use]
    pub fn silent_url(&self) -> Option<&str> {
        match self.last() {
            Self::Network { url, .. } => Some(url),
            _ => None,
        }
    }

    /// The same, after what other places gave.
    pub(super) fn after(self, earlier: &[String]) -> Self {
        let own = self.said();
        let earlier: Vec<String> = earlier.iter().filter(|said| **said != own).cloned().collect();
        if earlier.is_empty() || !self.is_of_this_place() {
            return self;
        }
        Self::Everywhere { last: Box::new(self), earlier }
    }

    /// The message without the package's name.
    pub(super) fn said(&self) -> String {
        let text = self.to_string();
        let name = self.package().map(|name| format!("{name}: "));
        name.and_then(|name| text.strip_prefix(&name).map(str::to_owned)).unwrap_or(text)
    }

    /// Whether the run was cancelled, by whatever name.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled(_))
    }

    /// The artifact's package.
    #[must_use]
    pub fn package(&self) -> Option<&str> {
        match self {
            Self::Status { package, .. }
            | Self::Network { package, .. }
            | Self::Length { package, .. }
            | Self::Digest { package, .. }
            | Self::Address { package, .. }
            | Self::Index { package, .. }
            | Self::Thread { package, .. }
            | Self::Disk { package, .. } => Some(package),
            Self::Everywhere { last, .. } => last.package(),
            Self::Cancelled(_) => None,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        match self.last() {
            Self::Status { status: 401 | 403 | 404, to_set: Some(to_set), .. } => Some(to_set.clone().into()),
            Self::Index { index, .. } => Some(url_to_set(index).into()),
            _ => self.usual_hint().map(Cow::Borrowed),
        }
    }

    fn usual_hint(&self) -> Option<&'static str> {
        Some(match self.last() {
            Self::Status { status: 401 | 403 | 407, .. } => {
                "give the server's credentials in ~/.netrc or the file that $NETRC names"
            }
            Self::Status { status: 404 | 410, .. } => "the index or channel has lost this file: lock again",
            Self::Status { status: 429, .. } => "the server asks for fewer requests: use fewer --connections",
            Self::Length { url, .. } | Self::Digest { url, .. } if !url.contains("://") => {
                "the file beside the lock is not the one that was locked: copy it again from where the lock was made, \
                 or lock again there"
            }
            Self::Length { .. } | Self::Digest { .. } => {
                "the file has changed since it was locked, or something on the way changes it: \
                 check the index, then lock again"
            }
            Self::Thread { .. } => "allow more processes (ulimit -u), or use fewer --connections",
            Self::Address { .. } => "lock again with fastenv",
            Self::Network { .. } => "check the network, the proxy variables and the server, then run again",
            _ => return None,
        })
    }

    /// How long the server asked us to wait.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
