//! From the bytes of an artifact to a tree of files and its [`Index`]. Distrusts every name and number.
//!
//! The modules in the order in which the bytes pass through them: [`ending`] and [`archive`] read a zip archive's
//! directory, `names` checks its names, `places` and `install_path` plan where a wheel's entries go, `local`,
//! `inflate` and [`deflate`] turn entries into files, [`wheel`] holds these together (and [`overlay`] for an archive
//! without metadata), and `metadata`, `record`, `claims`,
//! `entry_points` and [`version`] read what the wheel says of itself. [`fault`] is what can be wrong.

pub mod archive;
mod claims;
pub mod deflate;
pub mod ending;
pub(crate) mod entry_points;
pub mod fault;
pub mod index;
pub(crate) mod inflate;
mod install_path;
pub(crate) mod local;
mod metadata;
pub(crate) mod names;
pub mod overlay;
mod places;
mod record;
pub mod version;
mod vouched;
pub mod wheel;

pub use archive::{Archive, Entry, Method};
pub use ending::tail_needed;
pub use fault::{ArtifactFault, Cause, EntryFault, UnpackError, WheelFault};
pub use index::{Conda, EntryPoint, Index, IndexFile, Rewrite, Rewriting, SymbolicLink};
pub use wheel::{Expected, Planned, Unpacking, mtime_of};

use std::cmp::Reverse;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use crate::task::Task;

/// Bytes that lie in memory.
pub struct Chunk {
    /// Those, and others before them.
    pub bytes: Arc<dyn AsRef<[u8]> + Send + Sync>,
    /// Where they begin.
    pub from: usize,
}

/// Bytes that can be read at any offset, from several threads at once.
pub trait ReadAt: Send + Sync {
    /// Length in bytes.
    fn len(&self) -> u64;

    /// Whether there is nothing to read.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether all bytes of `range` are there already.
    fn has(&self, _range: &Range<u64>) -> bool {
        true
    }

    /// Fills `buffer` from `offset`. Bytes that are still on their way are waited for; those that will not come are
    /// an error.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;

    /// The bytes from `offset` on, at least one, where they lie in memory anyway; `None` where they must be read. Waits
    /// as [`Self::read_exact_at`] does.
    fn chunk(&self, _offset: u64) -> io::Result<Option<Chunk>> {
        Ok(None)
    }

    /// Told by who goes through it in order: nothing before `until` is read again.
    fn pass(&self, _until: u64) {}
}

/// Unpacks a whole wheel to `dest_tree`, which must not exist, with all threads of `pool`, the largest entries first.
///
/// Whether the bytes have the right sha256 is the caller's to check, and so is the removal of `dest_tree` on failure.
pub fn unpack(
    source: Arc<dyn ReadAt>,
    dest_tree: PathBuf,
    expected: Expected,
    pool: &rayon::ThreadPool,
    task: &Task,
) -> Result<Index, UnpackError> {
    let unpacking = Unpacking::new(source, dest_tree, expected)?;
    let mut order: Vec<(u64, usize)> =
        unpacking.planned().enumerate().map(|(at, planned)| (planned.size, at)).collect();
    order.sort_unstable_by_key(|&(size, at)| (Reverse(size), at));
    let (next, failure) = (AtomicUsize::new(0), OnceLock::new());
    let work = || {
        while failure.get().is_none()
            && let Some(&(_, at)) = order.get(next.fetch_add(1, Ordering::Relaxed))
        {
            if let Err(fault) = unpacking.extract(at, task) {
                // The first failure is told; the others are its company.
                let _ = failure.set(fault);
            }
        }
    };
    pool.scope(|scope| (0..pool.current_num_threads()).for_each(|_| scope.spawn(|_| work())));
    match failure.into_inner() {
        Some(fault) => Err(fault),
        None => unpacking.finish(),
    }
}
