//! What to fetch.

use std::fmt;

use crate::digest::Sha256;

/// One artifact as the lock names it.
#[derive(Clone)]
pub struct Source {
    /// Where it is: the same bytes under several http(s) URLs, tried in order.
    pub urls: Vec<String>,
    /// Bytes, if the lock tells.
    pub size: Option<u64>,
    /// Of the whole file.
    pub sha256: Sha256,
    /// Normalized name, for messages.
    pub package: String,
    /// Last component of the file's name.
    pub file_name: String,
    /// The name of its index, if the lock tells no more: then messages don't, either.
    pub index: Option<String>,
}

/// Without URLs: they may hold a login or a token.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({}, {}, {})", self.package, self.file_name, self.sha256)
    }
}
