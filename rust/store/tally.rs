//! Bytes on disk, each file counted once, however many names it has.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::fs;
use crate::task::{Cancelled, Task};

/// What was counted so far.
#[derive(Debug, Default)]
pub struct Tally {
    /// Names that were seen of each file, by device and inode.
    seen: HashMap<(u64, u64), u64>,
}

impl Tally {
    /// Bytes of blocks at and below `path` that were not counted before. What goes away meanwhile counts nothing.
    pub fn add(&mut self, path: &Path, task: &Task) -> Result<u64, Cancelled> {
        task.check()?;
        let Ok(meta) = fs::symlink_metadata(path) else { return Ok(0) };
        let names = self.seen.entry((meta.dev(), meta.ino())).or_default();
        *names += 1;
        let mut bytes = if *names == 1 { meta.blocks() * 512 } else { 0 };
        if meta.is_dir() {
            for inner in fs::read_dir(path).unwrap_or_default() {
                bytes += self.add(&inner, task)?;
            }
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_two_names_counts_once() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        fs::write_new(&one, &vec![7; 100_000], 0o600).unwrap();
        let mut tally = Tally::default();
        let bytes = tally.add(&one, &Task::default()).unwrap();
        assert!(bytes >= 100_000);
        fs::hard_link(&one, &two).unwrap();
        assert_eq!(tally.add(&two, &Task::default()).unwrap(), 0);
        assert_eq!(tally.add(&folder.path().join("none"), &Task::default()).unwrap(), 0);
    }
}
