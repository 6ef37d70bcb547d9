//! `.fastenv/state`: written last, read first. What it says of an environment can be checked with four stats.

use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::digest::Sha256;
use crate::fs::{self, FsError};
use crate::prefix::own_folder;

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
}

impl State {
    /// The state of a tree that is whole, to be published at `prefix`.
    pub fn of(
        staging: &Path,
        prefix: &Path,
        env_id: Sha256,
        boot: String,
        python: &Path,
        site: &str,
    ) -> Result<Self, FsError> {
        let mtimes = [mtime(&staging.join("bin"))?, mtime(&staging.join(site))?];
        let (prefix, python) = (prefix.to_owned(), python.to_owned());
        Ok(Self { env_id, prefix, boot, python, site: site.to_owned(), mtimes })
    }

    /// Reads the state of the environment at `prefix`; `None` if it has none that is whole.
    #[must_use]
    pub fn read(prefix: &Path) -> Option<Self> {
        let text = fs::read_to_string(&own_folder(prefix).join("state")).ok()?;
        let mut lines = text.strip_suffix("\nend\n")?.lines();
        let mut value = |key: &str| lines.next()?.strip_prefix(key)?.strip_prefix(' ').map(str::to_owned);
        (value("fastenv-state")? == "1").then_some(())?;
        Some(Self {
            env_id: value("env-id")?.parse().ok()?,
            prefix: value("prefix")?.into(),
            boot: value("boot")?,
            python: value("python")?.into(),
            site: value("site")?,
            mtimes: [value("bin-mtime")?.parse().ok()?, value("site-mtime")?.parse().ok()?],
        })
    }

    /// Writes it into the environment at `folder`.
    pub fn write(&self, folder: &Path) -> Result<(), FsError> {
        let mut text = String::from("fastenv-state 1\n");
        let _ = writeln!(text, "env-id {}", self.env_id);
        let _ = writeln!(text, "prefix {}", self.prefix.display());
        let _ = writeln!(text, "boot {}", self.boot);
        let _ = writeln!(text, "python {}", self.python.display());
        let _ = writeln!(text, "site {}", self.site);
        let _ = writeln!(text, "bin-mtime {}\nsite-mtime {}\nend", self.mtimes[0], self.mtimes[1]);
        fs::write_atomic(&own_folder(folder).join("state"), text.as_bytes(), 0o644)
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
