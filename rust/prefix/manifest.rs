//! `.fastenv/manifest`: what stands in an environment beside the files of its artifacts' indexes.
//!
//! One row a line, fields separated by tabs: `generated PACKAGE x|- SIZE SHA256 PATH`, `link TARGET PATH`,
//! `lost ARTIFACT INSTALL-PATH` (that file of that artifact is not here: another has its path), and
//! `artifact SHA256 PACKAGE`. A tab, newline or backslash in a text is written `\t`, `\n`, `\\`.

use std::path::Path;

use crate::digest::Sha256;
use crate::finish::Generated;
use crate::finish::venv::Link;
use crate::fs::{self, FsError};
use crate::prefix::own_folder;

/// The rows of a manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// Artifacts and the packages that they are.
    pub artifacts: Vec<(Sha256, String)>,
    /// Files that no artifact has.
    pub generated: Vec<Generated>,
    /// Symbolic links.
    pub links: Vec<Link>,
    /// Files of artifacts that another package's file stands for.
    pub lost: Vec<(Sha256, String)>,
}

impl Manifest {
    /// Writes it into the environment at `folder`.
    pub fn write(&self, folder: &Path) -> Result<(), FsError> {
        fs::write_new(&own_folder(folder).join("manifest"), self.text().as_bytes(), 0o644)
    }

    /// Writes it in the place of the one that is there.
    pub fn replace(&self, folder: &Path) -> Result<(), FsError> {
        fs::write_atomic(&own_folder(folder).join("manifest"), self.text().as_bytes(), 0o644)
    }

    /// Reads it; `None` inside if it is not there or damaged.
    pub fn read(prefix: &Path) -> Result<Option<Self>, FsError> {
        use std::io::ErrorKind::{InvalidData, NotFound};
        match fs::read_to_string(&own_folder(prefix).join("manifest")) {
            Ok(text) => Ok(Self::parse(&text)),
            Err(fault) if matches!(fault.kind(), NotFound | InvalidData) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    fn text(&self) -> String {
        let mut text = String::from("fastenv-manifest\t1\n");
        let mut row = |fields: &[&str]| {
            let fields: Vec<String> = fields.iter().map(|field| escape(field)).collect();
            text.push_str(&fields.join("\t"));
            text.push('\n');
        };
        for (sha256, package) in &self.artifacts {
            row(&["artifact", &sha256.to_string(), package]);
        }
        for file in &self.generated {
            let mode = if file.executable { "x" } else { "-" };
            let (size, sha256) = (file.size.to_string(), file.sha256.to_string());
            row(&["generated", &file.package, mode, &size, &sha256, &file.path]);
        }
        for link in &self.links {
            row(&["link", &link.target, &link.path]);
        }
        for (sha256, path) in &self.lost {
            row(&["lost", &sha256.to_string(), path]);
        }
        text.push_str("end\n");
        text
    }

    fn parse(text: &str) -> Option<Self> {
        let body = text.strip_prefix("fastenv-manifest\t1\n")?.strip_suffix("end\n")?;
        let mut manifest = Self::default();
        // Not `lines`: a name may end with a carriage return.
        for line in body.split_terminator('\n') {
            let fields: Vec<String> = line.split('\t').map(unescape).collect();
            let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
            match fields.as_slice() {
                ["artifact", sha256, package] => {
                    manifest.artifacts.push((sha256.parse().ok()?, (*package).to_owned()));
                }
                ["generated", package, mode, size, sha256, path] => manifest.generated.push(Generated {
                    path: (*path).to_owned(),
                    package: (*package).to_owned(),
                    sha256: sha256.parse().ok()?,
                    size: size.parse().ok()?,
                    executable: *mode == "x",
                }),
                ["link", target, path] => {
                    manifest.links.push(Link { path: (*path).to_owned(), target: (*target).to_owned() });
                }
                ["lost", sha256, path] => manifest.lost.push((sha256.parse().ok()?, (*path).to_owned())),
                _ => return None,
            }
        }
        Some(manifest)
    }
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n")
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('t') => plain.push('\t'),
                Some('n') => plain.push('\n'),
                other => plain.extend(other),
            },
            (c, false) => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let sha256 = Sha256::of(b"x");
        let file = Generated {
            path: "bin/a\tb\\n".into(),
            package: String::new(),
            sha256,
            size: 7,
            executable: true,
        };
        let manifest = Manifest {
            artifacts: vec![(sha256, "a".into())],
            generated: vec![file],
            links: vec![Link { path: "lib64".into(), target: "li\nb".into() }],
            lost: vec![(sha256, "site/x.py\r".into())],
        };
        assert_eq!(Manifest::parse(&manifest.text()), Some(manifest.clone()));
        assert_eq!(Manifest::parse(&manifest.text()[..60]), None);
    }
}
