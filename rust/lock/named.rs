//! Files of indexes that are not public: the lock names the index, and the node knows where that is.

use serde::Deserialize;

use super::LockError;
use super::reader::{Reader, is_web};

/// An index of which a node must know more than the lock tells.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct NamedIndex {
    /// What the node's settings call it.
    pub name: String,
    /// Where it is, without a login; none if that is a secret itself.
    pub url: Option<String>,
}

/// A file of such an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedFile {
    /// Its index.
    pub index: NamedIndex,
    /// Relative to the index's URL, or a URL of another host.
    pub path: String,
}

impl Reader<'_> {
    /// The checked rows of `[[tool.fastenv.indexes]]`.
    pub(super) fn named_indexes(&self, rows: &[NamedIndex]) -> Result<(), LockError> {
        let mut names: Vec<&str> = Vec::with_capacity(rows.len());
        for NamedIndex { name, url } in rows {
            let fault = |fault: &str| self.value("tool.fastenv.indexes", format!("{name:?} {fault}"));
            let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            if name.is_empty() || !name.bytes().all(is_letter) {
                return Err(fault("is no name of an index"));
            }
            if names.contains(&name.as_str()) {
                return Err(fault("is there twice"));
            }
            if url.as_ref().is_some_and(|url| !is_plain_url(url)) {
                return Err(fault("has a url that is not of the web, or holds a login or a query"));
            }
            names.push(name);
        }
        Ok(())
    }

    /// Where in an index a package's file lies, if the lock says so.
    pub(super) fn named_file(
        &self,
        package: &str,
        index: Option<&String>,
        path: Option<&String>,
        rows: &[NamedIndex],
    ) -> Result<Option<NamedFile>, LockError> {
        let Some(path) = path else { return Ok(None) };
        let Some(index) = rows.iter().find(|row| Some(&row.name) == index) else {
            return Err(self.value(package, "has an index-path, and the lock does not name its index"));
        };
        if !is_plain_url(path) && !is_relative(path) {
            return Err(self.value(package, format!("index-path {path:?} is no path of an index")));
        }
        Ok(Some(NamedFile { index: index.clone(), path: path.clone() }))
    }
}

/// A URL of the web in which no secret is meant to be.
fn is_plain_url(url: &str) -> bool {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    is_web(url) && !authority.is_empty() && !authority.contains('@') && is_plain(url)
}

/// A path below some URL that can't lead to another host (RFC 3986 section 4.2).
fn is_relative(path: &str) -> bool {
    let first = path.split('/').next().unwrap_or_default();
    !first.is_empty() && !first.contains(':') && !path.contains("://") && is_plain(path)
}

fn is_plain(text: &str) -> bool {
    !text.bytes().any(|byte| !byte.is_ascii_graphic() || b"?#\\\"<>^`{|}".contains(&byte))
}
