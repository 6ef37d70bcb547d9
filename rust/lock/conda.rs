//! The conda half of a lock: `[[tool.fastenv.conda]]` and `[[tool.fastenv.virtual]]`.

use std::path::PathBuf;

use serde::Deserialize;

use super::LockError;
use super::named::{NamedFile, NamedIndex};
use super::raw::RawConda;
use super::reader::{Reader, is_web};
use crate::digest::Sha256;

/// What stands before the name of a conda package where a wheel of the same name could be meant.
pub(super) const CONDA: &str = "conda:";

/// Independent of the processor, and how it is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Noarch {
    /// `site-packages` and `python-scripts` go where the environment's python has them.
    Python,
    /// Linked as it is.
    Generic,
}

/// One conda package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CondaPackage {
    /// As conda spells it.
    pub name: String,
    /// Version as the record spells it.
    pub version: String,
    /// The build string.
    pub build: String,
    /// The build number.
    pub build_number: u64,
    /// `linux-64`, `noarch`.
    pub subdir: String,
    /// The channel's base URL, if it is public.
    pub channel: Option<String>,
    /// Name of the archive: `.conda` or `.tar.bz2`.
    pub file_name: String,
    /// Where to get it; empty if it travels with the lock.
    pub urls: Vec<String>,
    /// Path relative to the lock's folder, if it travels with the lock, or could.
    pub path: Option<PathBuf>,
    /// Where it is in a channel that the node must know.
    pub named: Option<NamedFile>,
    /// Bytes.
    pub size: Option<u64>,
    /// Of the archive.
    pub sha256: Sha256,
    /// Of the archive, if it is known: 32 hexadecimal digits.
    pub md5: Option<String>,
    /// Whether it is independent of the processor.
    pub noarch: Option<Noarch>,
    /// What somebody asked for, as conda's match specs.
    pub requested: Vec<String>,
    /// Whether it has scripts that an installer would run.
    pub link_scripts: bool,
}

/// A property of the node that packages depend on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct VirtualPackage {
    /// A match spec: `__glibc >=2.17,<3.0.a0`.
    pub spec: String,
    /// Names of the conda packages that want it.
    pub packages: Vec<String>,
    /// A node may be without it, but if it has it, it must be so (conda's `constrains`).
    #[serde(default)]
    pub optional: bool,
}

impl Reader<'_> {
    pub(super) fn conda(
        &self,
        raw: &[RawConda],
        indexes: &[NamedIndex],
    ) -> Result<Vec<CondaPackage>, LockError> {
        let read = raw.iter().map(|row| self.conda_package(row, indexes));
        let mut packages = read.collect::<Result<Vec<_>, _>>()?;
        packages.sort_by(|one, other| one.name.cmp(&other.name));
        if let Some(pair) = packages.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(self.value(&place(&pair[0].name), "is there twice"));
        }
        Ok(packages)
    }

    fn conda_package(&self, raw: &RawConda, indexes: &[NamedIndex]) -> Result<CondaPackage, LockError> {
        let place = &place(&raw.name);
        self.check_conda_words(place, raw)?;
        let path = raw.path.as_deref().map(|path| self.inner_path(place, path)).transpose()?;
        if path.is_some() == raw.url.is_some() {
            return Err(self.value(place, "must have either a url or a path"));
        }
        if raw.url.as_deref().is_some_and(|url| !is_web(url)) {
            return Err(self.value(place, "has a url that is not of the web"));
        }
        let (index, at) = (raw.index_name.as_ref(), raw.index_path.as_ref());
        Ok(CondaPackage {
            name: raw.name.clone(),
            version: raw.version.clone(),
            build: raw.build.clone(),
            build_number: raw.build_number,
            subdir: raw.subdir.clone(),
            channel: raw.channel.clone(),
            file_name: raw.file_name.clone(),
            urls: raw.url.iter().cloned().collect(),
            path,
            named: self.named_file(place, index, at, indexes)?,
            size: raw.size,
            sha256: raw.sha256.parse().map_err(|fault| self.value(place, format!("{fault}")))?,
            md5: raw.md5.clone(),
            noarch: raw.noarch,
            requested: raw.requested.clone(),
            link_scripts: raw.link_scripts,
        })
    }

    /// These words become names of files, and lines of conda's records and history.
    fn check_conda_words(&self, place: &str, raw: &RawConda) -> Result<(), LockError> {
        for (what, word) in [("name", &raw.name), ("version", &raw.version), ("build", &raw.build)] {
            if !is_word(word) {
                return Err(self.value(place, format!("{what} {word:?} is none of a conda package")));
            }
        }
        if !is_word(&raw.subdir) {
            return Err(self.value(place, format!("subdir {:?} is none", raw.subdir)));
        }
        let file = &raw.file_name;
        let stem = [".conda", ".tar.bz2"].iter().find_map(|end| file.strip_suffix(end));
        if !is_word(file) || stem.is_none_or(str::is_empty) {
            return Err(self.value(place, format!("{file:?} is no name of a conda package's archive")));
        }
        let is_md5 = |text: &String| text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
        if raw.md5.as_ref().is_some_and(|md5| !is_md5(md5)) {
            return Err(self.value(place, "has an md5 that is none"));
        }
        let texts = raw.requested.iter().chain(&raw.channel);
        if texts.into_iter().any(|text| text.chars().any(char::is_control)) {
            return Err(self.value(place, "has a control character"));
        }
        Ok(())
    }

    /// The checked rows of `[[tool.fastenv.virtual]]`.
    pub(super) fn virtual_packages(
        &self,
        rows: &[VirtualPackage],
        packages: &[CondaPackage],
    ) -> Result<Vec<VirtualPackage>, LockError> {
        for row in rows {
            let fault = |fault: &str| self.value("tool.fastenv.virtual", format!("{:?} {fault}", row.spec));
            if !row.spec.starts_with("__") || row.spec.chars().any(char::is_control) {
                return Err(fault("is no virtual package"));
            }
            let is_known = |name: &String| packages.iter().any(|package| package.name == *name);
            if row.packages.is_empty() || !row.packages.iter().all(is_known) {
                return Err(fault("is wanted by no package of this lock"));
            }
        }
        Ok(rows.to_vec())
    }
}

fn place(name: &str) -> String {
    format!("{CONDA}{name}")
}

/// Letters, digits and what conda allows beside them in names, versions, builds and names of archives (CEP 26).
fn is_word(word: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+!~=".contains(&byte);
    !word.is_empty() && !word.starts_with(['.', '-']) && word.bytes().all(inner)
}
