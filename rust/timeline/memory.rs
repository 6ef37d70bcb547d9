//! Memory of the process and bytes fetched, looked at a few times a second.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::fs;
use crate::task::Counters;
use crate::timeline::Recorder;

/// Between two looks, as long as there are few.
const OFTEN: Duration = Duration::from_millis(50);
/// Between two looks after [`MANY`].
const SELDOM: Duration = Duration::from_millis(500);
const MANY: usize = 400;

/// One look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sample {
    /// From the beginning of the recording.
    pub(super) at: Duration,
    /// Of the whole process, in KiB: pages in memory.
    pub(super) resident: u64,
    /// Of these, those that no file has.
    pub(super) anonymous: u64,
    /// Bytes that have arrived.
    pub(super) fetched: u64,
}

/// The thread that looks.
pub(super) struct Watch {
    over: Sender<()>,
    thread: Option<JoinHandle<Vec<Sample>>>,
}

impl Watch {
    /// Looks at once, and then until [`Self::end`].
    pub(super) fn begin(recorder: &Arc<Recorder>, counters: &Arc<Counters>) -> Self {
        let (over, ended) = channel::<()>();
        let (recorder, counters) = (recorder.clone(), counters.clone());
        let look = move || {
            let mut samples = vec![sample(&recorder, &counters)];
            loop {
                let pause = if samples.len() < MANY { OFTEN } else { SELDOM };
                let is_over = ended.recv_timeout(pause) != Err(RecvTimeoutError::Timeout);
                samples.push(sample(&recorder, &counters));
                if is_over {
                    return samples;
                }
            }
        };
        // A machine without one more thread has other worries than a timeline.
        let thread = thread::Builder::new().name("timeline".to_owned()).spawn(look).ok();
        Self { over, thread }
    }

    /// What was seen, the last look now.
    pub(super) fn end(self) -> Vec<Sample> {
        drop(self.over);
        self.thread.and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

fn sample(recorder: &Recorder, counters: &Counters) -> Sample {
    let status = fs::read_to_string(Path::new("/proc/self/status")).unwrap_or_default();
    Sample {
        at: recorder.now(),
        resident: kibibytes(&status, "VmRSS:"),
        anonymous: kibibytes(&status, "RssAnon:"),
        fetched: counters.fetched_bytes.load(Ordering::Relaxed),
    }
}

/// A row of proc(5)'s `status`; 0 where the system does not tell.
fn kibibytes(status: &str, field: &str) -> u64 {
    let row = status.lines().find_map(|line| line.strip_prefix(field));
    row.and_then(|row| row.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_found_by_its_name() {
        let status = "Name:\tnode\nVmRSS:\t   12345 kB\nRssAnon:\t     678 kB\n";
        assert_eq!((kibibytes(status, "VmRSS:"), kibibytes(status, "RssAnon:")), (12345, 678));
        assert_eq!(kibibytes(status, "VmSwap:"), 0);
    }

    #[test]
    fn a_watch_looks_at_the_beginning_and_at_the_end() {
        let (recorder, counters) = (Arc::new(Recorder::new(Vec::new())), Arc::<Counters>::default());
        let watch = Watch::begin(&recorder, &counters);
        counters.fetched_bytes.store(5, Ordering::Relaxed);
        let samples = watch.end();
        let last = samples.last().expect("two at least");
        assert!(samples.len() >= 2 && last.fetched == 5 && last.resident > 0);
        assert!(samples[0].at <= last.at);
    }
}
