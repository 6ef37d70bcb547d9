//! Large wheels that are unpacked in the order of their bytes, each by one thread, and never kept.
//!
//! Where there are more large wheels than processors, each is inflated while it arrives, and what was inflated is
//! forgotten: no part file is written, read again and written back. With few large wheels and many processors several
//! threads at one wheel are faster, and they need all of it.

use std::ops::Range;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, Scope};

use rustix::process::{getpriority_process, setpriority_process};

use crate::error::{Error, Result};
use crate::fetch::{Arrival, WINDOWS};
use crate::lock::{Owner, Unit};
use crate::obtain::Request;
use crate::obtain::unpacking::Unpacking;
use crate::obtain::work::Piece;
use crate::task::Task;
use crate::unpack::{ReadAt as _, UnpackError};

/// The most that is asked for before its turn, and kept until then. Bytes.
pub(super) const LONGEST_END: u64 = 8 << 20;

/// Whether an artifact tells at its end what is in it, and the rest can be read once, forward.
pub(super) fn can_be(locked: Unit<'_>) -> bool {
    matches!(locked.owner, Owner::Wheel(_))
}

/// What those who unpack a smaller wheel are nicer by: they get a third of the processor time of those who don't.
const GIVES_WAY: i32 = 5;

/// Threads for this work, as many as there may be windows: most wait for bytes.
///
/// Had all an equal part of the processors, the largest wheel would be alone in the end, on one of them.
pub(super) struct Streams<'a> {
    inbox: Sender<Work<'a>>,
    /// Of the largest wheel, in bytes.
    largest: u64,
}

struct Work<'a> {
    piece: Piece<'a>,
    gives_way: bool,
}

impl<'a> Streams<'a> {
    /// The size of the largest wheel, if every processor has a large one; smaller ones than `memory_file` bytes are in
    /// memory anyway.
    pub(super) fn worth_it(request: &Request<'_>, memory_file: u64) -> Option<u64> {
        let missing = request.plan.missing.iter().map(|&at| request.lock.unit(at));
        let sizes = missing.filter(|unit| can_be(*unit)).filter_map(|unit| unit.size);
        let large: Vec<u64> = sizes.filter(|size| *size > memory_file).collect();
        large.iter().max().copied().filter(|_| large.len() >= request.pool.current_num_threads())
    }

    /// The threads end when this value is gone and all is done.
    pub(super) fn start<'s>(threads: &'s Scope<'s, '_>, largest: u64) -> Result<Self>
    where
        'a: 's,
    {
        let (sender, inbox) = channel();
        let inbox = Arc::new(Mutex::new(inbox));
        for _ in 0..WINDOWS {
            let inbox = Arc::clone(&inbox);
            let started =
                Builder::new().name("stream".to_owned()).spawn_scoped(threads, move || work(&inbox));
            started.map_err(|fault| Error::Threads(fault.to_string()))?;
        }
        Ok(Self { inbox: sender, largest })
    }

    /// Has a thread unpack a wheel of `size` bytes.
    pub(super) fn add(&self, size: u64, piece: Piece<'a>) {
        // They live as long as the sender.
        let _ = self.inbox.send(Work { piece, gives_way: size < self.largest / 2 });
    }
}

fn work(inbox: &Mutex<Receiver<Work<'_>>>) {
    let own = getpriority_process(None).unwrap_or(0);
    loop {
        // The lock is held while waiting: the others wait for it instead.
        let next = inbox.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Work { piece, gives_way }) = next else { return };
        if gives_way {
            // Of this thread alone, on Linux; and for good, as only root may take it back: wheels come by size.
            let _ = setpriority_process(None, own + GIVES_WAY);
        }
        piece();
    }
}

/// Has these bytes come before their turn, if they are near the end.
fn await_first(needed: &[Range<u64>], arrival: &Arrival) {
    let (Some(start), length) = (needed.iter().map(|span| span.start).min(), arrival.len()) else { return };
    if length - start <= LONGEST_END {
        arrival.want_end(length - start);
        // Where they don't come, whoever reads on hears why.
        let _ = needed.iter().try_for_each(|span| arrival.wait(span));
    }
}

/// Unpacks all entries; gives up what it has read, and in the end all, so that the rest can come and be judged.
pub(super) fn unpack(
    unpacking: &Unpacking,
    arrival: &Arrival,
    task: &Task,
) -> std::result::Result<(), UnpackError> {
    let mut order: Vec<_> = unpacking.planned().into_iter().enumerate().collect();
    order.sort_unstable_by_key(|(_, entry)| entry.span.start);
    await_first(&unpacking.needed_first(), arrival);
    let unpacked = order.iter().try_for_each(|(at, entry)| {
        unpacking.extract(*at, task)?;
        arrival.pass(entry.span.end);
        Ok(())
    });
    arrival.pass(u64::MAX);
    unpacked
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn smaller_wheels_give_way_to_the_largest() {
        let niceness = || getpriority_process(None).unwrap();
        let (ours, (told, heard)) = (niceness(), channel());
        thread::scope(|threads| {
            let streams = Streams::start(threads, 100).unwrap();
            for size in [100, 50, 49] {
                let told = told.clone();
                streams.add(size, Box::new(move || told.send((size, niceness())).unwrap()));
                let (size, found) = heard.recv().unwrap();
                let expected = if size < 50 { (ours + GIVES_WAY).min(19) } else { ours };
                assert_eq!(found, expected, "{size}");
            }
        });
        assert_eq!(niceness(), ours);
    }
}
