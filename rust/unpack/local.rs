//! What stands around an entry's data: the local header before and the data descriptor after. Both must agree with
//! the central directory (APPNOTE 6.3.10, 4.3.7 and 4.3.9).

use crate::unpack::archive::{DESCRIPTOR, ENCRYPTED, Entry, Extra, LOCAL_LEN, UTF8, usize_of};
use crate::unpack::ending::{u16_at, u32_at, u64_at};
use crate::unpack::fault::EntryFault;

const LOCAL: &[u8; 4] = b"PK\x03\x04";
const DESCRIPTOR_MARK: &[u8; 4] = b"PK\x07\x08";
/// The longest descriptor: mark, CRC and two 64-bit sizes.
pub(crate) const LONGEST_DESCRIPTOR: usize = 24;

/// Bytes that surely hold a local header, if the entry has that many.
pub(crate) fn header_bound(entry: &Entry) -> u64 {
    (LOCAL_LEN + entry.raw_name.len() + usize::from(u16::MAX)) as u64
}

/// Checks the local header in the first bytes of the entry's span; gives its length.
pub(crate) fn check_header(bytes: &[u8], entry: &Entry) -> Result<usize, EntryFault> {
    let (fixed, rest) = bytes.split_at_checked(LOCAL_LEN).ok_or(EntryFault::LocalMissing)?;
    if !fixed.starts_with(LOCAL) {
        return Err(EntryFault::LocalMissing);
    }
    let disagree = |what| Err(EntryFault::LocalDisagrees(what));
    let (name_len, extra_len) = (usize::from(u16_at(fixed, 26)), usize::from(u16_at(fixed, 28)));
    if rest.get(..name_len) != Some(&*entry.raw_name) {
        return disagree("name");
    }
    let telling = ENCRYPTED | DESCRIPTOR | UTF8;
    if u16_at(fixed, 6) & telling != entry.flags & telling {
        return disagree("flags");
    }
    if u16_at(fixed, 8) != entry.method as u16 * 8 {
        return disagree("method");
    }
    let extra = rest.get(name_len..name_len + extra_len).ok_or(EntryFault::Overlap)?;
    check_numbers(fixed, extra, entry)?;
    let len = LOCAL_LEN + name_len + extra_len;
    let span = entry.span();
    match (span.end - span.start).checked_sub(len as u64 + entry.compressed) {
        None => Err(EntryFault::Overlap),
        Some(0) if entry.flags & DESCRIPTOR == 0 => Ok(len),
        // Which of the four lengths it has is told by its content.
        Some(12 | 16 | 20 | 24) if entry.flags & DESCRIPTOR != 0 => Ok(len),
        Some(_) => Err(EntryFault::Gap),
    }
}

/// CRC and sizes: before a descriptor they may also be zero.
fn check_numbers(fixed: &[u8], extra: &[u8], entry: &Entry) -> Result<(), EntryFault> {
    let crc = u32_at(fixed, 14);
    let [size, compressed] = Extra::parse(extra)?.widen([u32_at(fixed, 22), u32_at(fixed, 18)])?;
    let later = entry.flags & DESCRIPTOR != 0;
    let agree = |local: u64, central: u64| local == central || (later && local == 0);
    if !agree(crc.into(), entry.crc.into()) {
        return Err(EntryFault::LocalDisagrees("CRC"));
    }
    if !agree(size, entry.size) || !agree(compressed, entry.compressed) {
        return Err(EntryFault::LocalDisagrees("size"));
    }
    Ok(())
}

/// Checks what stands between the entry's data and the next entry: a data descriptor if there must be one.
pub(crate) fn check_descriptor(bytes: &[u8], entry: &Entry) -> Result<(), EntryFault> {
    let numbers = match bytes.len() {
        0 => return Ok(()),
        16 | 24 => bytes.strip_prefix(DESCRIPTOR_MARK).ok_or(EntryFault::Descriptor)?,
        _ => bytes,
    };
    let [compressed, size] = match numbers.len() {
        12 => [u64::from(u32_at(numbers, 4)), u64::from(u32_at(numbers, 8))],
        _ => [u64_at(numbers, 4), u64_at(numbers, 12)],
    };
    let same = u32_at(numbers, 0) == entry.crc && compressed == entry.compressed && size == entry.size;
    if same { Ok(()) } else { Err(EntryFault::Descriptor) }
}

/// The entry's data and what follows them, in the bytes of its whole span.
pub(crate) fn split<'a>(span: &'a [u8], entry: &Entry) -> Result<(&'a [u8], &'a [u8]), EntryFault> {
    let header = check_header(span, entry)?;
    Ok(span[header..].split_at(usize_of(entry.compressed)))
}
