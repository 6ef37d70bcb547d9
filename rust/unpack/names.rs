//! Names of archive entries: decoded as zip says, and refused unless they are plain relative paths.

use std::collections::HashMap;

use crate::unpack::fault::EntryFault;

/// Longest name in bytes: room is left for the folders above it within the system's 4096.
const LONGEST: usize = 2048;
/// Longest component in bytes, as of Linux's file systems.
const LONGEST_COMPONENT: usize = 255;
/// Most components.
const DEEPEST: usize = 64;

/// Code page 437 from 0x80 on: what a name without the UTF-8 flag is written in (APPNOTE appendix D).
const CP437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧\
                     ╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// The text of a name; `utf8` as the entry's flag 11 says.
pub(crate) fn decode(raw: &[u8], utf8: bool) -> Result<String, EntryFault> {
    match std::str::from_utf8(raw) {
        Ok(text) if utf8 || raw.is_ascii() => Ok(text.to_owned()),
        Err(_) if utf8 => Err(EntryFault::NameNotUtf8),
        _ => Ok(raw.iter().map(|&byte| from_cp437(byte)).collect()),
    }
}

fn from_cp437(byte: u8) -> char {
    let high = byte.checked_sub(0x80).and_then(|at| CP437.chars().nth(usize::from(at)));
    high.unwrap_or(char::from(byte))
}

/// Refuses every name that is not a plain relative path. A directory's ends with one slash.
pub(crate) fn check(name: &str) -> Result<(), EntryFault> {
    let path = name.strip_suffix('/').unwrap_or(name);
    if name.is_empty() {
        return Err(EntryFault::NameEmpty);
    }
    if name.starts_with('/') {
        return Err(EntryFault::NameAbsolute);
    }
    if name.contains('\\') {
        return Err(EntryFault::NameBackslash);
    }
    // Not only NUL: a line feed or tab would also make the files digest's text ambiguous.
    if name.chars().any(char::is_control) {
        return Err(EntryFault::NameControl);
    }
    if name.len() > LONGEST || path.split('/').count() > DEEPEST {
        return Err(EntryFault::NameTooLong);
    }
    path.split('/').try_for_each(check_component)
}

fn check_component(component: &str) -> Result<(), EntryFault> {
    match component {
        "" => Err(EntryFault::NameComponentEmpty),
        "." | ".." => Err(EntryFault::NameDots),
        long if long.len() > LONGEST_COMPONENT => Err(EntryFault::NameTooLong),
        _ => Ok(()),
    }
}

/// What is said of a name that is no text.
pub(crate) fn not_utf8() -> EntryFault {
    EntryFault::NameNotUtf8
}

/// Two paths that cannot stand in one tree.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Clash {
    /// The same path at both positions.
    Same(usize, usize),
    /// The path at this position is a file, and there is something below it.
    FileAndDirectory(usize),
}

/// Looks for clashes in paths without a final slash; the flag says whether a path is a directory.
pub(crate) fn find_clash(paths: &[(&str, bool)]) -> Option<Clash> {
    let mut seen: HashMap<&str, usize> = HashMap::with_capacity(paths.len());
    for (at, &(path, is_dir)) in paths.iter().enumerate() {
        if let Some(before) = seen.insert(path, at) {
            let both = paths[before].1 == is_dir;
            let file = if is_dir { before } else { at };
            return Some(if both { Clash::Same(before, at) } else { Clash::FileAndDirectory(file) });
        }
    }
    let is_file = |parent: &str| seen.get(parent).copied().filter(|&at| !paths[at].1);
    paths.iter().find_map(|(path, _)| parents(path).find_map(is_file)).map(Clash::FileAndDirectory)
}

/// The directories above a path, the nearest first, without the empty one.
pub(crate) fn parents(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| path.rsplit_once('/').map(|(parent, _)| parent)).skip(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_without_the_flag_are_code_page_437() {
        assert_eq!(CP437.chars().count(), 128);
        assert_eq!(decode(b"\x84\x81.txt", false).unwrap(), "äü.txt");
        assert_eq!(decode("ä.txt".as_bytes(), true).unwrap(), "ä.txt");
        assert_eq!(decode(b"\xff", false).unwrap(), "\u{a0}");
        assert!(matches!(decode(b"\x84", true), Err(EntryFault::NameNotUtf8)));
    }

    #[test]
    fn clashes_are_found_whatever_the_order() {
        let find = |paths: &[(&str, bool)]| find_clash(paths);
        assert_eq!(find(&[("a/b", false), ("a", true), ("ab", false)]), None);
        assert_eq!(find(&[("a", false), ("b", false), ("a", false)]), Some(Clash::Same(0, 2)));
        assert_eq!(find(&[("a/b/c", false), ("a", false)]), Some(Clash::FileAndDirectory(1)));
        assert_eq!(find(&[("a", false), ("a", true)]), Some(Clash::FileAndDirectory(0)));
    }
}
