//! What a shared object says to the dynamic loader: its name, what it needs and where to look for that.
//!
//! The program headers lead to the dynamic section and that to all else, as for the loader itself: sections may be
//! stripped. Only objects of this processor are read. The format: the System V ABI, chapter 5, and the Linux Standard
//! Base, "Symbol Versioning". Objects come from archives, which are hostile: every number is checked, every loop bounded.

use std::path::Path;

use super::pages::{Pages, Source};
use crate::fs;

const MACHINE: u16 = if cfg!(target_arch = "aarch64") { 183 } else { 62 };
const PROGRAM_HEADER: u64 = 56;
const DYNAMIC_ENTRY: u64 = 16;
/// Segments, dynamic entries, libraries and versions at most; real objects have a tenth of it.
const MOST: u64 = 4096;

const LOAD: u32 = 1;
const DYNAMIC: u32 = 2;

const NEEDED: u64 = 1;
const STRING_TABLE: u64 = 5;
const STRING_SIZE: u64 = 10;
const SONAME: u64 = 14;
const RPATH: u64 = 15;
const RUNPATH: u64 = 29;
const DEFINED: u64 = 0x6fff_fffc;
const DEFINED_COUNT: u64 = 0x6fff_fffd;
const WANTED: u64 = 0x6fff_fffe;
const WANTED_COUNT: u64 = 0x6fff_ffff;

/// Of a version definition: it names the object itself.
const IS_BASE: u16 = 1;
/// Of a wanted version: the loader does without.
const IS_WEAK: u16 = 2;

/// A shared object, or a program.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Object {
    /// By which others need it; none if it has no such name.
    pub soname: Option<String>,
    /// The libraries that it needs, by soname.
    pub needed: Vec<String>,
    /// Folders to look in before all others, for it and for what it loads.
    pub rpath: Vec<String>,
    /// Folders to look in after `LD_LIBRARY_PATH`, for itself; where it has any, `rpath` does not count.
    pub runpath: Vec<String>,
    /// Versions of symbols (`GLIBC_2.34`) that it wants, each with the library that must define it.
    pub wanted: Vec<(String, String)>,
    /// Versions of symbols that it defines.
    pub defined: Vec<String>,
}

/// Reads the file; none if it is no object of this processor, or is damaged.
pub fn read(path: &Path) -> fs::Result<Option<Object>> {
    // A pipe of this name would never be opened.
    if !fs::metadata(path)?.is_file() {
        return Ok(None);
    }
    let file = fs::open(path)?;
    Reader { pages: Pages::new((&file, path)) }.object()
}

/// The same of bytes.
#[must_use]
pub fn parse(bytes: &[u8]) -> Option<Object> {
    Reader { pages: Pages::new(bytes) }.object().ok().flatten()
}

struct Reader<S> {
    pages: Pages<S>,
}

/// A part of the file that stands in memory: its address there, its offset and its size.
struct Segment {
    address: u64,
    offset: u64,
    size: u64,
}

/// What the dynamic section says, before names are looked up.
#[derive(Default)]
struct Dynamic {
    entries: Vec<(u64, u64)>,
}

impl Dynamic {
    fn first(&self, tag: u64) -> Option<u64> {
        self.entries.iter().find(|(found, _)| *found == tag).map(|(_, value)| *value)
    }

    fn all(&self, tag: u64) -> impl Iterator<Item = u64> {
        self.entries.iter().filter(move |(found, _)| *found == tag).map(|(_, value)| *value)
    }
}

/// `None` of any step: the object is damaged.
macro_rules! some {
    ($question:expr) => {
        match $question {
            Some(answer) => answer,
            None => return Ok(None),
        }
    };
}

impl<S: Source> Reader<S> {
    fn object(&mut self) -> fs::Result<Option<Object>> {
        let (table, count) = some!(self.header()?);
        let mut loads = Vec::new();
        let mut dynamic = None;
        for at in 0..u64::from(count) {
            let header = some!(table.checked_add(at * PROGRAM_HEADER));
            let kind = some!(self.u32(header)?);
            let segment = some!(self.segment(header)?);
            match kind {
                LOAD => loads.push(segment),
                DYNAMIC => dynamic = Some(segment),
                _ => {}
            }
        }
        // A program that is linked statically has none, and needs nothing.
        let Some(dynamic) = dynamic else { return Ok(Some(Object::default())) };
        let dynamic = some!(self.dynamic(&dynamic)?);
        self.names(&dynamic, &loads)
    }

    /// Where the program headers are, and how many.
    fn header(&mut self) -> fs::Result<Option<(u64, u16)>> {
        let ident: [u8; 6] = some!(self.pages.bytes(0)?);
        // 64 bits, little-endian
        if ident != *b"\x7fELF\x02\x01" || self.u16(18)? != Some(MACHINE) {
            return Ok(None);
        }
        let size = some!(self.u16(54)?);
        let count = some!(self.u16(56)?);
        let table = some!(self.u64(32)?);
        let fits = u64::from(size) == PROGRAM_HEADER && u64::from(count) <= MOST;
        Ok(fits.then_some((table, count)))
    }

    fn segment(&mut self, header: u64) -> fs::Result<Option<Segment>> {
        let offset = some!(self.u64(header.saturating_add(8))?);
        let address = some!(self.u64(header.saturating_add(16))?);
        let size = some!(self.u64(header.saturating_add(32))?);
        Ok(Some(Segment { address, offset, size }))
    }

    fn dynamic(&mut self, segment: &Segment) -> fs::Result<Option<Dynamic>> {
        let mut found = Dynamic::default();
        for at in 0..(segment.size / DYNAMIC_ENTRY).min(MOST) {
            let entry = some!(segment.offset.checked_add(at * DYNAMIC_ENTRY));
            let tag = some!(self.u64(entry)?);
            if tag == 0 {
                return Ok(Some(found));
            }
            found.entries.push((tag, some!(self.u64(entry.saturating_add(8))?)));
        }
        Ok(None)
    }

    fn names(&mut self, dynamic: &Dynamic, loads: &[Segment]) -> fs::Result<Option<Object>> {
        let strings = Strings {
            offset: some!(dynamic.first(STRING_TABLE).and_then(|at| place(loads, at))),
            size: some!(dynamic.first(STRING_SIZE)),
        };
        let mut object = Object::default();
        if let Some(at) = dynamic.first(SONAME) {
            object.soname = Some(some!(self.name(&strings, at)?));
        }
        for at in dynamic.all(NEEDED) {
            object.needed.push(some!(self.name(&strings, at)?));
        }
        for (tag, folders) in [(RPATH, &mut object.rpath), (RUNPATH, &mut object.runpath)] {
            if let Some(at) = dynamic.first(tag) {
                let path = some!(self.name(&strings, at)?);
                folders.extend(path.split(':').filter(|folder| !folder.is_empty()).map(str::to_owned));
            }
        }
        let table = |tag, count| Some((place(loads, dynamic.first(tag)?)?, dynamic.first(count)?.min(MOST)));
        if let Some((at, count)) = table(WANTED, WANTED_COUNT) {
            object.wanted = some!(self.wanted(&strings, at, count)?);
        }
        if let Some((at, count)) = table(DEFINED, DEFINED_COUNT) {
            object.defined = some!(self.defined(&strings, at, count)?);
        }
        Ok(Some(object))
    }

    /// A list for each library, of lists for each version.
    fn wanted(
        &mut self,
        strings: &Strings,
        at: u64,
        count: u64,
    ) -> fs::Result<Option<Vec<(String, String)>>> {
        let (mut found, mut at, mut left) = (Vec::new(), at, MOST);
        for _ in 0..count {
            let versions = some!(self.u16(at.saturating_add(2))?);
            let library = u64::from(some!(self.u32(at.saturating_add(4))?));
            let library = some!(self.name(strings, library)?);
            let mut version = at.saturating_add(u64::from(some!(self.u32(at.saturating_add(8))?)));
            for _ in 0..versions {
                left = some!(left.checked_sub(1));
                let flags = some!(self.u16(version.saturating_add(4))?);
                let name = u64::from(some!(self.u32(version.saturating_add(8))?));
                if flags & IS_WEAK == 0 {
                    found.push((library.clone(), some!(self.name(strings, name)?)));
                }
                version = version.saturating_add(u64::from(some!(self.u32(version.saturating_add(12))?)));
            }
            at = at.saturating_add(u64::from(some!(self.u32(at.saturating_add(12))?)));
        }
        Ok(Some(found))
    }

    fn defined(&mut self, strings: &Strings, at: u64, count: u64) -> fs::Result<Option<Vec<String>>> {
        let (mut found, mut at) = (Vec::new(), at);
        for _ in 0..count {
            let flags = some!(self.u16(at.saturating_add(2))?);
            let first = at.saturating_add(u64::from(some!(self.u32(at.saturating_add(12))?)));
            let name = u64::from(some!(self.u32(first)?));
            if flags & IS_BASE == 0 {
                found.push(some!(self.name(strings, name)?));
            }
            at = at.saturating_add(u64::from(some!(self.u32(at.saturating_add(16))?)));
        }
        Ok(Some(found))
    }

    fn name(&mut self, strings: &Strings, at: u64) -> fs::Result<Option<String>> {
        let offset = some!(strings.offset.checked_add(at).filter(|_| at < strings.size));
        let name = some!(self.pages.text(offset)?);
        // They are shown, and become lines of a lock.
        Ok(Some(name).filter(|name| !name.chars().any(char::is_control)))
    }

    fn u16(&mut self, at: u64) -> fs::Result<Option<u16>> {
        Ok(self.pages.bytes(at)?.map(u16::from_le_bytes))
    }

    fn u32(&mut self, at: u64) -> fs::Result<Option<u32>> {
        Ok(self.pages.bytes(at)?.map(u32::from_le_bytes))
    }

    fn u64(&mut self, at: u64) -> fs::Result<Option<u64>> {
        Ok(self.pages.bytes(at)?.map(u64::from_le_bytes))
    }
}

struct Strings {
    offset: u64,
    size: u64,
}

/// Where in the file an address of memory is.
fn place(loads: &[Segment], address: u64) -> Option<u64> {
    let within = |it: &&Segment| address.checked_sub(it.address).is_some_and(|at| at < it.size);
    let segment = loads.iter().find(within)?;
    segment.offset.checked_add(address - segment.address)
}
