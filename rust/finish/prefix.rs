//! Puts the prefix of an environment where a package has a placeholder for it, byte for byte as conda does
//! (conda 25, `core/portability.py`; the rows of a test come from environments that conda installed).
//!
//! conda looks for placeholder and prefix in UTF-8, UTF-16 and UTF-32 of both byte orders, one after the other.

use std::borrow::Cow;
use std::path::Path;

use memchr::memmem;

use crate::finish::LONGEST_SHEBANG;
use crate::fs::{self, FsError};
use crate::unpack::Rewriting;

/// The prefix does not fit where the placeholder was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the prefix has {prefix} bytes, and there is room for {placeholder}")]
pub struct TooLong {
    /// Bytes of the prefix.
    pub prefix: usize,
    /// Bytes of the placeholder.
    pub placeholder: usize,
}

/// Why a file could not be written anew.
#[derive(Debug, thiserror::Error)]
pub enum RewriteError {
    /// The prefix does not fit.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// The file system said no.
    #[error(transparent)]
    Fs(#[from] FsError),
}

/// A placeholder and what takes its place.
#[derive(Debug, Clone, Copy)]
pub struct Replacement<'a> {
    /// As the package has it.
    pub placeholder: &'a str,
    /// Where the environment will stand: an absolute path.
    pub prefix: &'a str,
}

impl Replacement<'_> {
    /// The content that a file has in the environment.
    pub fn apply<'c>(&self, content: &'c [u8], how: Rewriting) -> Result<Cow<'c, [u8]>, TooLong> {
        match how {
            Rewriting::Text => Ok(self.text(content)),
            Rewriting::Binary => self.binary(content),
            Rewriting::Copy => Ok(Cow::Borrowed(content)),
        }
    }

    /// Writes what the file at `from` has in the environment to `to`, which must not exist; that content. The
    /// time is `mtime` (seconds since 1970), and one second more if the content is another: byte code of the old one
    /// does not fit then. Modes are by the umask.
    pub fn rewrite(
        &self,
        from: &Path,
        to: &Path,
        how: Rewriting,
        executable: bool,
        mtime: i64,
    ) -> Result<Vec<u8>, RewriteError> {
        let content = fs::read(from)?;
        let made = self.apply(&content, how)?;
        let mtime = if *made == *content { mtime } else { mtime + 1 };
        let mut file = fs::create_new(to, if executable { 0o777 } else { 0o666 })?;
        fs::write_all(&mut file, &made, to)?;
        fs::set_file_mtime(&file, mtime, 0, to)?;
        Ok(made.into_owned())
    }

    /// Of a text: every occurrence; and a first line that the kernel could not read any more names the program only,
    /// to be found on PATH. That needs an activated environment.
    fn text<'c>(&self, content: &'c [u8]) -> Cow<'c, [u8]> {
        let mut made = Cow::Borrowed(content);
        // What is in the wide encodings has NULs, for a placeholder has a slash.
        let encodings = if memchr::memchr(0, content).is_some() { &ENCODINGS[..] } else { &ENCODINGS[..1] };
        for encode in encodings {
            let (from, to) = (encode(self.placeholder), encode(self.prefix));
            if let Some(escaped) = escape_shebang(&made, self.placeholder, self.prefix, *encode) {
                made = Cow::Owned(escaped);
            }
            if let Some(replaced) = replace_all(&made, &from, &to) {
                made = Cow::Owned(replaced);
            }
        }
        match shorten_shebang(&made) {
            Some(shortened) => Cow::Owned(shortened),
            None => made,
        }
    }

    /// Of anything else: in each string that ends with NUL every occurrence, and the string is filled up with NULs.
    fn binary<'c>(&self, content: &'c [u8]) -> Result<Cow<'c, [u8]>, TooLong> {
        let mut made = Cow::Borrowed(content);
        for (encode, width) in ENCODINGS.into_iter().zip([1, 2, 2, 4, 4]) {
            let (from, to) = (encode(self.placeholder), encode(self.prefix));
            if let Some(replaced) = replace_in_strings(&made, &from, &to, width)? {
                made = Cow::Owned(replaced);
            }
        }
        Ok(made)
    }
}

type Encoding = fn(&str) -> Vec<u8>;

const ENCODINGS: [Encoding; 5] = [
    |text| text.as_bytes().to_vec(),
    |text| text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
    |text| text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
    |text| text.chars().flat_map(|letter| u32::from(letter).to_le_bytes()).collect(),
    |text| text.chars().flat_map(|letter| u32::from(letter).to_be_bytes()).collect(),
];

/// `None` if there is nothing to replace.
fn replace_all(content: &[u8], from: &[u8], to: &[u8]) -> Option<Vec<u8>> {
    let mut found = memmem::find_iter(content, from).peekable();
    found.peek()?;
    let mut made = Vec::with_capacity(content.len() + to.len());
    let mut done = 0;
    for at in found {
        made.extend_from_slice(&content[done..at]);
        made.extend_from_slice(to);
        done = at + from.len();
    }
    made.extend_from_slice(&content[done..]);
    Some(made)
}

/// `None` if there is nothing to replace. Strings end with `width` NULs; what has no end is no string.
fn replace_in_strings(
    content: &[u8],
    from: &[u8],
    to: &[u8],
    width: usize,
) -> Result<Option<Vec<u8>>, TooLong> {
    let nuls = &[0; 4][..width];
    let (find_from, find_end) = (memmem::Finder::new(from), memmem::Finder::new(nuls));
    let mut made: Option<Vec<u8>> = None;
    let mut done = 0;
    while let Some(start) = find_from.find(&content[done..]).map(|at| done + at) {
        let after = start + from.len();
        let Some(end) = find_end.find(&content[after..]).map(|at| after + at) else { break };
        if to.len() > from.len() {
            return Err(TooLong { prefix: to.len() / width, placeholder: from.len() / width });
        }
        let made = made.get_or_insert_with(|| Vec::with_capacity(content.len()));
        made.extend_from_slice(&content[done..start]);
        let string = &content[start..end];
        made.extend(replace_all(string, from, to).unwrap_or_else(|| string.to_vec()));
        made.resize(end, 0);
        done = end;
    }
    let Some(mut made) = made else { return Ok(None) };
    made.extend_from_slice(&content[done..]);
    Ok(Some(made))
}

/// With blanks of the prefix escaped in the first line, by which [`shorten_shebang`] knows them. `None` if that line
/// has nothing to replace, or does not end.
fn escape_shebang(content: &[u8], placeholder: &str, prefix: &str, encode: Encoding) -> Option<Vec<u8>> {
    let end = memchr::memchr(b'\n', content)?;
    let (line, rest) = content.split_at(end);
    let from = encode(&format!("#!{placeholder}"));
    let to = encode(&format!("#!{prefix}").replace(' ', "\\ "));
    Some([&replace_all(line, &from, &to)?, rest].concat())
}

/// `#!/usr/bin/env NAME` for a first line that is too long or has an escaped blank in its folder.
fn shorten_shebang(content: &[u8]) -> Option<Vec<u8>> {
    let line = &content[..memchr::memchr(b'\n', content).unwrap_or(content.len())];
    let words = line.strip_prefix(b"#!")?;
    let path = &words[words.iter().position(|&byte| byte != b' ')?..];
    if !path.starts_with(b"/") {
        return None;
    }
    let (path, options) = path.split_at(path_end(path));
    let slash = memchr::memrchr(b'/', path)?;
    let (folder, name) = (&path[..slash], &path[slash + 1..]);
    if line.len() <= LONGEST_SHEBANG && memmem::find(folder, b"\\ ").is_none() {
        return None;
    }
    let short = [b"#!/usr/bin/env ", name, options].concat();
    // As conda does it: a line like the first one is another also further below.
    replace_all(content, line, &short)
}

/// A path ends at a blank that is not escaped.
fn path_end(path: &[u8]) -> usize {
    let mut at = 0;
    while at < path.len() {
        match path[at] {
            b'\\' if path.get(at + 1) == Some(&b' ') => at += 2,
            b' ' | b'\n' | b'\r' | b'\t' => break,
            _ => at += 1,
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACEHOLDER: &str = "/opt/placehold";

    fn apply(content: &[u8], prefix: &str, how: Rewriting) -> Result<Vec<u8>, TooLong> {
        Replacement { placeholder: PLACEHOLDER, prefix }.apply(content, how).map(Cow::into_owned)
    }

    fn text(content: &str, prefix: &str) -> String {
        String::from_utf8(apply(content.as_bytes(), prefix, Rewriting::Text).unwrap()).unwrap()
    }

    #[test]
    fn texts_grow_and_shrink() {
        assert_eq!(text("a=/opt/placehold/lib:/opt/placehold", "/e"), "a=/e/lib:/e");
        assert_eq!(text("/opt/placehold", "/a/much/longer/prefix"), "/a/much/longer/prefix");
        assert_eq!(text("nothing", "/e"), "nothing");
    }

    #[test]
    fn first_lines_that_the_kernel_can_not_read() {
        let long = format!("/{}", "x".repeat(120));
        let script = "#!/opt/placehold/bin/perl -w\nmy $x = '/opt/placehold';\n";
        assert_eq!(text(script, "/e"), "#!/e/bin/perl -w\nmy $x = '/e';\n");
        assert_eq!(text(script, &long), format!("#!/usr/bin/env perl -w\nmy $x = '{long}';\n"));
        assert_eq!(text(script, "/a b"), "#!/usr/bin/env perl -w\nmy $x = '/a b';\n");
        // 127 bytes are read, 128 are not.
        let exact = format!("/{}", "x".repeat(127 - 2 - 1 - "/bin/sh".len()));
        assert_eq!(text("#!/opt/placehold/bin/sh\n", &exact), format!("#!{exact}/bin/sh\n"));
        assert_eq!(text("#!/opt/placehold/bin/sh\n", &format!("{exact}x")), "#!/usr/bin/env sh\n");
        // A line without an end has its blanks as they are.
        assert_eq!(text("#!/opt/placehold/bin/sh", "/a b"), "#!/a b/bin/sh");
    }

    #[test]
    fn strings_keep_their_length() {
        let check = |content: &[u8], expected: &[u8]| {
            let made = apply(content, "/e", Rewriting::Binary).unwrap();
            assert_eq!(made, expected, "{}", String::from_utf8_lossy(content));
            assert_eq!(made.len(), content.len());
        };
        check(b"\0/opt/placehold/lib\0x\0", b"\0/e/lib\0\0\0\0\0\0\0\0\0\0\0\0\0x\0");
        check(b"/opt/placehold:/opt/placehold\0", &[b"/e:/e".as_slice(), &[0; 25]].concat());
        check(b"/opt/placehold/without/end", b"/opt/placehold/without/end");
        let wide = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
        let padded = |text: &str, nuls: usize| [wide(text), vec![0; nuls]].concat();
        check(&padded("a/opt/placehold/x", 2), &padded("a/e/x", 26));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let fault = apply(b"/opt/placehold\0", "/a/much/longer/prefix", Rewriting::Binary).unwrap_err();
        assert_eq!(fault, TooLong { prefix: 21, placeholder: 14 });
        assert!(apply(b"nothing\0", "/a/much/longer/prefix", Rewriting::Binary).is_ok());
    }
}
