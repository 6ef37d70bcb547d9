//! What an earlier boot left of an environment: as it was published, damaged, or changed by somebody.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::error::Result;
use crate::fs;
use crate::prefix::manifest::Manifest;
use crate::prefix::state::State;
use crate::task::Task;
use crate::verify::{Fault, Finding, verify, walk};

/// What was found. Both may be true.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Health {
    /// Files are missing, cut short, or zeros: writes that never reached the disk. So are files of the store's.
    pub damaged: bool,
    /// Files are other than published in a way that only somebody's work explains.
    pub edited: bool,
}

/// Blocks of file systems are multiples of this. Bytes.
const BLOCK: usize = 512;

impl Health {
    /// Hashes all of the environment at `prefix`; changes nothing. Runs on the calling rayon pool.
    pub fn of(prefix: &Path, task: &Task) -> Result<Self> {
        let findings = verify(prefix, true, task)?;
        let Some(manifest) = Manifest::read(prefix)? else {
            // Nothing can be compared. That the folders' times are as published says that nobody came.
            return Ok(Self { damaged: true, edited: State::read(prefix).is_none() });
        };
        let generated: HashSet<&str> = manifest.generated.iter().map(|file| file.path.as_str()).collect();
        // Without its index, an artifact's files belong to nobody.
        let is_blind = findings.iter().any(|it| it.fault == Fault::Record && it.path.contains("/index/"));
        let published = time(&State::path(prefix)).ok();
        let mut health = Self::default();
        for finding in &findings {
            let is_lost = match finding.fault {
                Fault::Missing | Fault::Record => true,
                Fault::Unexpected => is_blind,
                Fault::Mode | Fault::Time => false,
                Fault::Size | Fault::Content => {
                    let is_cut = finding.fault == Fault::Size && generated.contains(finding.path.as_str());
                    is_lost(&prefix.join(&finding.path), is_cut, published)
                }
            };
            *(if is_lost { &mut health.damaged } else { &mut health.edited }) = true;
        }
        Ok(health)
    }
}

/// Whether somebody has worked in the environment at `prefix`: there are files that nobody published, of another size or
/// mode, or newer than its state. Reads no file's content. Runs on the calling rayon pool.
pub fn is_touched(prefix: &Path, task: &Task) -> Result<bool> {
    let is_work = |finding: &Finding| !matches!(finding.fault, Fault::Missing | Fault::Record);
    if verify(prefix, false, task)?.iter().any(is_work) {
        return Ok(true);
    }
    let published = time(&State::path(prefix))?;
    for (_, path) in walk(prefix, task)? {
        if time(&path)? > published {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether power loss, rather than somebody, explains a file of other bytes. What was written after the state is
/// somebody's, be it full of zeros as a compiled extension is.
fn is_lost(path: &Path, is_cut: bool, published: Option<Moment>) -> bool {
    let Ok(meta) = fs::symlink_metadata(path) else { return true };
    let is_the_stores = meta.nlink() > 1;
    let is_newer = published.is_some_and(|published| moment(&meta) > published);
    is_the_stores || !is_newer && (is_cut || fs::read(path).is_ok_and(|content| has_zeros(&content)))
}

/// Seconds since 1970, and nanoseconds.
type Moment = (i64, i64);

fn moment(meta: &fs::Metadata) -> Moment {
    (meta.mtime(), meta.mtime_nsec())
}

fn time(path: &Path) -> fs::Result<Moment> {
    fs::symlink_metadata(path).map(|meta| moment(&meta))
}

/// Empty, all zeros, or with a whole block of them.
fn has_zeros(content: &[u8]) -> bool {
    let is_zero = |block: &[u8]| block.iter().all(|&byte| byte == 0);
    is_zero(content) || content.chunks_exact(BLOCK).any(is_zero)
}
