//! A tar archive read forward, member by member: ustar, pax and GNU's long names (POSIX.1-2017 pax; GNU tar manual).
//!
//! A reader of our own, since it has to refuse more than it reads: whatever two readers could take in two ways, or
//! none needs, is an error. Nothing is looked for beyond names, types, sizes, the executable bit and times.

use std::io::{self, Read};

use crate::conda::fault::{CondaFault, MemberFault};
use crate::conda::stream::Broken;
use crate::unpack::fault::Cause;
use crate::unpack::names;

const BLOCK: usize = 512;
/// The longest extended header or long name, in bytes; real ones have some hundred.
const LONGEST_EXTENSION: u64 = 1 << 20;

/// What a member is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
    /// With what it says.
    Symlink(String),
    /// With the path of the member that it shares its content with.
    Hardlink(String),
}

/// One member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    /// A plain relative path without a final slash.
    pub(crate) path: String,
    pub(crate) kind: Kind,
    /// Bytes of content, of files only.
    pub(crate) size: u64,
    pub(crate) executable: bool,
    /// Seconds since 1970.
    pub(crate) mtime: i64,
}

/// A tar archive in a stream.
pub(crate) struct Reader<R> {
    stream: R,
    codec: &'static str,
    /// Bytes of the unpacked archive that were read.
    at: u64,
    /// How many may be read.
    limit: u64,
    /// Content of the last member that was not read, and the filling after it.
    left: u64,
    filling: u64,
}

/// What headers before a member say of it.
#[derive(Default)]
struct Extension {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    mtime: Option<i64>,
    sparse: bool,
}

impl<R: Read> Reader<R> {
    /// Reads at most `limit` bytes of `stream`; `codec` names what it comes out of, for messages.
    pub(crate) fn new(stream: R, codec: &'static str, limit: u64) -> Self {
        Self { stream, codec, at: 0, limit, left: 0, filling: 0 }
    }

    /// The next member, once the content of the one before is passed over; `None` at the end, when all of the stream
    /// was read.
    pub(crate) fn next(&mut self) -> Result<Option<Member>, Cause> {
        let mut extension = Extension::default();
        loop {
            self.skip(self.left + self.filling)?;
            (self.left, self.filling) = (0, 0);
            let start = self.at;
            let mut header = [0; BLOCK];
            if !self.header(&mut header)? {
                return Ok(None);
            }
            let header = Header(&header);
            header.check_sum().map_err(|fault| CondaFault::Tar { at: start, fault })?;
            let size = number(header.field(124, 12)).ok_or(CondaFault::Tar { at: start, fault: "a size" })?;
            match header.kind() {
                b'x' | b'g' | b'L' | b'K' => {
                    let text = self.extension(size, start)?;
                    extension.take(header.kind(), text).map_err(|fault| fault.of(&header.shown_name()))?;
                }
                _ => match self.member(&header, size, &extension)? {
                    Some(member) => return Ok(Some(member)),
                    None => extension = Extension::default(),
                },
            }
        }
    }

    /// Fills the front of `buffer` from the last member's content; the number of bytes, zero at its end.
    pub(crate) fn content(&mut self, buffer: &mut [u8]) -> Result<usize, Cause> {
        let count = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.fill(&mut buffer[..count])?;
        self.left -= count as u64;
        Ok(count)
    }

    /// `None` for the archive's own top folder.
    fn member(&mut self, header: &Header<'_>, size: u64, more: &Extension) -> Result<Option<Member>, Cause> {
        let size = more.size.unwrap_or(size);
        let raw = more.path.clone().unwrap_or_else(|| header.path());
        let shown = String::from_utf8_lossy(&raw).into_owned();
        let path = plain(raw).map_err(|fault| MemberFault::from(fault).of(&shown))?;
        let link = || more.link.clone().unwrap_or_else(|| header.field(157, 100).to_vec());
        let kind = header.typed(&shown, more, link).map_err(|fault| fault.of(&shown))?;
        if kind != Kind::File && size > 0 {
            return Err(MemberFault::Type("no file, but with content").of(&shown).into());
        }
        if size > self.limit.saturating_sub(self.at) {
            return Err(CondaFault::Bomb { limit: self.limit }.into());
        }
        (self.left, self.filling) = (size, size.next_multiple_of(BLOCK as u64) - size);
        if path.is_empty() && kind == Kind::Directory {
            return Ok(None);
        }
        names::check(&path).map_err(|fault| MemberFault::from(fault).of(&shown))?;
        let executable = number(header.field(100, 8)).is_some_and(|mode| mode & 0o111 != 0);
        // Times before 1970 and after the year 2242 are nobody's; what can't be read is no reason to refuse a package.
        let mtime =
            more.mtime.or_else(|| number(header.field(136, 12)).and_then(|it| i64::try_from(it).ok()));
        let mtime = mtime.unwrap_or(0).clamp(0, 1 << 33);
        Ok(Some(Member { path, kind, size, executable, mtime }))
    }

    /// Reads a header; false at the archive's end, after which there may only be zeros.
    fn header(&mut self, header: &mut [u8; BLOCK]) -> Result<bool, Cause> {
        match self.read_up_to(header)? {
            0 => return Ok(false),
            BLOCK => {}
            _ => return Err(self.damaged("cut short")),
        }
        if header.iter().any(|&byte| byte != 0) {
            return Ok(true);
        }
        let mut rest = [0; 16 * BLOCK];
        loop {
            match self.read_up_to(&mut rest)? {
                0 => return Ok(false),
                count if rest[..count].iter().any(|&byte| byte != 0) => {
                    return Err(self.damaged("data after its end"));
                }
                _ => {}
            }
        }
    }

    fn extension(&mut self, size: u64, start: u64) -> Result<Vec<u8>, Cause> {
        if size > LONGEST_EXTENSION {
            return Err(CondaFault::Tar { at: start, fault: "an extended header that is too long" }.into());
        }
        let mut text = vec![0; usize::try_from(size).unwrap_or(0)];
        self.fill(&mut text)?;
        self.skip(size.next_multiple_of(BLOCK as u64) - size)?;
        Ok(text)
    }

    fn skip(&mut self, mut count: u64) -> Result<(), Cause> {
        let mut scratch = [0; 16 * BLOCK];
        while count > 0 {
            let part = scratch.len().min(usize::try_from(count).unwrap_or(usize::MAX));
            self.fill(&mut scratch[..part])?;
            count -= part as u64;
        }
        Ok(())
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), Cause> {
        let wanted = buffer.len();
        if self.read_up_to(buffer)? < wanted { Err(self.damaged("cut short")) } else { Ok(()) }
    }

    fn damaged(&self, fault: &'static str) -> Cause {
        CondaFault::Tar { at: self.at, fault }.into()
    }

    /// Reads until the buffer is full or the stream ends.
    fn read_up_to(&mut self, buffer: &mut [u8]) -> Result<usize, Cause> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.stream.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
                Err(fault) => return Err(Broken::cause(fault, self.codec)),
            }
        }
        self.at += filled as u64;
        if self.at > self.limit { Err(CondaFault::Bomb { limit: self.limit }.into()) } else { Ok(filled) }
    }
}

struct Header<'a>(&'a [u8; BLOCK]);

impl<'a> Header<'a> {
    /// A field up to its first NUL.
    fn field(&self, at: usize, len: usize) -> &'a [u8] {
        // Binary numbers have NULs in them.
        let field = &self.0[at..at + len];
        let is_binary = field[0] & 0x80 != 0 && len <= 12;
        let end = if is_binary { len } else { memchr::memchr(0, field).unwrap_or(len) };
        &field[..end]
    }

    fn kind(&self) -> u8 {
        self.0[156]
    }

    fn check_sum(&self) -> Result<(), &'static str> {
        let blanks = 8 * u64::from(b' ');
        let sum: u64 = self.0.iter().map(|&byte| u64::from(byte)).sum();
        let own: u64 = self.0[148..156].iter().map(|&byte| u64::from(byte)).sum();
        if number(self.field(148, 8)) == Some(sum - own + blanks) {
            Ok(())
        } else {
            Err("a header's checksum")
        }
    }

    fn path(&self) -> Vec<u8> {
        let (name, prefix) = (self.field(0, 100), self.field(345, 155));
        let is_posix = &self.0[257..263] == b"ustar\0";
        if is_posix && !prefix.is_empty() { [prefix, b"/", name].concat() } else { name.to_vec() }
    }

    fn shown_name(&self) -> String {
        String::from_utf8_lossy(&self.path()).into_owned()
    }

    fn typed(&self, path: &str, more: &Extension, link: impl Fn() -> Vec<u8>) -> Result<Kind, MemberFault> {
        let text = |raw: Vec<u8>| String::from_utf8(raw).map_err(|_| MemberFault::Name(names::not_utf8()));
        if more.sparse {
            return Err(MemberFault::Type("a sparse file"));
        }
        match self.kind() {
            // Archives from before POSIX tell directories by their slash.
            b'0' | 0 | b'7' if path.ends_with('/') => Ok(Kind::Directory),
            b'0' | 0 | b'7' => Ok(Kind::File),
            b'1' => Ok(Kind::Hardlink(plain(link())?)),
            b'2' => Ok(Kind::Symlink(text(link())?)),
            b'5' => Ok(Kind::Directory),
            b'3' | b'4' => Err(MemberFault::Type("a device")),
            b'6' => Err(MemberFault::Type("a fifo")),
            b'S' => Err(MemberFault::Type("a sparse file")),
            _ => Err(MemberFault::Type("a member of an unknown type")),
        }
    }
}

impl Extension {
    fn take(&mut self, kind: u8, mut text: Vec<u8>) -> Result<(), MemberFault> {
        if matches!(kind, b'L' | b'K') {
            text.truncate(memchr::memchr(0, &text).unwrap_or(text.len()));
            let field = if kind == b'L' { &mut self.path } else { &mut self.link };
            return if field.replace(text).is_some() { Err(MemberFault::Extended) } else { Ok(()) };
        }
        let mut rest = text.as_slice();
        while !rest.is_empty() {
            let (key, value, after) = record(rest).ok_or(MemberFault::Extended)?;
            self.set(kind == b'g', key, value)?;
            rest = after;
        }
        Ok(())
    }

    /// What all members have in common is a comment, and never a name or a size.
    fn set(&mut self, is_global: bool, key: &[u8], value: &[u8]) -> Result<(), MemberFault> {
        let text = || std::str::from_utf8(value).map_err(|_| MemberFault::Extended);
        match key {
            b"path" | b"linkpath" | b"size" if is_global => return Err(MemberFault::Extended),
            b"path" => self.path = Some(value.to_vec()),
            b"linkpath" => self.link = Some(value.to_vec()),
            b"size" => self.size = Some(text()?.parse().map_err(|_| MemberFault::Extended)?),
            b"mtime" if !is_global => {
                // Below seconds nothing is kept; what is no number is as good as none.
                let whole = text()?.split('.').next().unwrap_or_default();
                self.mtime = whole.parse().ok();
            }
            other if other.starts_with(b"GNU.sparse.") => self.sparse = true,
            _ => {}
        }
        Ok(())
    }
}

/// Key and value of the first pax record, `LENGTH KEY=VALUE\n`, and what follows it.
fn record(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let blank = memchr::memchr(b' ', text)?;
    let length: usize = std::str::from_utf8(&text[..blank]).ok()?.parse().ok()?;
    let (own, rest) = text.split_at_checked(length)?;
    let body = own.get(blank + 1..)?.strip_suffix(b"\n")?;
    let equals = memchr::memchr(b'=', body)?;
    let (key, value) = (&body[..equals], &body[equals + 1..]);
    (!value.contains(&0)).then_some((key, value, rest))
}

/// A name as text, without the `./` before it that some writers put there, and without a final slash.
fn plain(raw: Vec<u8>) -> Result<String, crate::unpack::fault::EntryFault> {
    let text = String::from_utf8(raw).map_err(|_| names::not_utf8())?;
    let text = text.strip_prefix("./").unwrap_or(&text);
    let text = text.strip_suffix('/').unwrap_or(text);
    Ok(if text == "." { String::new() } else { text.to_owned() })
}

/// A numeric field: octal digits, or a big-endian binary number with the first bit set (GNU).
fn number(field: &[u8]) -> Option<u64> {
    let Some(&first) = field.first() else { return Some(0) };
    if first & 0x80 != 0 {
        // Negative ones begin with 0xff.
        let is_small =
            first == 0x80 && field[1..field.len().saturating_sub(8).max(1)].iter().all(|&byte| byte == 0);
        let digits = &field[1..];
        return is_small.then(|| digits.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte)));
    }
    let text = std::str::from_utf8(field).ok()?.trim_matches(' ');
    if text.is_empty() { Some(0) } else { u64::from_str_radix(text, 8).ok() }
}
