//! Loose code of a lock: `[[tool.fastenv.overlays]]`, folders of the search path that no package owns.

use std::collections::HashSet;
use std::path::PathBuf;

use serde::Deserialize;

use super::LockError;
use super::raw::RawOverlay;
use super::reader::Reader;
use crate::digest::Sha256;

/// The longest name, in bytes: it becomes the name of a folder and of a file.
const LONGEST: usize = 100;

/// Where an overlay stands on the search path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PathEnd {
    /// Before the standard library, as what `PYTHONPATH` names does.
    Front,
    /// In site-packages itself: files that no package owns. They go before a package's of the same path, since a lock
    /// has only those of them that an import finds.
    Site,
    /// After site-packages, as what `.pth` files name does.
    Back,
}

/// One folder of loose code: a zip archive that travels with the lock, with one folder of the overlay's name in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlay {
    /// Of its folder below `overlays` of the prefix, and of the one folder in its archive.
    pub name: String,
    /// `<name>.zip`.
    pub file_name: String,
    /// Path relative to the lock's folder.
    pub path: PathBuf,
    /// Bytes.
    pub size: Option<u64>,
    /// Of the archive.
    pub sha256: Sha256,
    /// Where it stands on the search path.
    pub place: PathEnd,
}

impl Reader<'_> {
    /// The checked rows, in the order of the search path.
    pub(super) fn overlays(&self, rows: &[RawOverlay], has_python: bool) -> Result<Vec<Overlay>, LockError> {
        let place = "tool.fastenv.overlays";
        if !rows.is_empty() && !has_python {
            return Err(self.value(place, "there is no python that could import them"));
        }
        let overlays = rows.iter().map(|row| self.overlay(row)).collect::<Result<Vec<_>, _>>()?;
        let (mut names, mut digests) = (HashSet::new(), HashSet::new());
        for it in &overlays {
            if !names.insert(&it.name) || !digests.insert(it.sha256) {
                return Err(self.value(place, format!("{} is there twice", it.name)));
            }
        }
        if overlays.iter().filter(|it| it.place == PathEnd::Site).count() > 1 {
            return Err(self.value(place, "two of them are in site-packages"));
        }
        Ok(overlays)
    }

    fn overlay(&self, row: &RawOverlay) -> Result<Overlay, LockError> {
        let place = &format!("overlay {}", row.name);
        if !is_folder_name(&row.name) {
            let fault = format!("{:?} is no name of an overlay", row.name);
            return Err(self.value("tool.fastenv.overlays", fault));
        }
        Ok(Overlay {
            name: row.name.clone(),
            file_name: format!("{}.zip", row.name),
            path: self.inner_path(place, &row.path)?,
            size: row.size,
            sha256: row.sha256.parse().map_err(|fault| self.value(place, format!("{fault}")))?,
            place: row.place,
        })
    }
}

fn is_folder_name(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !name.is_empty() && name.len() <= LONGEST && !name.starts_with(['.', '-']) && name.bytes().all(inner)
}
