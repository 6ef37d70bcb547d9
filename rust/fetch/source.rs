//! What to fetch.

use crate::digest::Sha256;

/// One artifact as the lock names it.
#[derive(Debug, Clone)]
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
}
