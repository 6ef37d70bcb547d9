//! What must still arrive. Pure: the same whatever the order of the lock or of the store.

use std::cmp::Reverse;
use std::collections::HashSet;

use crate::digest::Sha256;
use crate::lock::Lock;

/// The artifacts that the store lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Positions of units ([`Lock::unit`]), largest artifact first, so that no long one is left for the end.
    pub missing: Vec<usize>,
    /// Bytes to come, as far as the lock tells.
    pub bytes: u64,
}

impl Plan {
    /// Compares a lock with what is present.
    #[must_use]
    pub fn new(lock: &Lock, present: &HashSet<Sha256>) -> Self {
        let mut missing: Vec<usize> =
            (0..lock.count()).filter(|&at| !present.contains(&lock.unit(at).sha256)).collect();
        missing.sort_by_key(|&at| {
            let unit = lock.unit(at);
            (Reverse(unit.size.unwrap_or(0)), unit.sha256)
        });
        // Two packages can't share an artifact, but a lock may say so.
        missing.dedup_by_key(|at| lock.unit(*at).sha256);
        let bytes = missing.iter().filter_map(|&at| lock.unit(at).size).sum();
        Self { missing, bytes }
    }
}
