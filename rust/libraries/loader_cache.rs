//! `/etc/ld.so.cache`: the libraries in the folders that the system's loader is told of, as `ldconfig` found them.
//!
//! The format is glibc's own (`sysdeps/generic/dl-cache.h`): an older table may stand before the one that counts.

use std::collections::HashMap;
use std::path::PathBuf;

const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
const OLD_MAGIC: &[u8] = b"ld.so-1.7.0\0";
const HEADER: usize = 48;
const ENTRY: usize = 24;
const OLD_ENTRY: usize = 12;

/// Files by soname, in the order of the cache; nothing of what is no cache.
pub(super) fn parse(bytes: &[u8]) -> HashMap<String, Vec<PathBuf>> {
    let mut found: HashMap<String, Vec<PathBuf>> = HashMap::new();
    let Some(table) = table(bytes) else { return found };
    let Some(count) = number(table, MAGIC.len()) else { return found };
    // Offsets count from the table's own beginning.
    let entries = table[HEADER.min(table.len())..].chunks_exact(ENTRY).take(count);
    for entry in entries {
        let text = |at| number(entry, at).and_then(|at| text(table, at));
        if let (Some(name), Some(path)) = (text(4), text(8)) {
            found.entry(name).or_default().push(PathBuf::from(path));
        }
    }
    found
}

fn table(bytes: &[u8]) -> Option<&[u8]> {
    if bytes.starts_with(MAGIC) {
        return Some(bytes);
    }
    if !bytes.starts_with(OLD_MAGIC) {
        return None;
    }
    let count = number(bytes, OLD_MAGIC.len())?;
    let end = count.checked_mul(OLD_ENTRY)?.checked_add(OLD_MAGIC.len() + 4)?;
    // Aligned to eight bytes.
    bytes.get(end.checked_next_multiple_of(8)?..).filter(|rest| rest.starts_with(MAGIC))
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    usize::try_from(u32::from_le_bytes(four.try_into().ok()?)).ok()
}

fn text(bytes: &[u8], at: usize) -> Option<String> {
    let rest = bytes.get(at..)?;
    let end = memchr::memchr(0, rest)?;
    std::str::from_utf8(&rest[..end]).ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(names: &[(&str, &str)]) -> Vec<u8> {
        let mut strings = Vec::new();
        let mut entries = Vec::new();
        let begin = HEADER + names.len() * ENTRY;
        for (name, path) in names {
            entries.extend(0x0303_u32.to_le_bytes());
            for word in [name, path] {
                entries.extend(u32::try_from(begin + strings.len()).unwrap().to_le_bytes());
                strings.extend(word.bytes().chain([0]));
            }
            entries.extend([0; 12]);
        }
        let count = u32::try_from(names.len()).unwrap().to_le_bytes();
        [MAGIC, &count, &[0; HEADER - 24], &entries, &strings].concat()
    }

    #[test]
    fn reads_both_forms_and_nothing_else() {
        let new = cache(&[("libz.so.1", "/lib/libz.so.1"), ("libz.so.1", "/old/libz.so.1")]);
        let paths = |bytes: &[u8]| parse(bytes).remove("libz.so.1").unwrap_or_default();
        assert_eq!(paths(&new), [PathBuf::from("/lib/libz.so.1"), PathBuf::from("/old/libz.so.1")]);
        let old = [OLD_MAGIC, &1_u32.to_le_bytes(), &[7; OLD_ENTRY], &[0; 4], &new].concat();
        assert_eq!(paths(&old), paths(&new));
        for cut in 0..new.len() {
            assert!(paths(&new[..cut]).len() < 2, "{cut}");
        }
        for huge in [OLD_MAGIC, MAGIC] {
            assert!(parse(&[huge, &[0xff; 64]].concat()).is_empty());
        }
        assert!(parse(b"").is_empty());
    }
}
