//! From an entry's bytes to a file: checked headers, inflated, CRC and SHA-256 on the way.
//!
//! Small entries are read, inflated and written in one piece each; large ones in pieces, reading forward only, so that
//! they can start before their last bytes have arrived and take no more memory than small ones.

use std::cell::RefCell;
use std::path::Path;

use libdeflater::{Crc, DecompressionError, Decompressor};

use crate::digest::{Hasher, Sha256};
use crate::fs::{self, File};
use crate::task::Task;
use crate::unpack::archive::{Entry, Method, usize_of};
use crate::unpack::deflate::{Inflater, PIECE, Status};
use crate::unpack::fault::{Cause, EntryFault};
use crate::unpack::local::{self, LONGEST_DESCRIPTOR};
use crate::unpack::{Chunk, ReadAt};

/// Entries of at most this many bytes, packed and unpacked, are handled in one piece.
const SMALL: u64 = 8 << 20;
/// Bytes of a large entry that are read at once.
const READ: u64 = 256 << 10;

/// What became of an entry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Content {
    pub(crate) sha256: Sha256,
    /// The first bytes of the content, zeros where there are none.
    pub(crate) head: [u8; 8],
}

/// A file to write: where, and with what.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) path: &'a Path,
    pub(crate) mode: u32,
    /// Whether the umask takes bits of `mode` away.
    pub(crate) set_mode: bool,
    /// Seconds since 1970.
    pub(crate) mtime: i64,
}

impl Target<'_> {
    pub(crate) fn create(&self) -> fs::Result<File> {
        fs::create_new(self.path, self.mode)
    }

    pub(crate) fn seal(&self, file: &File) -> fs::Result<()> {
        if self.set_mode {
            fs::set_file_mode(file, self.mode, self.path)?;
        }
        fs::set_file_mtime(file, self.mtime, 0, self.path)
    }
}

/// Buffers that a thread keeps from entry to entry; they grow to [`SMALL`] and a bit, and only once.
struct Scratch {
    packed: Vec<u8>,
    unpacked: Vec<u8>,
    inflater: Decompressor,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch {
        packed: Vec::new(),
        unpacked: Vec::new(),
        inflater: Decompressor::new(),
    });
}

/// The first `len` bytes of a buffer that grows as needed.
fn slice(buffer: &mut Vec<u8>, len: usize) -> &mut [u8] {
    if buffer.len() < len {
        buffer.resize(len, 0);
    }
    &mut buffer[..len]
}

/// Writes an entry to a file that must not exist yet. Its hash is computed unless it is `known`.
pub(crate) fn extract(
    source: &dyn ReadAt,
    entry: &Entry,
    target: Target<'_>,
    known: Option<Sha256>,
    task: &Task,
) -> Result<Content, Cause> {
    if is_small(entry) {
        return whole(source, entry, |content| {
            let mut file = target.create()?;
            fs::write_all(&mut file, content, target.path)?;
            target.seal(&file)?;
            Ok(Content { sha256: known.unwrap_or_else(|| Sha256::of(content)), head: head(content) })
        });
    }
    let mut file = target.create()?;
    let mut hasher = Hasher::new();
    let mut first = [0; 8];
    let mut seen = false;
    Stream { source, entry, task }.run(|piece| {
        if !std::mem::replace(&mut seen, true) {
            first = head(piece);
        }
        if known.is_none() {
            hasher.update(piece);
        }
        fs::write_all(&mut file, piece, target.path)
    })?;
    target.seal(&file)?;
    Ok(Content { sha256: known.unwrap_or_else(|| hasher.finish()), head: first })
}

/// Goes through an entry without writing it.
pub(crate) fn check(source: &dyn ReadAt, entry: &Entry, task: &Task) -> Result<(), Cause> {
    if is_small(entry) {
        return whole(source, entry, |_| Ok(()));
    }
    Stream { source, entry, task }.run(|_| Ok(()))
}

/// The content of an entry, in memory; of at most `limit` bytes.
pub(crate) fn text(source: &dyn ReadAt, entry: &Entry, limit: u64, task: &Task) -> Result<Vec<u8>, Cause> {
    if entry.size > limit || entry.compressed > limit {
        return Err(EntryFault::TextTooLarge(entry.size.max(entry.compressed)).of(&entry.name).into());
    }
    if is_small(entry) {
        return whole(source, entry, |content| Ok(content.to_vec()));
    }
    let mut content = Vec::with_capacity(usize_of(entry.size));
    Stream { source, entry, task }.run(|piece| {
        content.extend_from_slice(piece);
        Ok(())
    })?;
    Ok(content)
}

pub(crate) fn is_small(entry: &Entry) -> bool {
    entry.size <= SMALL && entry.compressed <= SMALL
}

fn head(content: &[u8]) -> [u8; 8] {
    let mut head = [0; 8];
    let len = content.len().min(8);
    head[..len].copy_from_slice(&content[..len]);
    head
}

/// Reads and inflates an entry in one piece, checks it, and gives its content to `take`.
fn whole<T>(
    source: &dyn ReadAt,
    entry: &Entry,
    take: impl FnOnce(&[u8]) -> fs::Result<T>,
) -> Result<T, Cause> {
    SCRATCH.with_borrow_mut(|Scratch { packed, unpacked, inflater }| {
        let span = entry.span();
        let packed = slice(packed, usize_of(span.end - span.start));
        source.read_exact_at(packed, span.start)?;
        let unpacked = slice(unpacked, usize_of(entry.size));
        let content = checked(packed, unpacked, inflater, entry).map_err(|fault| fault.of(&entry.name))?;
        Ok(take(content)?)
    })
}

fn checked<'a>(
    packed: &'a [u8],
    unpacked: &'a mut [u8],
    inflater: &mut Decompressor,
    entry: &Entry,
) -> Result<&'a [u8], EntryFault> {
    let (data, after) = local::split(packed, entry)?;
    let content = match entry.method {
        Method::Stored => data,
        Method::Deflated => match inflater.deflate_decompress(data, unpacked) {
            Ok(written) if written == unpacked.len() => unpacked,
            Ok(_) | Err(DecompressionError::InsufficientSpace) => return Err(EntryFault::Size(entry.size)),
            Err(DecompressionError::BadData) => return Err(EntryFault::Deflate),
        },
    };
    check_crc(libdeflater::crc32(content), entry)?;
    local::check_descriptor(after, entry)?;
    Ok(content)
}

fn check_crc(found: u32, entry: &Entry) -> Result<(), EntryFault> {
    let expected = entry.crc;
    if found == expected { Ok(()) } else { Err(EntryFault::Crc { found, expected }) }
}

/// A large entry, read forward in pieces.
struct Stream<'a> {
    source: &'a dyn ReadAt,
    entry: &'a Entry,
    task: &'a Task,
}

impl Stream<'_> {
    fn run(&self, mut take: impl FnMut(&[u8]) -> fs::Result<()>) -> Result<(), Cause> {
        let start = self.header()?;
        let end = start + self.entry.compressed;
        let mut crc = Crc::new();
        let mut take = |piece: &[u8]| {
            crc.update(piece);
            take(piece)
        };
        match self.entry.method {
            Method::Stored => self.copy(start, end, &mut take)?,
            Method::Deflated => self.inflate(start, end, &mut take)?,
        }
        check_crc(crc.sum(), self.entry).map_err(|fault| self.fault(fault))?;
        self.descriptor(end)
    }

    fn fault(&self, fault: EntryFault) -> Cause {
        fault.of(&self.entry.name).into()
    }

    /// Checks the local header; the offset of the data.
    fn header(&self) -> Result<u64, Cause> {
        let span = self.entry.span();
        let mut bytes = vec![0; usize_of(local::header_bound(self.entry).min(span.end - span.start))];
        self.source.read_exact_at(&mut bytes, span.start)?;
        let len = local::check_header(&bytes, self.entry).map_err(|fault| self.fault(fault))?;
        Ok(span.start + len as u64)
    }

    fn descriptor(&self, end: u64) -> Result<(), Cause> {
        let len = usize_of(self.entry.span().end - end).min(LONGEST_DESCRIPTOR);
        let mut bytes = [0; LONGEST_DESCRIPTOR];
        self.source.read_exact_at(&mut bytes[..len], end)?;
        local::check_descriptor(&bytes[..len], self.entry).map_err(|fault| self.fault(fault))
    }

    /// The next bytes from `at` on, but not beyond `end`: where they lie, or in `buffer`.
    fn read<'b>(&self, buffer: &'b mut Vec<u8>, at: u64, end: u64) -> Result<Input<'b>, Cause> {
        self.task.check()?;
        let most = usize_of((end - at).min(READ));
        let input = if let Some(chunk) = self.source.chunk(at)? {
            let until = chunk.bytes.as_ref().as_ref().len().min(chunk.from + most);
            Input::Lying(chunk, until)
        } else {
            let bytes = slice(buffer, most);
            self.source.read_exact_at(bytes, at)?;
            Input::Read(bytes)
        };
        self.source.pass(at + input.bytes().len() as u64);
        Ok(input)
    }

    fn copy(
        &self,
        mut at: u64,
        end: u64,
        take: &mut dyn FnMut(&[u8]) -> fs::Result<()>,
    ) -> Result<(), Cause> {
        let mut buffer = Vec::new();
        while at < end {
            let input = self.read(&mut buffer, at, end)?;
            take(input.bytes())?;
            at += input.bytes().len() as u64;
        }
        Ok(())
    }

    fn inflate(
        &self,
        mut at: u64,
        end: u64,
        take: &mut dyn FnMut(&[u8]) -> fs::Result<()>,
    ) -> Result<(), Cause> {
        let mut buffer = Vec::new();
        let mut inflater = Inflater::new();
        let mut taken = 0;
        loop {
            let input = self.read(&mut buffer, at, end)?;
            let mut from = 0;
            loop {
                let rest = &input.bytes()[from..];
                let (eaten, status) =
                    inflater.run(rest).map_err(|_damaged| self.fault(EntryFault::Deflate))?;
                from += eaten;
                let new = inflater.new_bytes().len();
                if taken + new as u64 > self.entry.size {
                    return Err(self.fault(EntryFault::Size(self.entry.size)));
                }
                // Whole pieces, as they lie in the file: the kernel has less to do for those.
                let kept = if status == Status::Done {
                    0
                } else {
                    new.min(usize_of((taken + new as u64) % PIECE as u64))
                };
                take(&inflater.new_bytes()[..new - kept])?;
                inflater.keep(kept);
                taken += (new - kept) as u64;
                match status {
                    Status::Done => return self.check_end(at + from as u64, end, taken),
                    Status::Hungry => break,
                    Status::Full => {}
                }
            }
            at += from as u64;
            if at == end {
                return Err(self.fault(EntryFault::Deflate));
            }
        }
    }

    fn check_end(&self, at: u64, end: u64, made: u64) -> Result<(), Cause> {
        if made != self.entry.size {
            return Err(self.fault(EntryFault::Size(self.entry.size)));
        }
        if at < end {
            return Err(self.fault(EntryFault::DeflateTrailing));
        }
        Ok(())
    }
}

/// The next bytes of an entry.
enum Input<'b> {
    /// In memory, up to there.
    Lying(Chunk, usize),
    Read(&'b [u8]),
}

impl Input<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Lying(chunk, until) => &chunk.bytes.as_ref().as_ref()[chunk.from..*until],
            Self::Read(bytes) => bytes,
        }
    }
}
