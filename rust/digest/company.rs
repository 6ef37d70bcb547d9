//! Texts that several threads make one by one, hashed many at once: see [`together`](super::together).

use std::sync::{Mutex, PoisonError};

use crate::digest::Sha256;
use crate::digest::lanes::LANES;
use crate::digest::together::of_each;

/// As many texts are hashed at once.
const ENOUGH: usize = 4 * LANES;
/// Bytes that are not kept waiting for more.
const LARGEST: usize = 4 << 20;

/// Texts that wait for others, each with what the caller knows it by.
pub(crate) struct Company<T> {
    waiting: Mutex<Waiting<T>>,
}

struct Waiting<T> {
    texts: Vec<(T, Vec<u8>)>,
    bytes: usize,
}

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self { texts: Vec::new(), bytes: 0 }
    }
}

impl<T> Default for Company<T> {
    fn default() -> Self {
        Self { waiting: Mutex::default() }
    }
}

impl<T> Company<T> {
    /// Takes in a text. Those that are hashed now, in the calling thread: all that wait, or none.
    pub(crate) fn join(&self, name: T, text: Vec<u8>) -> Vec<(T, Sha256)> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.bytes += text.len();
        waiting.texts.push((name, text));
        if waiting.texts.len() < ENOUGH && waiting.bytes < LARGEST {
            return Vec::new();
        }
        let ready = std::mem::take(&mut *waiting);
        drop(waiting);
        hash(ready.texts)
    }

    /// Those that wait still.
    pub(crate) fn rest(self) -> Vec<(T, Sha256)> {
        hash(self.waiting.into_inner().unwrap_or_else(PoisonError::into_inner).texts)
    }
}

fn hash<T>(texts: Vec<(T, Vec<u8>)>) -> Vec<(T, Sha256)> {
    let digests = of_each(&texts.iter().map(|(_, text)| text.as_slice()).collect::<Vec<_>>());
    texts.into_iter().map(|(name, _)| name).zip(digests).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_out_once_with_its_digest() {
        for (count, len) in [(0, 10), (3, 10), (100, 10), (5, LARGEST)] {
            let text = |at: usize| vec![u8::try_from(at).unwrap(); len];
            let company = Company::default();
            let mut found: Vec<_> = (0..count).flat_map(|at| company.join(at, text(at))).collect();
            found.extend(company.rest());
            let expected: Vec<_> = (0..count).map(|at| (at, Sha256::of(&text(at)))).collect();
            assert_eq!(found, expected);
        }
    }
}
