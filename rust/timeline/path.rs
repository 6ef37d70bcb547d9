//! The critical path: the chain of deeds, backwards from the end, each of which began when the one before it ended.
//!
//! What a deed had waited for is not written down but concluded from the times:
//!
//! 1. What was begun before its bytes were there (a large entry, a digest) ended because the last bytes had come.
//! 2. Else, if its thread was busy until it began, it had waited for the thread.
//! 3. Else an unpacking had waited for bytes of its package, for the package's other deeds, or for its thread after all:
//!    for the last of these.
//! 4. Else it had waited for whatever ended last before it began.
//!
//! So where processors are short the path goes from package to package along one thread, and where the network is,
//! it stays with the bytes.

use std::collections::HashMap;
use std::thread::ThreadId;
use std::time::Duration;

use super::record::{Deed, Row};

/// A thread that does nothing for longer has not been waited for.
const PROMPT: Duration = Duration::from_millis(3);

/// A part of the path: from one moment to another the run's end waited for this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// What was done; [`Deed::Wait`] where nothing was.
    pub(super) deed: Deed,
    /// As in [`Row::package`].
    pub(super) package: Option<u32>,
    /// From the beginning of the recording.
    pub(super) from: Duration,
    /// As `from`.
    pub(super) to: Duration,
}

/// The path through `rows` (by their beginning), the first step first.
pub(super) fn critical(rows: &[Row]) -> Vec<Step> {
    let deeds: Vec<Row> =
        rows.iter().copied().filter(|row| row.to > row.from && !matches!(row.deed, Deed::Frame(_))).collect();
    let mut steps = Vec::new();
    let known = Known::new(&deeds);
    let mut next = deeds.iter().max_by_key(|row| row.to).map(|row| (row, row.to));
    while let Some((row, until)) = next {
        next = known.waited_for(row, until);
        let from = match next {
            Some((_, moment)) if moment > row.from => moment,
            _ => row.from,
        };
        add(&mut steps, Step { deed: row.deed, package: row.package, from, to: until });
        let idle_since = next.map_or(Duration::ZERO, |(_, moment)| moment);
        if from.saturating_sub(idle_since) > PROMPT {
            add(&mut steps, Step { deed: Deed::Wait, package: row.package, from: idle_since, to: from });
        }
    }
    steps.reverse();
    steps
}

/// Adds the step that is before all others, or lengthens the first one.
fn add(steps: &mut Vec<Step>, step: Step) {
    match steps.last_mut() {
        _ if step.from >= step.to => {}
        Some(last)
            if (last.deed, last.package) == (step.deed, step.package) && last.from <= step.to + PROMPT =>
        {
            last.from = step.from;
        }
        _ => steps.push(step),
    }
}

/// The deeds, in the orders in which they are looked for.
struct Known<'a> {
    ends: Vec<&'a Row>,
    threads: HashMap<ThreadId, Vec<&'a Row>>,
    packages: HashMap<u32, Vec<&'a Row>>,
}

impl<'a> Known<'a> {
    fn new(deeds: &'a [Row]) -> Self {
        let mut ends: Vec<&Row> = deeds.iter().collect();
        ends.sort_by_key(|row| (row.to, row.from));
        let (mut threads, mut packages) = (HashMap::<_, Vec<_>>::new(), HashMap::<_, Vec<_>>::new());
        for row in &ends {
            threads.entry(row.thread).or_default().push(*row);
            if let Some(package) = row.package {
                packages.entry(package).or_default().push(*row);
            }
        }
        Self { ends, threads, packages }
    }

    /// What `row` had waited for, and until when; that moment is before `until`.
    fn waited_for(&self, row: &Row, until: Duration) -> Option<(&'a Row, Duration)> {
        if matches!(row.deed, Deed::UnpackAhead | Deed::Check)
            && let Some(bytes) = self.bytes_of(row, until).filter(|(_, moment)| *moment > row.from)
        {
            return Some(bytes);
        }
        let thread = self.threads.get(&row.thread).and_then(|rows| last_before(rows, row.from));
        if let Some(busy) = thread.filter(|busy| busy.to + PROMPT >= row.from) {
            return Some((busy, busy.to));
        }
        let is_unpacking = matches!(row.deed, Deed::Unpack | Deed::UnpackAhead);
        let own = row.package.and_then(|package| last_before(self.packages.get(&package)?, row.from));
        let ended = [thread, own.filter(|_| is_unpacking || row.deed == Deed::Check)];
        let bytes = is_unpacking.then(|| self.bytes_of(row, row.from)).flatten();
        let related = ended.into_iter().flatten().map(|other| (other, other.to)).chain(bytes);
        let related = related.max_by_key(|(_, moment)| *moment);
        let last = last_before(&self.ends, row.from).map(|last| (last, last.to));
        related.filter(|(_, moment)| is_unpacking || *moment + PROMPT >= row.from).or(last)
    }

    /// The fetch of the row's package that brought the last bytes before `moment`, and when.
    fn bytes_of(&self, row: &Row, moment: Duration) -> Option<(&'a Row, Duration)> {
        let rows = self.packages.get(&row.package?)?;
        let fetches = rows.iter().filter(|other| other.deed == Deed::Fetch && other.from < moment);
        fetches.map(|fetch| (*fetch, fetch.to.min(moment))).max_by_key(|(_, moment)| *moment)
    }
}

/// The row that ended last, not after `moment`; `rows` are sorted by their end.
fn last_before<'a>(rows: &[&'a Row], moment: Duration) -> Option<&'a Row> {
    let count = rows.partition_point(|row| row.to <= moment);
    rows[..count].last().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    fn threads<const N: usize>() -> [ThreadId; N] {
        [(); N].map(|()| thread::spawn(|| thread::current().id()).join().expect("it says who it is"))
    }

    fn row(deed: Deed, package: u32, from: u64, to: u64, thread: ThreadId) -> Row {
        let [from, to] = [from, to].map(Duration::from_millis);
        Row { deed, package: Some(package), from, to, amount: 0, thread }
    }

    fn stage(name: &'static str, from: u64, to: u64, thread: ThreadId) -> Row {
        Row { package: None, ..row(Deed::Stage(name), 0, from, to, thread) }
    }

    /// Deed, package and times of the path, in milliseconds.
    fn path(mut rows: Vec<Row>) -> Vec<(Deed, Option<u32>, u128, u128)> {
        rows.sort_by_key(|row| row.from);
        let steps = critical(&rows).into_iter();
        steps.map(|step| (step.deed, step.package, step.from.as_millis(), step.to.as_millis())).collect()
    }

    #[test]
    fn where_the_network_is_slow_it_stays_with_the_bytes() {
        let [main, net, other, worker] = threads();
        let rows = vec![
            stage("plan", 0, 10, main),
            row(Deed::Fetch, 0, 10, 1000, net),
            row(Deed::Fetch, 1, 10, 50, other),
            row(Deed::Unpack, 1, 30, 60, worker),
            row(Deed::Unpack, 0, 500, 510, worker),
            row(Deed::Unpack, 0, 1000, 1020, worker),
            row(Deed::Link, 0, 1020, 1030, worker),
            stage("publish", 1030, 1040, main),
        ];
        let expected = [
            (Deed::Stage("plan"), None, 0, 10),
            (Deed::Fetch, Some(0), 10, 1000),
            (Deed::Unpack, Some(0), 1000, 1020),
            (Deed::Link, Some(0), 1020, 1030),
            (Deed::Stage("publish"), None, 1030, 1040),
        ];
        assert_eq!(path(rows), expected);
    }

    #[test]
    fn where_processors_are_short_it_stays_with_a_thread() {
        let [net, worker] = threads();
        let rows = vec![
            row(Deed::Fetch, 0, 0, 10, net),
            row(Deed::Fetch, 1, 10, 20, net),
            row(Deed::Unpack, 0, 10, 100, worker),
            row(Deed::Unpack, 1, 100, 300, worker),
        ];
        let expected = [
            (Deed::Fetch, Some(0), 0, 10),
            (Deed::Unpack, Some(0), 10, 100),
            (Deed::Unpack, Some(1), 100, 300),
        ];
        assert_eq!(path(rows), expected);
    }

    #[test]
    fn what_began_ahead_of_its_bytes_had_waited_for_the_last_of_them() {
        let [net, other, worker] = threads();
        let rows = vec![
            row(Deed::Fetch, 0, 0, 400, net),
            row(Deed::Fetch, 0, 300, 800, other),
            row(Deed::UnpackAhead, 0, 100, 850, worker),
        ];
        let found = path(rows);
        assert_eq!(found[1..], [(Deed::Fetch, Some(0), 300, 800), (Deed::UnpackAhead, Some(0), 800, 850)]);
        // Nothing had ended when the second request began.
        assert_eq!(found[0], (Deed::Wait, Some(0), 0, 300));
    }

    #[test]
    fn what_nobody_did_is_a_wait() {
        let [main, net] = threads();
        let rows = vec![stage("plan", 0, 10, main), row(Deed::Fetch, 0, 500, 600, net)];
        let expected = [
            (Deed::Stage("plan"), None, 0, 10),
            (Deed::Wait, Some(0), 10, 500),
            (Deed::Fetch, Some(0), 500, 600),
        ];
        assert_eq!(path(rows), expected);
    }

    #[test]
    fn the_steps_are_in_order_and_meet() {
        let [one, two, three] = threads();
        let mut rows = Vec::new();
        let mut seed = 1_u64;
        for at in 0..3000_u32 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (from, length) = ((seed >> 40) % 10_000, (seed >> 33) % 90);
            let deed =
                [Deed::Fetch, Deed::Unpack, Deed::UnpackAhead, Deed::Check, Deed::Link][(at % 5) as usize];
            rows.push(row(deed, at % 7, from, from + length, [one, two, three][(seed >> 60) as usize % 3]));
        }
        rows.sort_by_key(|row| row.from);
        let steps = critical(&rows);
        assert!(steps.iter().all(|step| step.from < step.to));
        assert!(steps.windows(2).all(|pair| (pair[0].to..=pair[0].to + PROMPT).contains(&pair[1].from)));
        assert_eq!(steps.last().map(|step| step.to), rows.iter().map(|row| row.to).max());
    }

    #[test]
    fn a_run_that_did_nothing_has_no_path() {
        assert!(path(Vec::new()).is_empty());
        let [one] = threads();
        assert!(path(vec![stage("plan", 5, 5, one)]).is_empty());
    }
}
