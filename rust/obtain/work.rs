//! What was handed out and nobody has begun.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Something to do.
pub(super) type Piece<'a> = Box<dyn FnOnce() + Send + 'a>;

/// Which work is done first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Urgency {
    /// Before all that waits its turn: what others wait for, and what gives memory back.
    AtOnce,
    /// In the order in which it was handed out.
    InTurn,
    /// When there is nothing else.
    AtLast,
}

/// Pieces of work, for threads that take one each.
#[derive(Default)]
pub(super) struct Work<'a>(Mutex<Waiting<'a>>);

#[derive(Default)]
struct Waiting<'a> {
    by_urgency: [VecDeque<Piece<'a>>; 3],
}

impl<'a> Work<'a> {
    /// Puts a piece where somebody will find it; there must be one [`Self::do_next`] for each.
    pub(super) fn add(&self, urgency: Urgency, piece: impl FnOnce() + Send + 'a) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.by_urgency[urgency as usize].push_back(Box::new(piece));
    }

    /// Does the most urgent piece.
    pub(super) fn do_next(&self) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let piece = waiting.by_urgency.iter_mut().find_map(VecDeque::pop_front);
        drop(waiting);
        if let Some(piece) = piece {
            piece();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Urgency::{AtLast, AtOnce, InTurn};
    use super::*;

    #[test]
    fn what_is_urgent_comes_first() {
        let done = Mutex::new(Vec::new());
        let work = Work::default();
        for (urgency, name) in [(AtLast, "z"), (InTurn, "a"), (InTurn, "b"), (AtOnce, "c")] {
            let done = &done;
            work.add(urgency, move || done.lock().unwrap().push(name));
        }
        (0..5).for_each(|_| work.do_next());
        drop(work);
        assert_eq!(done.into_inner().unwrap(), ["c", "a", "b", "z"]);
    }
}
