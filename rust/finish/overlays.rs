//! The `.pth` file by which an environment's python sees its overlays at their places on the search path.

use std::fmt::Write as _;
use std::path::Path;

use crate::lock::{Lock, PathEnd};

/// Its name in site-packages.
pub const PTH: &str = "fastenv-overlays.pth";

/// The folder of the overlays, below the prefix.
pub const FOLDER: &str = "overlays";

/// Whether the search path of a copy has to change for its overlays: what is in site-packages is found there.
#[must_use]
pub fn has_line(lock: &Lock) -> bool {
    lock.overlays.iter().any(|overlay| overlay.place != PathEnd::Site)
}

/// The file's one line, for an environment that will stand at `prefix`.
///
/// Python runs it while it makes its search path, to which it adds the folder of the script later, in front.
#[must_use]
pub fn line(lock: &Lock, prefix: &Path) -> String {
    let folder = prefix.join(FOLDER);
    let list = |place: PathEnd| {
        let its = lock.overlays.iter().filter(|overlay| overlay.place == place);
        let texts: Vec<String> = its.map(|it| literal(&folder.join(&it.name))).collect();
        format!("[{}]", texts.join(", "))
    };
    let (front, back) = (list(PathEnd::Front), list(PathEnd::Back));
    // Python runs it twice in a venv.
    format!("import sys; sys.path[:] = dict.fromkeys({front} + sys.path + {back})\n")
}

/// A path as a literal of Python, in ASCII: up to 3.12 the file is read in the encoding of the locale.
fn literal(path: &Path) -> String {
    let mut text = String::from("'");
    for c in path.to_string_lossy().chars() {
        if c.is_ascii_graphic() && !matches!(c, '\'' | '\\') || c == ' ' {
            text.push(c);
        } else {
            let _ = write!(text, "\\U{:08x}", u32::from(c));
        }
    }
    text + "'"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_cannot_end_its_literal() {
        assert_eq!(literal(Path::new("/a b/é'\\")), "'/a b/\\U000000e9\\U00000027\\U0000005c'");
    }
}
