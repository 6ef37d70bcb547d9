//! The directory of a zip archive, which is the only authority on what is in it (APPNOTE 6.3.10).
//!
//! Sound archives are seamless: entries stand one after the other from the first byte, the directory follows the last
//! one, the end records follow the directory and end the file. What deviates from that would be read in different
//! ways by different readers and is refused. Local headers are compared when their entry is extracted.

use std::ops::Range;

use crate::unpack::ReadAt;
use crate::unpack::ending::{Ending, TAIL, u16_at, u32_at, u64_at};
use crate::unpack::fault::{ArtifactFault, Cause, EntryFault};
use crate::unpack::local::LONGEST_DESCRIPTOR;
use crate::unpack::names::{self, Clash};

const HEADER: &[u8; 4] = b"PK\x01\x02";
const HEADER_LEN: usize = 46;
/// Length of a local header without its name and extra field.
pub(crate) const LOCAL_LEN: usize = 30;
/// The longest extra field and descriptor.
const LONGEST_EXCESS: u64 = (u16::MAX as usize + LONGEST_DESCRIPTOR) as u64;
/// Deflate cannot do better: 258 bytes from two bits (zlib's technical notes).
const BEST_RATIO: u64 = 1032;

pub(crate) const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
pub(crate) const DESCRIPTOR: u16 = 1 << 3;
pub(crate) const UTF8: u16 = 1 << 11;

/// How an entry's data are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// As they are (0).
    Stored,
    /// As a raw deflate stream (8).
    Deflated,
}

/// One entry, as the central directory has it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// A plain relative path; a directory's ends with a slash.
    pub name: String,
    /// Bytes unpacked.
    pub size: u64,
    /// Bytes in the archive.
    pub compressed: u64,
    /// CRC-32 of the content.
    pub crc: u32,
    /// How the data are kept.
    pub method: Method,
    /// Unix mode with the file type, if the entry was made on Unix.
    pub mode: Option<u16>,
    pub(crate) flags: u16,
    pub(crate) raw_name: Box<[u8]>,
    span: Range<u64>,
}

impl Entry {
    /// The archive's bytes from the local header to the next entry: all that is needed to extract this one.
    #[must_use]
    pub fn span(&self) -> Range<u64> {
        self.span.clone()
    }

    /// Whether it is a directory.
    #[must_use]
    pub fn is_dir(&self) -> bool {
        self.name.ends_with('/')
    }

    /// Whether anyone may execute it. Set-user-id, devices and links are of no interest: all entries become plain files.
    #[must_use]
    pub fn is_executable(&self) -> bool {
        self.mode.is_some_and(|mode| mode & 0o111 != 0)
    }
}

/// Bytes that the entries of an archive of `len` bytes may declare together: 1 GiB or a hundredfold, whichever is more.
///
/// Real wheels grow 2 to 10 times. Deflate could grow 1032 times, and no entry can more often than once, as overlaps
/// are refused; so this bounds the work and the disk space by what was fetched.
#[must_use]
pub fn unpacked_limit(len: u64) -> u64 {
    len.saturating_mul(100).max(1 << 30)
}

/// An archive whose directory has been read and found consistent.
#[derive(Debug, Clone)]
pub struct Archive {
    /// In the order of the directory.
    pub entries: Vec<Entry>,
}

impl Archive {
    /// Reads the directory, and nothing before it. See [`super::tail_needed`] for how much that is.
    pub fn open(source: &dyn ReadAt) -> Result<Self, Cause> {
        let len = source.len();
        let tail = read_tail(source, TAIL.min(len))?;
        let ending = Ending::find(&tail, len)?;
        let needed = len - ending.directory;
        let tail = if needed > tail.len() as u64 { read_tail(source, needed)? } else { tail };
        let start = tail.len() - usize_of(needed);
        let directory = &tail[start..start + usize_of(ending.directory_len)];
        Ok(Self::parse(directory, ending, len)?)
    }

    fn parse(directory: &[u8], ending: Ending, len: u64) -> Result<Self, ArtifactFault> {
        let mut entries = Vec::new();
        let mut at = 0;
        while at < directory.len() {
            let damaged = || ArtifactFault::DirectorySyntax(ending.directory + at as u64);
            let header = Header::new(&directory[at..]).ok_or_else(damaged)?;
            entries.push(header.entry()?);
            at += header.len();
        }
        if entries.len() as u64 != ending.entries {
            return Err(ArtifactFault::DirectoryCount(ending.entries));
        }
        check_total(&entries, len)?;
        lay_out(&mut entries, ending.directory)?;
        check_names(&entries)?;
        Ok(Self { entries })
    }
}

fn read_tail(source: &dyn ReadAt, len: u64) -> std::io::Result<Vec<u8>> {
    let mut tail = vec![0; usize_of(len)];
    source.read_exact_at(&mut tail, source.len() - len)?;
    Ok(tail)
}

/// Of a number that a limit above keeps small.
pub(crate) fn usize_of(number: u64) -> usize {
    usize::try_from(number).expect("limited above")
}

fn check_total(entries: &[Entry], len: u64) -> Result<(), ArtifactFault> {
    let claimed = entries.iter().fold(0_u64, |sum, entry| sum.saturating_add(entry.size));
    let limit = unpacked_limit(len);
    if claimed > limit { Err(ArtifactFault::Bomb { claimed, limit }) } else { Ok(()) }
}

/// Ends each span where the next one begins; the last one ends at the directory.
fn lay_out(entries: &mut [Entry], directory: u64) -> Result<(), ArtifactFault> {
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|&at| entries[at].span.start);
    if order.first().map_or(directory, |&first| entries[first].span.start) != 0 {
        return Err(ArtifactFault::PrefixedData);
    }
    if let Some(&last) = order.last().filter(|&&last| entries[last].span.start >= directory) {
        return Err(EntryFault::LocalMissing.of(&entries[last].name));
    }
    for (rank, &at) in order.iter().enumerate() {
        let end = order.get(rank + 1).map_or(directory, |&next| entries[next].span.start);
        let entry = &mut entries[at];
        entry.span.end = end;
        let least = (LOCAL_LEN + entry.raw_name.len()) as u64;
        let room = end.checked_sub(entry.span.start).and_then(|room| room.checked_sub(least));
        match room.and_then(|room| room.checked_sub(entry.compressed)) {
            None => return Err(EntryFault::Overlap.of(&entry.name)),
            Some(rest) if rest > LONGEST_EXCESS => {
                return Err(EntryFault::Gap.of(&entry.name));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

fn check_names(entries: &[Entry]) -> Result<(), ArtifactFault> {
    let paths: Vec<(&str, bool)> =
        entries.iter().map(|entry| (entry.name.trim_end_matches('/'), entry.is_dir())).collect();
    match names::find_clash(&paths) {
        None => Ok(()),
        Some(Clash::Same(_, at)) => Err(EntryFault::Duplicate.of(&entries[at].name)),
        Some(Clash::FileAndDirectory(at)) => Err(EntryFault::FileAndDirectory.of(&entries[at].name)),
    }
}

/// A directory header with its name, extra field and comment.
struct Header<'a> {
    fixed: &'a [u8],
    name: &'a [u8],
    extra: &'a [u8],
    comment: usize,
}

impl<'a> Header<'a> {
    fn new(bytes: &'a [u8]) -> Option<Self> {
        let (fixed, rest) = bytes.split_at_checked(HEADER_LEN)?;
        if !fixed.starts_with(HEADER) {
            return None;
        }
        let (name, rest) = rest.split_at_checked(u16_at(fixed, 28).into())?;
        let (extra, rest) = rest.split_at_checked(u16_at(fixed, 30).into())?;
        let comment = usize::from(u16_at(fixed, 32));
        (comment <= rest.len()).then_some(Self { fixed, name, extra, comment })
    }

    fn len(&self) -> usize {
        HEADER_LEN + self.name.len() + self.extra.len() + self.comment
    }

    fn entry(&self) -> Result<Entry, ArtifactFault> {
        let lossy = || String::from_utf8_lossy(self.name).into_owned();
        self.checked().map_err(|fault| fault.of(&lossy()))
    }

    fn checked(&self) -> Result<Entry, EntryFault> {
        let flags = u16_at(self.fixed, 8);
        let name = names::decode(self.name, flags & UTF8 != 0)?;
        names::check(&name)?;
        let extra = Extra::parse(self.extra)?;
        extra.check_name(&name)?;
        if flags & ENCRYPTED != 0 {
            return Err(EntryFault::Encrypted);
        }
        let [size, compressed, start] =
            extra.widen([u32_at(self.fixed, 24), u32_at(self.fixed, 20), u32_at(self.fixed, 42)])?;
        if u16_at(self.fixed, 34) != 0 {
            return Err(EntryFault::MultiDisk);
        }
        let made_on_unix = self.fixed[5] == 3;
        let entry = Entry {
            size,
            compressed,
            crc: u32_at(self.fixed, 16),
            method: method(u16_at(self.fixed, 10))?,
            mode: made_on_unix.then(|| u16_at(self.fixed, 40)),
            flags,
            raw_name: self.name.into(),
            span: start..start,
            name,
        };
        check_sizes(&entry)?;
        Ok(entry)
    }
}

pub(crate) fn method(number: u16) -> Result<Method, EntryFault> {
    match number {
        0 => Ok(Method::Stored),
        8 => Ok(Method::Deflated),
        other => Err(EntryFault::Method(other)),
    }
}

fn check_sizes(entry: &Entry) -> Result<(), EntryFault> {
    let Entry { size, compressed, method, .. } = *entry;
    let possible = match method {
        Method::Stored => size == compressed,
        Method::Deflated => compressed > 0 && size <= compressed.saturating_mul(BEST_RATIO),
    };
    if !possible {
        return Err(EntryFault::Ratio { compressed, size });
    }
    if entry.is_dir() && size > 0 {
        return Err(EntryFault::DirectoryContent);
    }
    Ok(())
}

/// The extra fields that matter: zip64 sizes (0x0001) and the Unicode path (0x7075).
#[derive(Default)]
pub(crate) struct Extra<'a> {
    zip64: Option<&'a [u8]>,
    unicode_path: Option<&'a [u8]>,
}

impl<'a> Extra<'a> {
    pub(crate) fn parse(mut bytes: &'a [u8]) -> Result<Self, EntryFault> {
        let mut extra = Self::default();
        // Fewer than four bytes are padding, as some aligning writers leave it.
        while bytes.len() >= 4 {
            let (head, rest) = bytes.split_at(4);
            let (data, rest) = rest.split_at_checked(u16_at(head, 2).into()).ok_or(EntryFault::Extra)?;
            let twice = match u16_at(head, 0) {
                0x0001 => extra.zip64.replace(data).is_some(),
                0x7075 => extra.unicode_path.replace(data).is_some(),
                _ => false,
            };
            if twice {
                return Err(EntryFault::Extra);
            }
            bytes = rest;
        }
        Ok(extra)
    }

    /// Replaces each full 32-bit number by the next one of the zip64 field.
    ///
    /// The field holds those and no others; but some writers (Bazel's) also repeat there what the header says in full,
    /// and some (rattler-build's) have zeros there where the header says all.
    pub(crate) fn widen<const N: usize>(&self, short: [u32; N]) -> Result<[u64; N], EntryFault> {
        let Some(field) = self.zip64 else { return Ok(short.map(u64::from)) };
        if !field.len().is_multiple_of(8) {
            return Err(EntryFault::Extra);
        }
        let is_full = |short: &u32| *short == u32::MAX;
        let none_full = !short.iter().any(is_full);
        let only_full = field.len() / 8 == short.iter().filter(|short| is_full(short)).count();
        let mut numbers = field.chunks_exact(8).map(|number| u64_at(number, 0));
        let mut wide = short.map(u64::from);
        for (wide, short) in wide.iter_mut().zip(&short) {
            if only_full && !is_full(short) {
                continue;
            }
            match numbers.next() {
                Some(number) if is_full(short) || number == *wide => *wide = number,
                Some(0) if none_full => {}
                None if !is_full(short) => {}
                _ => return Err(EntryFault::Extra),
            }
        }
        if numbers.next().is_none() { Ok(wide) } else { Err(EntryFault::Extra) }
    }

    /// A second name, for readers that know the field, must be the same one.
    fn check_name(&self, name: &str) -> Result<(), EntryFault> {
        // One byte version, four bytes CRC of the other name, then UTF-8.
        let Some(other) = self.unicode_path else { return Ok(()) };
        let other = String::from_utf8_lossy(other.get(5..).ok_or(EntryFault::Extra)?);
        if other == name { Ok(()) } else { Err(EntryFault::NameTwice(other.into_owned())) }
    }
}
