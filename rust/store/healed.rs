//! Which artifacts were replaced or dropped since an environment was made: it may link what was wrong in them.
//!
//! `v1/healed/<key>` has the number of the healing, as decimal digits; the key is an artifact's sha256, or that of
//! byte code, which begins with one. `v1/generation` has the newest number, so that one small read tells an
//! environment that nothing has happened since its own.

use std::collections::BTreeSet;

use crate::digest::Sha256;
use crate::fs;
use crate::store::Store;
use crate::store::flock::{Flock, FlockError};
use crate::task::Task;

impl Store {
    /// The number of the newest healing; 0 if there was none.
    #[must_use]
    pub fn generation(&self) -> u64 {
        number(&self.folder("generation")).unwrap_or(0)
    }

    /// Notes that what stands, or stood, under `key` was wrong. To be called before it is replaced, so that no
    /// death of this process hides it, and again after, for who linked it meanwhile.
    pub fn note_healing(&self, key: &str, task: &Task) -> Result<(), FlockError> {
        let _turn = Flock::wait(&self.flock("generation"), task)?;
        let next = format!("{}\n", self.generation() + 1);
        // The key first: who sees the new number finds it.
        fs::write_atomic(&self.folder("healed").join(key), next.as_bytes(), 0o644)?;
        Ok(fs::write_atomic(&self.folder("generation"), next.as_bytes(), 0o644)?)
    }

    /// Whether one of these artifacts was healed after generation `since`.
    #[must_use]
    pub fn healed_since(&self, since: u64, artifacts: &BTreeSet<Sha256>) -> bool {
        let entries = fs::read_dir(&self.folder("healed")).unwrap_or_default();
        entries.iter().any(|path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let key = name.get(..64).and_then(|key| key.parse().ok());
            // A number that was lost with the power may be any.
            key.is_some_and(|key: Sha256| artifacts.contains(&key))
                && number(path).is_none_or(|number| number > since)
        })
    }
}

fn number(path: &std::path::Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.strip_suffix('\n')?.parse().ok()
}
