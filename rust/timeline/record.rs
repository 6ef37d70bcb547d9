//! Takes down what every thread does and when. Nothing here waits, and nothing is written before the end.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Deed {
    /// One request, with its answer.
    Fetch,
    /// The digest of a file on disk, while it arrives.
    Check,
    /// An archive's directory or one of its entries, or the way of the whole into the store.
    Unpack,
    /// A large entry, begun before all of its bytes are there.
    UnpackAhead,
    /// Files into the environment.
    Link,
    /// Another run has the artifact.
    Wait,
    /// A stage of the whole run that other deeds make up.
    Frame(&'static str),
    /// Something that is done once a run.
    Stage(&'static str),
}

/// One thing that one thread did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    /// What.
    pub(super) deed: Deed,
    /// Position in the lock's packages; `None` for what is about all.
    pub(super) package: Option<u32>,
    /// From the beginning of the recording.
    pub(super) from: Duration,
    /// As `from`.
    pub(super) to: Duration,
    /// Fetched or, when linking, files.
    pub(super) amount: u64,
    /// Who.
    pub(super) thread: ThreadId,
}

/// The notes of one run.
#[derive(Debug)]
pub struct Recorder {
    begun: Instant,
    positions: HashMap<String, u32>,
    rows: Mutex<Vec<Row>>,
}

impl Recorder {
    /// Begins now; `names` are those of the lock's packages, in its order.
    #[must_use]
    pub fn new(names: Vec<String>) -> Self {
        let positions = (0..).zip(names).map(|(at, name)| (name, at)).collect();
        Self { begun: Instant::now(), positions, rows: Mutex::default() }
    }

    /// Since the beginning.
    pub(super) fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    /// What was noted so far, by its beginning.
    pub(super) fn rows(&self) -> Vec<Row> {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner).clone();
        rows.sort_by_key(|row| (row.from, row.to));
        rows
    }

    pub(super) fn note(&self, rows: impl IntoIterator<Item = Row>) {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).extend(rows);
    }
}

/// A deed under way: it ends when this is dropped. Nothing, if the run is not recorded.
#[must_use = "a span ends when it is dropped"]
pub struct Span<'a>(Option<Open<'a>>);

struct Open<'a> {
    recorder: &'a Recorder,
    deed: Deed,
    package: Option<u32>,
    from: Duration,
    amount: u64,
}

impl<'a> Span<'a> {
    pub(crate) fn new(recorder: Option<&'a Recorder>, deed: Deed, package: &str) -> Self {
        Self(recorder.map(|recorder| {
            let package = recorder.positions.get(package).copied();
            Open { recorder, deed, package, from: recorder.now(), amount: 0 }
        }))
    }

    /// Bytes that were fetched, or files that were linked.
    pub fn amount(&mut self, amount: u64) {
        if let Some(open) = &mut self.0 {
            open.amount = amount;
        }
    }

    /// Ends it, as the deed of several packages (positions in the lock, one for each file): each gets the part of the
    /// time that its files are of all, one after the other.
    pub fn end_shared(mut self, files: impl ExactSizeIterator<Item = u32>) {
        let Some(open) = self.0.take() else { return };
        let total = u32::try_from(files.len()).unwrap_or(u32::MAX).max(1);
        let mut shares: Vec<(u32, u32)> = Vec::new();
        let mut at = HashMap::new();
        for package in files {
            let share = *at.entry(package).or_insert_with(|| {
                shares.push((package, 0));
                shares.len() - 1
            });
            shares[share].1 += 1;
        }
        let (whole, thread) = (open.recorder.now().saturating_sub(open.from), thread::current().id());
        let (deed, mut done) = (open.deed, 0);
        open.recorder.note(shares.into_iter().map(|(package, files)| {
            let from = open.from + whole * done / total;
            done += files;
            let to = open.from + whole * done / total;
            Row { deed, package: Some(package), from, to, amount: files.into(), thread }
        }));
    }
}

impl Drop for Span<'_> {
    fn drop(&mut self) {
        let Some(Open { recorder, deed, package, from, amount }) = self.0.take() else { return };
        let (to, thread) = (recorder.now(), thread::current().id());
        recorder.note([Row { deed, package, from, to, amount, thread }]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorder() -> Recorder {
        Recorder::new(vec!["foo".to_owned(), "bar".to_owned()])
    }

    #[test]
    fn a_run_that_is_not_recorded_leaves_nothing() {
        let mut span = Span::new(None, Deed::Fetch, "foo");
        span.amount(1);
        span.end_shared([0, 1].into_iter());
    }

    #[test]
    fn a_span_lasts_until_it_is_dropped() {
        let recorder = recorder();
        let mut span = Span::new(Some(&recorder), Deed::Fetch, "bar");
        assert!(recorder.rows().is_empty());
        span.amount(7);
        drop(span);
        let [row] = recorder.rows()[..] else { panic!("one row") };
        assert_eq!((row.deed, row.package, row.amount), (Deed::Fetch, Some(1), 7));
        assert!(row.from <= row.to && row.to <= recorder.now());
    }

    #[test]
    fn a_shared_span_is_parted_by_files() {
        let recorder = recorder();
        let span = Span::new(Some(&recorder), Deed::Link, "");
        thread::sleep(Duration::from_millis(2));
        span.end_shared([1, 0, 1, 1].into_iter());
        let [first, second] = recorder.rows()[..] else { panic!("two rows") };
        assert_eq!((first.package, first.amount), (Some(1), 3));
        assert_eq!((second.package, second.amount), (Some(0), 1));
        assert_eq!(first.to, second.from);
        let length = |row: &Row| row.to.saturating_sub(row.from);
        assert!(length(&first) > length(&second));
    }
}
