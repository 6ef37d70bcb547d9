//! The id of an environment: sha256 over a canonical text (docs/env-id.md).
//!
//! In it is all that decides the tree: platform, interpreter, artifacts, and whose file stands where two claim
//! one path. Not in it: order, URLs, names of files, prefix, link mode, node.

use std::fmt::Write as _;

use crate::lock::Lock;

/// The canonical text, one fact a line, each line ended by a newline.
#[must_use]
pub fn text(lock: &Lock) -> String {
    let (platform, interpreter) = (&lock.platform, &lock.interpreter);
    let mut text = format!(
        "fastenv-env 1\nplatform {} {} glibc\ninterpreter {} {} {}\nbuild {}\n",
        platform.os,
        platform.arch,
        interpreter.implementation,
        interpreter.version,
        interpreter.soabi,
        interpreter.build,
    );
    let mut artifacts: Vec<_> = lock.packages.iter().map(|package| package.sha256).collect();
    artifacts.sort_unstable();
    for sha256 in artifacts {
        let _ = writeln!(text, "artifact wheel {sha256}");
    }
    for row in &lock.contested {
        let _ = writeln!(text, "winner {} {}", row.path, lock.packages[row.winner].sha256);
    }
    text
}
