//! Scripts that name the environment's interpreter: entry points, and `#!python` files of wheels
//! (binary distribution format, "Recommended installer features"; entry points specification).

use std::path::Path;

use crate::finish::LONGEST_SHEBANG;
use crate::unpack::EntryPoint;

/// The first lines that make a script run by the interpreter at `python`.
///
/// Where the kernel can't read it, being too long or having a blank, `sh` reads it: to Python the same lines are a string.
#[must_use]
pub fn shebang(python: &Path) -> String {
    let python = python.display().to_string();
    let direct = format!("#!{python}");
    if direct.len() <= LONGEST_SHEBANG && !python.contains(char::is_whitespace) {
        return direct + "\n";
    }
    let quoted = python.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "\\$").replace('`', "\\`");
    format!("#!/bin/sh\n'''exec' \"{quoted}\" \"$0\" \"$@\"\n' '''\n")
}

/// The script of an entry point.
#[must_use]
pub fn entry_point(point: &EntryPoint, python: &Path) -> String {
    let EntryPoint { module, attr, .. } = point;
    let top = attr.split('.').next().unwrap_or(attr);
    let first = shebang(python);
    format!(
        "{first}# -*- coding: utf-8 -*-\nimport sys\n\nfrom {module} import {top}\n\n\
         if __name__ == \"__main__\":\n    sys.exit({attr}())\n"
    )
}

/// A `#!python` script with its first line made to name `python`; its arguments are kept where they can be.
#[must_use]
pub fn rewrite(content: &[u8], python: &Path) -> Vec<u8> {
    let end = memchr::memchr(b'\n', content).unwrap_or(content.len());
    let (line, rest) = content.split_at(end);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let word_end = line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len());
    let arguments = line[word_end..].trim_ascii();
    let mut first = shebang(python);
    if !arguments.is_empty() && !first.starts_with("#!/bin/sh\n") {
        first.insert_str(first.len() - 1, &format!(" {}", String::from_utf8_lossy(arguments)));
    }
    let rest = rest.strip_prefix(b"\n").unwrap_or(rest);
    [first.as_bytes(), rest].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_the_kernel_can_not_read_goes_through_sh() {
        assert_eq!(shebang(Path::new("/env/bin/python")), "#!/env/bin/python\n");
        let long = format!("/{}/bin/python", "x".repeat(130));
        for python in [long.as_str(), "/with blank/bin/python"] {
            let text = shebang(Path::new(python));
            assert!(text.starts_with("#!/bin/sh\n'''exec' \""), "{text}");
            assert!(text.contains(python), "{text}");
        }
    }

    #[test]
    fn only_the_first_line_is_rewritten() {
        let python = Path::new("/e/bin/python");
        let check = |content: &str, expected: &str| {
            assert_eq!(String::from_utf8(rewrite(content.as_bytes(), python)).unwrap(), expected);
        };
        check("#!python\nprint(1)\n", "#!/e/bin/python\nprint(1)\n");
        check("#!pythonw -E\r\nprint(1)\r\n", "#!/e/bin/python -E\nprint(1)\r\n");
        check("#!python", "#!/e/bin/python\n");
    }
}
