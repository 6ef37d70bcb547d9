//! Contested paths at which nothing stands: pip took conda's files away when it put a wheel in their place, and the lock
//! gives their paths to that wheel, which has no such files.
//!
//! Files of a wheel that installers write, such as INSTALLER, are among them: what conda has there gives way to what
//! will be written.

use std::collections::{HashMap, HashSet};

use crate::layout::{Item, Place};
use crate::scheme::Scheme;
use crate::store::artifact::Artifact;
use crate::unpack::Index;

/// The install paths at which no conda package may have anything.
#[derive(Debug)]
pub(crate) struct Vacant(HashSet<String>);

impl Vacant {
    /// Of the paths in `winners`, those that the artifact at the position does not have; by the
    /// names that `scheme` gives.
    #[must_use]
    pub(crate) fn of(winners: &HashMap<&str, usize>, artifacts: &[Artifact], scheme: &Scheme) -> Self {
        let mut paths: HashSet<String> = winners.keys().map(|path| (*path).to_owned()).collect();
        let named: HashSet<usize> = winners.values().copied().collect();
        for package in named {
            let index = &artifacts[package].index;
            let files = positions(index).map(|at| scheme.install_path(index, Item::of(index, at)));
            let scripts = index.entry_points.iter().map(|point| format!("prefix/bin/{}", point.name));
            for path in files.chain(scripts).filter(|path| winners.get(path.as_str()) == Some(&package)) {
                paths.remove(&path);
            }
        }
        Self(paths)
    }

    /// The places of a conda package that are at such paths.
    #[must_use]
    pub(crate) fn among(&self, places: &[Place], index: &Index, scheme: &Scheme) -> HashSet<Place> {
        if self.0.is_empty() || index.conda.is_none() {
            return HashSet::new();
        }
        let is_vacant =
            |place: &Place| self.0.contains(&scheme.install_path(index, Item::of(index, place.file)));
        places.iter().copied().filter(is_vacant).collect()
    }
}

/// Positions of all that an index has, as in [`Place::file`].
fn positions(index: &Index) -> std::ops::Range<u32> {
    let links = index.conda.as_ref().map_or(0, |conda| conda.links.len());
    0..u32::try_from(index.files.len() + links).unwrap_or(u32::MAX)
}

/// Directories of an artifact that have files, of which none will be there.
#[must_use]
pub(crate) fn hollow(index: &Index, places: &[Place], absent: &HashSet<Place>) -> HashSet<u32> {
    let dir = |place: &Place| Item::of(index, place.file).dir();
    let mut found: HashSet<u32> = absent.iter().map(dir).collect();
    if !found.is_empty() {
        for place in places.iter().filter(|place| !absent.contains(place)) {
            found.remove(&dir(place));
        }
    }
    found
}
