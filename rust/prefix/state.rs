//! `.fastenv/state`: written last, read first. What it says of an environment can be checked with four stats.

use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::digest::Sha256;
use crate::fs::{self, FsError};
use crate::prefix::own_folder;
use crate::store::artifact;
use crate::store::healed::generation;
use crate::store::root::is_on_network;
use crate::store::trust::is_of_earlier_boot;

/// An environment as it was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Its id.
    pub env_id: Sha256,
    /// Where it was published: its scripts name this path.
    pub prefix: PathBuf,
    /// `<machine id> <boot id>` of the publishing.
    pub boot: String,
    /// The base interpreter.
    pub python: PathBuf,
    /// `lib/python3.11/site-packages`.
    pub site: String,
    /// Modification times of `bin` and of site-packages (nanoseconds since 1970): they move when somebody
    /// installs or removes something.
    pub mtimes: [i128; 2],
    /// `v1` of the store that it was made from.
    pub store: PathBuf,
    /// The newest healing in that store when it was made (see [`crate::store::healed`]).
    pub generation: u64,
}

impl State {
    /// Where that of the environment at `prefix` is.
    #[must_use]
    pub fn path(prefix: &Path) -> PathBuf {
        own_folder(prefix).join("state")
    }

    /// The state of a tree that is whole, to be published at `prefix`; `store` is `v1` and its generation.
    pub fn of(
        staging: &Path,
        prefix: &Path,
        env_id: Sha256,
        store: (PathBuf, u64),
        python: &Path,
        site: &str,
    ) -> Result<Self, FsError> {
        let mtimes = [mtime(&staging.join("bin"))?, mtime(&staging.join(site))?];
        let (prefix, python) = (prefix.to_owned(), python.to_owned());
        let (boot, (store, generation)) = (artifact::boot().to_owned(), store);
        Ok(Self { env_id, prefix, boot, python, site: site.to_owned(), mtimes, store, generation })
    }

    /// Reads the state of the environment at `prefix`; `None` if it has none that is whole.
    #[must_use]
    pub fn read(prefix: &Path) -> Option<Self> {
        let text = fs::read_to_string(&Self::path(prefix)).ok()?;
        let mut lines = text.strip_suffix("\nend\n")?.lines();
        let mut value = |key: &str| lines.next()?.strip_prefix(key)?.strip_prefix(' ').map(str::to_owned);
        (value("fastenv-state")? == "2").then_some(())?;
        Some(Self {
            env_id: value("env-id")?.parse().ok()?,
            prefix: value("prefix")?.into(),
            boot: value("boot")?,
            python: value("python")?.into(),
            site: value("site")?,
            mtimes: [value("bin-mtime")?.parse().ok()?, value("site-mtime")?.parse().ok()?],
            store: value("store")?.into(),
            generation: value("generation")?.parse().ok()?,
        })
    }

    /// Writes it into the environment at `folder`.
    pub fn write(&self, folder: &Path) -> Result<(), FsError> {
        let mut text = String::from("fastenv-state 2\n");
        let _ = writeln!(text, "env-id {}", self.env_id);
        let _ = writeln!(text, "prefix {}", self.prefix.display());
        let _ = writeln!(text, "boot {}", self.boot);
        let _ = writeln!(text, "python {}", self.python.display());
        let _ = writeln!(text, "site {}", self.site);
        let _ = writeln!(text, "bin-mtime {}\nsite-mtime {}", self.mtimes[0], self.mtimes[1]);
        let _ = writeln!(text, "store {}\ngeneration {}\nend", self.store.display(), self.generation);
        fs::write_atomic(&Self::path(folder), text.as_bytes(), 0o644)
    }

    /// Writes it where another stands, whose time it gets: what is newer was not there when the environment was
    /// published.
    pub fn rewrite(&self, prefix: &Path) -> Result<(), FsError> {
        let path = Self::path(prefix);
        let published = fs::symlink_metadata(&path)?;
        self.write(prefix)?;
        fs::set_file_mtime(&fs::open(&path)?, published.mtime(), published.mtime_nsec(), &path)
    }

    /// Whether an earlier boot of this machine published it, or checked it last. Not on a file system of another
    /// machine: nodes made from one image have one machine id, and would check it in turn for ever.
    #[must_use]
    pub fn is_of_earlier_boot(&self) -> bool {
        is_of_earlier_boot(&self.boot) && !is_on_network(&self.prefix)
    }

    /// Whether it can be used without a further look: published or checked in this boot, and nothing was healed in
    /// its store since.
    #[must_use]
    pub fn is_current(&self) -> bool {
        generation(&self.store) == Some(self.generation) && !self.is_of_earlier_boot()
    }

    /// Whether the environment at `prefix` is still as it was published, as far as four stats tell.
    #[must_use]
    pub fn holds(&self, prefix: &Path) -> bool {
        self.prefix == prefix
            && self.python.exists()
            && mtime(&prefix.join("bin")).is_ok_and(|time| time == self.mtimes[0])
            && mtime(&prefix.join(&self.site)).is_ok_and(|time| time == self.mtimes[1])
    }
}

fn mtime(path: &Path) -> Result<i128, FsError> {
    let meta = fs::metadata(path)?;
    Ok(i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_again_has_the_time_of_the_publishing() {
        let folder = tempfile::tempdir().unwrap();
        let (prefix, store) = (folder.path(), (folder.path().to_owned(), 0));
        fs::create_dir(&prefix.join("bin")).unwrap();
        fs::create_dir(&own_folder(prefix)).unwrap();
        let state = State::of(prefix, prefix, Sha256::of(b""), store, prefix, "bin").unwrap();
        state.write(prefix).unwrap();
        let path = State::path(prefix);
        fs::set_file_mtime(&fs::open(&path).unwrap(), 1_000_000_000, 7, &path).unwrap();
        State { generation: 5, ..state }.rewrite(prefix).unwrap();
        assert_eq!(State::read(prefix).unwrap().generation, 5);
        assert_eq!(mtime(&path).unwrap(), 1_000_000_000_000_000_007);
    }
}
