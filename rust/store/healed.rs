//! Which artifacts were replaced or dropped since an environment was made: it may link what was wrong in them.
//!
//! `v1/healed/<key>` has the number of the healing, as decimal digits; the key is an artifact's sha256, or that of
//! byte code, which begins with one. `v1/generation` has the newest number, so that one small read tells an
//! environment that nothing has happened since its own.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::digest::Sha256;
use crate::fs;
use crate::store::Store;
use crate::store::flock::{Flock, FlockError};
use crate::task::Task;

/// The number of the newest healing in the store at `v1`; 0 if there was none, `None` if it was lost.
#[must_use]
pub fn generation(v1: &Path) -> Option<u64> {
    let path = v1.join("generation");
    if fs::exists(&path) { number(&path) } else { Some(0) }
}

/// Whether one of these artifacts, or its byte code, was healed after generation `since`.
#[must_use]
pub fn healed_since(v1: &Path, since: u64, artifacts: &BTreeSet<Sha256>) -> bool {
    entries(v1).iter().any(|path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let key = name.get(..64).and_then(|key| key.parse().ok());
        // A number that was lost may be any.
        key.is_some_and(|key: Sha256| artifacts.contains(&key))
            && number(path).is_none_or(|number| number > since)
    })
}

impl Store {
    /// The number of the newest healing; one that was lost is found again.
    pub fn generation(&self, task: &Task) -> Result<u64, FlockError> {
        if let Some(number) = generation(&self.folder("")) {
            return Ok(number);
        }
        let _turn = Flock::wait(&self.flock("generation"), task)?;
        let newest = self.newest();
        fs::write_atomic(&self.folder("generation"), format!("{newest}\n").as_bytes(), 0o644)?;
        Ok(newest)
    }

    /// Notes that what stands, or stood, under `key` was wrong. To be called before it is replaced, so that no
    /// death of this process hides it, and again after, for who linked it meanwhile.
    pub fn note_healing(&self, key: &str, task: &Task) -> Result<(), FlockError> {
        let _turn = Flock::wait(&self.flock("generation"), task)?;
        let next = format!("{}\n", self.newest() + 1);
        // The key first: who sees the new number finds it.
        fs::write_atomic(&self.folder("healed").join(key), next.as_bytes(), 0o644)?;
        Ok(fs::write_atomic(&self.folder("generation"), next.as_bytes(), 0o644)?)
    }

    fn newest(&self) -> u64 {
        let v1 = self.folder("");
        let numbers = entries(&v1).into_iter().filter_map(|path| number(&path));
        numbers.chain(generation(&v1)).max().unwrap_or(0)
    }
}

fn entries(v1: &Path) -> Vec<PathBuf> {
    fs::read_dir(&v1.join("healed")).unwrap_or_default()
}

fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.strip_suffix('\n')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::root::Root;

    #[test]
    fn a_healing_is_seen_by_what_was_made_before() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root { writable: folder.path().to_owned(), read_only: Vec::new() };
        let (store, task) = (Store::open(&root).unwrap(), Task::default());
        let (one, two) = (Sha256([1; 32]), Sha256([2; 32]));
        let since = |number, artifact| healed_since(&store.folder(""), number, &BTreeSet::from([artifact]));
        assert_eq!(store.generation(&task).unwrap(), 0);
        store.note_healing(&one.to_string(), &task).unwrap();
        store.note_healing(&format!("{two}.cpython-311-00.0"), &task).unwrap();
        assert_eq!(store.generation(&task).unwrap(), 2);
        assert_eq!([since(0, one), since(1, one), since(1, two), since(2, two)], [true, false, true, false]);
        fs::write_atomic(&store.folder("generation"), b"", 0o644).unwrap();
        assert_eq!(generation(&store.folder("")), None);
        assert_eq!(store.generation(&task).unwrap(), 2);
        fs::write_atomic(&store.folder("healed").join(one.to_string()), b"\0\0", 0o644).unwrap();
        assert!(since(9, one), "a number that was lost may be any");
    }
}
