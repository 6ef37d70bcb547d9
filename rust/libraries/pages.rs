//! Small parts of a file that may be large, or hostile: whole pages are read, and not too many.

use std::path::Path;

use crate::fs::{self, File};

const PAGE: u64 = 4096;
/// Pages that are kept at a time.
const KEPT: usize = 32;
/// Pages that are read at most. An object of 100,000 symbols needs a dozen.
const MOST: usize = 1024;
/// The last page that a file can have: offsets are signed numbers to the system.
const LAST: u64 = i64::MAX as u64 / PAGE - 1;
/// The longest name.
const LONGEST: usize = 4096;

/// What can be read at an offset.
pub(super) trait Source {
    /// Fills the buffer from `offset` as far as there are bytes; how many there were.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> fs::Result<usize>;
}

impl Source for &[u8] {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> fs::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|at| self.get(at..)).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}

impl Source for (&File, &Path) {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> fs::Result<usize> {
        fs::read_at(self.0, buffer, offset, self.1)
    }
}

/// The pages that were read last. `None` of every question: it is beyond the end, or was one question too many.
pub(super) struct Pages<S> {
    source: S,
    kept: Vec<(u64, Vec<u8>)>,
    read: usize,
}

impl<S: Source> Pages<S> {
    pub(super) fn new(source: S) -> Self {
        Self { source, kept: Vec::new(), read: 0 }
    }

    /// So many bytes from `offset`.
    pub(super) fn bytes<const N: usize>(&mut self, offset: u64) -> fs::Result<Option<[u8; N]>> {
        let mut bytes = [0; N];
        let mut filled = 0;
        while filled < N {
            let part = self.part(offset.saturating_add(filled as u64))?;
            let count = part.len().min(N - filled);
            if count == 0 {
                return Ok(None);
            }
            bytes[filled..filled + count].copy_from_slice(&part[..count]);
            filled += count;
        }
        Ok(Some(bytes))
    }

    /// The text at `offset` up to a NUL. What is not UTF-8 is replaced.
    pub(super) fn text(&mut self, offset: u64) -> fs::Result<Option<String>> {
        let mut text = Vec::new();
        while text.len() < LONGEST {
            let part = self.part(offset.saturating_add(text.len() as u64))?;
            let end = memchr::memchr(0, part);
            text.extend_from_slice(&part[..end.unwrap_or(part.len())]);
            if end.is_some() {
                return Ok(Some(String::from_utf8_lossy(&text).into_owned()));
            }
            if part.is_empty() {
                break;
            }
        }
        Ok(None)
    }

    /// What of the page that holds `offset` comes from there on; empty beyond the end.
    fn part(&mut self, offset: u64) -> fs::Result<&[u8]> {
        let at = usize::try_from(offset % PAGE).unwrap_or_default();
        Ok(self.page(offset / PAGE)?.get(at..).unwrap_or_default())
    }

    fn page(&mut self, number: u64) -> fs::Result<&[u8]> {
        // The one in use is nearly always the last one.
        if let Some(at) = self.kept.iter().rposition(|(kept, _)| *kept == number) {
            return Ok(&self.kept[at].1);
        }
        if self.read == MOST || number > LAST {
            return Ok(&[]);
        }
        self.read += 1;
        let mut page = vec![0; usize::try_from(PAGE).unwrap_or_default()];
        let count = self.source.read_at(number * PAGE, &mut page)?;
        page.truncate(count);
        if self.kept.len() == KEPT {
            self.kept.remove(0);
        }
        self.kept.push((number, page));
        Ok(self.kept.last().map_or(&[], |(_, page)| page.as_slice()))
    }
}
