//! The bytes of an archive, unpacked while they arrive: read forward only, and waited for by the source.

use std::fmt;
use std::io::{self, BufReader, Read};
use std::ops::Range;

use libdeflater::Crc;

use crate::conda::bzip2;
use crate::conda::fault::CondaFault;
use crate::task::Task;
use crate::unpack::ReadAt;
use crate::unpack::archive::{Entry, usize_of};
use crate::unpack::fault::{Cause, EntryFault};
use crate::unpack::local::{self, LONGEST_DESCRIPTOR};

/// Bytes read at once.
const PIECE: usize = 128 << 10;

/// A fault of reading on its way through a decoder, which knows `io::Error` only.
#[derive(Debug)]
pub(crate) struct Broken(Cause);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Broken {}

impl Broken {
    fn error(cause: impl Into<Cause>) -> io::Error {
        io::Error::other(Self(cause.into()))
    }

    /// What came out of a decoder: a fault of reading if it was one, else of the data.
    pub(crate) fn cause(fault: io::Error, codec: &'static str) -> Cause {
        match fault.downcast::<Self>() {
            Ok(Self(cause)) => cause,
            Err(fault) => CondaFault::Compressed { codec, fault: fault.to_string() }.into(),
        }
    }
}

/// A part of the source, read forward.
struct Forward<'a> {
    source: &'a dyn ReadAt,
    left: Range<u64>,
    task: &'a Task,
}

impl Read for Forward<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.task.check().map_err(Broken::error)?;
        let count = usize_of((self.left.end - self.left.start).min(buffer.len() as u64));
        self.source.read_exact_at(&mut buffer[..count], self.left.start).map_err(Broken::error)?;
        self.left.start += count as u64;
        Ok(count)
    }
}

/// What a `.tar.bz2` unpacks to.
pub(crate) fn bzip2<'a>(source: &'a dyn ReadAt, task: &'a Task) -> impl Read + 'a {
    let forward = Forward { source, left: 0..source.len(), task };
    bzip2::Reader::new(forward)
}

/// What a stored entry of a zip archive unpacks to, which is zstd. It ends well only if the CRC is right, and
/// what stands around the data.
pub(crate) fn zstd<'a>(
    source: &'a dyn ReadAt,
    entry: &'a Entry,
    task: &'a Task,
) -> Result<impl Read + 'a, Cause> {
    let (span, mut header) = (entry.span(), Vec::new());
    header.resize(usize_of(local::header_bound(entry).min(span.end - span.start)), 0);
    source.read_exact_at(&mut header, span.start)?;
    let len = local::check_header(&header, entry).map_err(|fault| fault.of(&entry.name))?;
    let start = span.start + len as u64;
    let forward = Forward { source, left: start..start + entry.compressed, task };
    let stored = Stored { forward, entry, crc: Crc::new() };
    let buffered = BufReader::with_capacity(PIECE, stored);
    zstd::stream::read::Decoder::with_buffer(buffered).map_err(|fault| Broken::cause(fault, "zstd"))
}

/// The data of an entry that is stored.
struct Stored<'a> {
    forward: Forward<'a>,
    entry: &'a Entry,
    crc: Crc,
}

impl Stored<'_> {
    /// Once all data are read.
    fn check(&self) -> Result<(), Cause> {
        let of = |fault: EntryFault| Cause::from(fault.of(&self.entry.name));
        let (found, expected) = (self.crc.sum(), self.entry.crc);
        if found != expected {
            return Err(of(EntryFault::Crc { found, expected }));
        }
        let end = self.forward.left.end;
        let len = usize_of(self.entry.span().end - end).min(LONGEST_DESCRIPTOR);
        let mut bytes = [0; LONGEST_DESCRIPTOR];
        self.forward.source.read_exact_at(&mut bytes[..len], end)?;
        local::check_descriptor(&bytes[..len], self.entry).map_err(of)
    }
}

impl Read for Stored<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.forward.read(buffer)?;
        self.crc.update(&buffer[..count]);
        if count == 0 && !buffer.is_empty() {
            self.check().map_err(Broken::error)?;
        }
        Ok(count)
    }
}
