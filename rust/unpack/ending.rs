//! Where a zip archive's central directory is, from the last bytes of the file (APPNOTE 6.3.10, 4.3.14 to 4.3.16).

use memchr::memmem;

use crate::unpack::fault::ArtifactFault;

const END: &[u8; 4] = b"PK\x05\x06";
const END_LEN: usize = 22;
const LOCATOR: &[u8; 4] = b"PK\x06\x07";
const LOCATOR_LEN: usize = 20;
const END64: &[u8; 4] = b"PK\x06\x06";
const END64_LEN: usize = 56;

/// Bytes at the end of the file that are always looked at: the longest comment, and all end records.
pub const TAIL: u64 = TAIL_LEN as u64;
const TAIL_LEN: usize = u16::MAX as usize + END_LEN + LOCATOR_LEN + END64_LEN;

/// The largest directory that is read, in bytes: some 500,000 entries, where the largest wheels have 30,000.
pub const LARGEST_DIRECTORY: u64 = 64 << 20;

/// What the end records say; checked to fit the file's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// Offset of the central directory.
    pub directory: u64,
    /// Its bytes.
    pub directory_len: u64,
    /// Its entries.
    pub entries: u64,
}

/// How many of the file's last bytes [`super::Archive::open`] reads, given the last bytes of a file of `len` bytes.
///
/// With fewer than [`TAIL`] bytes at hand the answer is [`TAIL`] (or all of the file): ask again with those.
pub fn tail_needed(tail: &[u8], len: u64) -> Result<u64, ArtifactFault> {
    let least = TAIL.min(len);
    if (tail.len() as u64) < least {
        return Ok(least);
    }
    Ok(least.max(len - Ending::find(tail, len)?.directory))
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

impl Ending {
    /// Finds the end records in `tail`, the last [`TAIL`] bytes or more of a file of `len` bytes.
    pub fn find(tail: &[u8], len: u64) -> Result<Self, ArtifactFault> {
        let window = &tail[tail.len().saturating_sub(TAIL_LEN)..];
        let at = find_end(window)?;
        let end = &window[at..at + END_LEN];
        let (this_disk, directory_disk) = (u16_at(end, 4), u16_at(end, 6));
        let (here, entries) = (u16_at(end, 8), u16_at(end, 10));
        if this_disk != directory_disk || !matches!(this_disk, 0 | u16::MAX) || here != entries {
            return Err(ArtifactFault::MultiDisk);
        }
        let short = Self {
            directory: u64::from(u32_at(end, 16)),
            directory_len: u64::from(u32_at(end, 12)),
            entries: u64::from(entries),
        };
        let base = len - window.len() as u64;
        let (ending, records) = match zip64(&window[..at], base, short)? {
            Some(long) => (long, base + (at - LOCATOR_LEN - END64_LEN) as u64),
            None if this_disk == 0 => (short, base + at as u64),
            None => return Err(ArtifactFault::MultiDisk),
        };
        ending.check(records)
    }

    /// The directory must end where the end `records` begin.
    fn check(self, records: u64) -> Result<Self, ArtifactFault> {
        if self.directory.checked_add(self.directory_len) != Some(records) {
            return Err(ArtifactFault::DirectoryPlace);
        }
        if self.directory_len > LARGEST_DIRECTORY {
            return Err(ArtifactFault::DirectoryTooLarge(self.directory_len));
        }
        if self.entries > self.directory_len / 46 {
            return Err(ArtifactFault::DirectoryCount(self.entries));
        }
        Ok(self)
    }
}

/// The one end record whose comment reaches exactly to the end of the file.
fn find_end(window: &[u8]) -> Result<usize, ArtifactFault> {
    let signatures: Vec<usize> =
        memmem::find_iter(window, END).filter(|at| at + END_LEN <= window.len()).collect();
    let ends_file = |at: usize| at + END_LEN + usize::from(u16_at(window, at + 20)) == window.len();
    let mut ends = signatures.iter().copied().filter(|&at| ends_file(at));
    let Some(end) = ends.next() else {
        let none = signatures.is_empty();
        return Err(if none { ArtifactFault::NotAZip } else { ArtifactFault::TrailingData });
    };
    // Another one, whether it fits or stands in the comment, is what some readers would take.
    if ends.next().is_some() || signatures.last() != Some(&end) {
        return Err(ArtifactFault::TwoEnds);
    }
    Ok(end)
}

/// The zip64 end record, if there is a locator in front of the end record. `window` ends at the end record and begins
/// at `base` of the file.
fn zip64(window: &[u8], base: u64, short: Ending) -> Result<Option<Ending>, ArtifactFault> {
    let Some(at) = window.len().checked_sub(LOCATOR_LEN).filter(|&at| window[at..].starts_with(LOCATOR))
    else {
        return Ok(None);
    };
    let fault = |what| Err(ArtifactFault::Zip64End(what));
    let (locator, before) = (&window[at..], &window[..at]);
    if u32_at(locator, 4) != 0 || u32_at(locator, 16) > 1 {
        return Err(ArtifactFault::MultiDisk);
    }
    let Some(start) = at.checked_sub(END64_LEN) else { return fault("missing") };
    let record = &before[start..];
    if !record.starts_with(END64) || u64_at(locator, 8) != base + start as u64 {
        return fault("not where its locator says, or with data of its own");
    }
    if u64_at(record, 4) != (END64_LEN - 12) as u64 {
        return fault("of a wrong length");
    }
    let (here, entries) = (u64_at(record, 24), u64_at(record, 32));
    if u32_at(record, 16) != 0 || u32_at(record, 20) != 0 || here != entries {
        return Err(ArtifactFault::MultiDisk);
    }
    let long = Ending { directory: u64_at(record, 48), directory_len: u64_at(record, 40), entries };
    let agree = |short: u64, long: u64, full: u64| short == full || short == long;
    let wide = u64::from(u32::MAX);
    let same = agree(short.directory, long.directory, wide)
        && agree(short.directory_len, long.directory_len, wide)
        && agree(short.entries, long.entries, u64::from(u16::MAX));
    if same { Ok(Some(long)) } else { fault("disagrees with the end of central directory") }
}
