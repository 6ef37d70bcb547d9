//! Hashes that need not be computed: those of a RECORD that the lock vouches for.
//!
//! `fastenv lock` has hashed every installed file against its RECORD, and keeps the digest of its rows. If the wheel's
//! own RECORD has the same digest, its rows were found true. The archive's sha256, and size and CRC of each entry, are
//! checked all the same; what no row speaks of is hashed.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::digest::Sha256;
use crate::task::Task;
use crate::unpack::archive::Entry;
use crate::unpack::claims::Claims;
use crate::unpack::fault::Cause;
use crate::unpack::places::{FilePlace, Place, Places, Text};
use crate::unpack::record::Row;
use crate::unpack::{ReadAt, entry_points, inflate, metadata, record};

/// Larger texts are not read ahead of their turn. Bytes.
const LARGEST: u64 = 8 << 20;

/// What RECORD says, once it is there; empty if it can't be taken.
#[derive(Default)]
pub(crate) struct Vouched(OnceLock<Rows>);

/// Hash and size of entries, by name.
type Rows = HashMap<String, (Sha256, u64)>;

impl Vouched {
    /// The hash of an entry, if it is known.
    pub(crate) fn get(&self, entry: &Entry) -> Option<Sha256> {
        let (sha256, size) = self.0.get()?.get(&entry.name)?;
        (*size == entry.size).then_some(*sha256)
    }

    /// Reads RECORD if that has not been done and its bytes are there. What is wrong with it is found, and said,
    /// when the wheel is finished.
    pub(crate) fn look(
        &self,
        digest: Sha256,
        source: &dyn ReadAt,
        entries: &[Entry],
        places: &Places,
        task: &Task,
    ) {
        if self.0.get().is_some() {
            return;
        }
        let needed = needed(entries, places);
        if needed.iter().all(|entry| source.has(&entry.span())) {
            let rows = rows(digest, source, &needed, places, task).unwrap_or_default();
            let _ = self.0.set(rows.unwrap_or_default());
        }
    }
}

/// RECORD and `entry_points.txt`.
pub(super) fn needed<'a>(entries: &'a [Entry], places: &Places) -> Vec<&'a Entry> {
    let record = format!("{}/RECORD", places.dist_info);
    let is_points =
        |place: &Place| matches!(place, Place::File(file) if file.text == Some(Text::EntryPoints));
    let pairs = entries.iter().zip(&places.by_entry);
    pairs.filter(|(entry, place)| entry.name == record || is_points(place)).map(|(entry, _)| entry).collect()
}

/// `None` if the lock does not vouch for this RECORD.
fn rows(
    digest: Sha256,
    source: &dyn ReadAt,
    needed: &[&Entry],
    places: &Places,
    task: &Task,
) -> Result<Option<Rows>, Cause> {
    // Whether a script counts depends on its first bytes, which may not be there yet.
    let in_bin = |place: &Place| matches!(place, Place::File(FilePlace { path, .. }) if path.starts_with("prefix/bin/"));
    if places.by_entry.iter().any(in_bin) {
        return Ok(None);
    }
    let file = format!("{}/RECORD", places.dist_info);
    let (mut text, mut points) = (Vec::new(), Vec::new());
    for entry in needed {
        let content = inflate::text(source, entry, LARGEST, task)?;
        *(if entry.name == file { &mut text } else { &mut points }) = content;
    }
    let parsed = || {
        let rows = record::parse(metadata::utf8(&text, &file)?, &file)?;
        let points = entry_points::parse(metadata::utf8(&points, "entry_points.txt")?)?;
        Ok::<_, crate::unpack::WheelFault>((rows, points))
    };
    let Ok((rows, points)) = parsed() else { return Ok(None) };
    let facts = HashMap::new();
    let claims = Claims {
        rows: &rows,
        facts: &facts,
        mapper: &places.mapper,
        dist_info: &places.dist_info,
        entry_points: &points,
    };
    if claims.files_digest() != digest {
        return Ok(None);
    }
    Ok(known(&rows))
}

/// `None` if RECORD contradicts itself. Rows that are not in the digest are nobody's word.
fn known(rows: &[Row<'_>]) -> Option<Rows> {
    let mut known = Rows::new();
    for row in rows.iter().filter(|row| !row.path.ends_with(".pyc")) {
        let (Some(sha256), Ok(size)) = (row.sha256, row.size.parse()) else { continue };
        let before = known.insert(row.path.to_string(), (sha256, size));
        if before.is_some_and(|before| before != (sha256, size)) {
            return None;
        }
    }
    Some(known)
}
