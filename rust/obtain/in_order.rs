//! Large wheels that are unpacked in the order of their bytes, each by one thread, and never kept.
//!
//! Where there are more large wheels than processors, each is inflated while it arrives, and what was inflated is
//! forgotten: no part file is written, read again and written back. With few large wheels and many processors several
//! threads at one wheel are faster, and they need all of it.

use std::ops::Range;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, Scope};

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

/// Threads for this work, as many as there may be windows: most wait for bytes.
pub(super) struct Streams<'a>(Sender<Piece<'a>>);

impl<'a> Streams<'a> {
    /// Whether every processor has a large wheel; smaller ones than `memory_file` bytes are in memory anyway.
    pub(super) fn worth_it(request: &Request<'_>, memory_file: u64) -> bool {
        let missing = request.plan.missing.iter().map(|&at| request.lock.unit(at));
        let large = missing.filter(|unit| can_be(*unit) && unit.size.is_some_and(|size| size > memory_file));
        large.count() >= request.pool.current_num_threads()
    }

    /// The threads end when this value is gone and all is done.
    pub(super) fn start<'s>(threads: &'s Scope<'s, '_>) -> Result<Self>
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
        Ok(Self(sender))
    }

    pub(super) fn add(&self, piece: Piece<'a>) {
        // They live as long as the sender.
        let _ = self.0.send(piece);
    }
}

fn work(inbox: &Mutex<Receiver<Piece<'_>>>) {
    loop {
        // The lock is held while waiting: the others wait for it instead.
        let next = inbox.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match next {
            Ok(piece) => piece(),
            Err(_) => return,
        }
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
