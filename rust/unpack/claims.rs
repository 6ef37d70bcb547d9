//! What a wheel's RECORD claims, beside what the wheel holds: the files digest, and lies.

use std::collections::{HashMap, HashSet};

use crate::digest::{Hasher, Sha256};
use crate::unpack::index::EntryPoint;
use crate::unpack::install_path::Mapper;
use crate::unpack::places::WRITTEN_ANEW;
use crate::unpack::record::Row;

/// The truth about one file.
pub(crate) struct Fact {
    pub(crate) size: u64,
    pub(crate) sha256: Sha256,
    /// Whether the content begins with `#!`.
    pub(crate) hash_bang: bool,
}

/// The wheel that a RECORD speaks of. Facts are by names of entries, and so are rows.
pub(crate) struct Claims<'a> {
    pub(crate) rows: &'a [Row<'a>],
    pub(crate) facts: &'a HashMap<&'a str, Fact>,
    pub(crate) mapper: &'a Mapper,
    pub(crate) dist_info: &'a str,
    pub(crate) entry_points: &'a [EntryPoint],
}

impl Claims<'_> {
    /// The files digest (docs/lock-format.md): over install path, hash and size of the rows that installing does not
    /// change.
    pub(crate) fn files_digest(&self) -> Sha256 {
        let scripts: HashSet<&str> = self.entry_points.iter().map(|point| point.name.as_str()).collect();
        let mut lines: Vec<String> = self.rows.iter().filter_map(|row| self.line(row, &scripts)).collect();
        lines.sort_unstable();
        lines.dedup();
        let mut hasher = Hasher::new();
        for line in &lines {
            hasher.update(line.as_bytes());
        }
        hasher.finish()
    }

    fn line(&self, row: &Row<'_>, scripts: &HashSet<&str>) -> Option<String> {
        let sha256 = row.sha256?;
        if self.is_written_anew(&row.path) || row.path.ends_with(".pyc") {
            return None;
        }
        let path = self.mapper.map(&row.path).ok()??;
        if let Some(name) = path.strip_prefix("prefix/bin/") {
            let rewritten = self.facts.get(&*row.path).is_some_and(|fact| fact.hash_bang);
            if rewritten || scripts.contains(name) {
                return None;
            }
        }
        Some(format!("{path}\t{sha256}\t{}\n", row.size))
    }

    fn is_written_anew(&self, path: &str) -> bool {
        let own = path.strip_prefix(self.dist_info).and_then(|rest| rest.strip_prefix('/'));
        own.is_some_and(|name| WRITTEN_ANEW.contains(&name))
    }

    /// One sentence on the files about which RECORD is wrong, if there are any.
    pub(crate) fn lies(&self) -> Option<String> {
        let mut lies: Vec<String> = self.rows.iter().filter_map(|row| self.lie(row)).collect();
        let listed: HashSet<&str> = self.rows.iter().map(|row| &*row.path).collect();
        let mut unlisted: Vec<&str> =
            self.facts.keys().copied().filter(|path| !listed.contains(path)).collect();
        unlisted.retain(|path| !self.may_be_unlisted(path));
        unlisted.sort_unstable();
        lies.extend(unlisted.iter().map(|path| format!("{path:?} is not listed")));
        let more = lies.len().saturating_sub(3);
        let shown = lies.get(..3).unwrap_or(&lies).join(", ");
        match more {
            _ if lies.is_empty() => None,
            0 => Some(format!("RECORD is wrong: {shown}")),
            more => Some(format!("RECORD is wrong: {shown}, and {more} more")),
        }
    }

    fn lie(&self, row: &Row<'_>) -> Option<String> {
        let path = &row.path;
        if self.is_written_anew(path) {
            return None;
        }
        let Some(fact) = self.facts.get(&**path) else {
            return Some(format!("{path:?} is listed but not there"));
        };
        if row.malformed || row.sha256.is_some_and(|claimed| claimed != fact.sha256) {
            return Some(format!("{path:?} has another sha256"));
        }
        let other_size = !row.size.is_empty() && row.size.parse() != Ok(fact.size);
        other_size.then(|| format!("{path:?} has another size"))
    }

    /// Signatures can't be listed, nor need what is written anew.
    fn may_be_unlisted(&self, path: &str) -> bool {
        let own = path.strip_prefix(self.dist_info).and_then(|rest| rest.strip_prefix('/'));
        self.is_written_anew(path) || matches!(own, Some("RECORD.jws" | "RECORD.p7s"))
    }
}
