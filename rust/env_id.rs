//! The id of an environment: sha256 over a canonical text (docs/env-id.md).
//!
//! In it is all that decides the tree: platform, interpreter, artifacts, whose file stands where two claim one
//! path, which overlays stand where on the search path, whether link scripts run, and conda's settings. Not in it:
//! order, URLs, names of files, prefix, link mode, node.

use std::fmt::Write as _;

use crate::digest::Sha256;
use crate::lock::{Lock, PathEnd, Settings};

/// The canonical text, one fact a line, each line ended by a newline.
#[must_use]
pub fn text(lock: &Lock) -> String {
    let platform = &lock.platform;
    let mut text = format!("fastenv-env 1\nplatform {} {} glibc\n", platform.os, platform.arch);
    if let Some(it) = &lock.interpreter {
        let _ = writeln!(text, "interpreter {} {} {}", it.implementation, it.version, it.soabi);
        let _ = writeln!(text, "build {}", it.build);
    }
    let conda = lock.conda.iter().map(|package| ("conda", package.sha256));
    let wheels = lock.packages.iter().map(|package| ("wheel", package.sha256));
    let mut artifacts: Vec<_> = conda.chain(wheels).collect();
    artifacts.sort_unstable();
    for (scheme, sha256) in artifacts {
        let _ = writeln!(text, "artifact {scheme} {sha256}");
    }
    for row in &lock.contested {
        let _ = writeln!(text, "winner {} {}", row.path, lock.sha256(row.winner));
    }
    for overlay in &lock.overlays {
        let place = match overlay.place {
            PathEnd::Front => "front",
            PathEnd::Site => "site",
            PathEnd::Back => "back",
        };
        let _ = writeln!(text, "overlay {place} {}", overlay.sha256);
    }
    if lock.link_scripts {
        text.push_str("link-scripts\n");
    }
    push_settings(&mut text, &lock.settings);
    text
}

/// What conda keeps beside packages. Values may have lines of their own, so that their digests stand for them.
fn push_settings(text: &mut String, settings: &Settings) {
    for (name, value) in &settings.variables {
        let _ = writeln!(text, "variable {name} {}", Sha256::of(value.as_bytes()));
    }
    for spec in &settings.pinned {
        let _ = writeln!(text, "pinned {spec}");
    }
    if let Some(frozen) = &settings.frozen {
        let _ = writeln!(text, "frozen {}", Sha256::of(frozen.as_bytes()));
    }
}
