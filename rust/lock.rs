//! Reads `pylock.fastenv.toml` (docs/lock-format.md): a PEP 751 file with fastenv's tables.
//!
//! Only what a node needs is read. Whatever is not as fastenv writes it is refused, since a lock comes from
//! elsewhere and its words become paths and lines of the env id.

use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

use crate::digest::Sha256;
use crate::env_id;
use crate::fs::{self, FsError};

/// The newest format that this program reads.
pub const FORMAT: i64 = 1;

/// Why a lock was refused.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// The file could not be read.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// Not TOML, or not of the shape of a lock.
    #[error("{lock} is not a lock file: {fault}")]
    Syntax {
        /// Which lock.
        lock: String,
        /// What the parser said.
        fault: String,
    },
    /// Written by a newer fastenv, or to a newer PEP.
    #[error("{lock} has {what} {found}, this fastenv reads up to {known}")]
    Newer {
        /// Which lock.
        lock: String,
        /// `format` or `lock-version`.
        what: &'static str,
        /// As the file says.
        found: String,
        /// As this program knows.
        known: String,
    },
    /// Without fastenv's tables: uv drops them when it rewrites a file.
    #[error("{lock} has no {table}: it was not written by fastenv, or another tool has rewritten it")]
    Stripped {
        /// Which lock.
        lock: String,
        /// The table that is missing.
        table: String,
    },
    /// The id that the lock states is not the one that its content has.
    #[error("{lock} says env id {stated}, but what it describes has {computed}: the file was edited")]
    WrongId {
        /// Which lock.
        lock: String,
        /// As the file says.
        stated: String,
        /// As its content gives.
        computed: Sha256,
    },
    /// A value that fastenv would not write.
    #[error("{lock}: {place}: {fault}")]
    Value {
        /// Which lock.
        lock: String,
        /// Package or table.
        place: String,
        /// What is wrong.
        fault: String,
    },
}

impl LockError {
    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Fs(_) => "give the path of a lock that `fastenv lock` wrote",
            Self::Newer { .. } => "install a newer fastenv here, or lock with this one",
            _ => "run `fastenv lock` again in the environment and bring the new file here",
        })
    }
}

/// What the environment is made for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Platform {
    /// `linux`.
    pub os: String,
    /// As `uname -m` says.
    pub arch: String,
    /// The oldest glibc that every artifact accepts (`2.17`); none if no artifact asks.
    pub glibc: Option<String>,
}

/// The interpreter that was scanned.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct LockedInterpreter {
    /// `cpython`.
    pub implementation: String,
    /// Full version: `3.11.7`, `3.14.0rc2`.
    pub version: String,
    /// As `sysconfig` says; empty if it says nothing.
    pub soabi: String,
    /// Build number, date and compiler.
    pub build: String,
    /// Where it was: a hint.
    pub executable: Option<String>,
}

impl LockedInterpreter {
    /// `3.11` of `3.11.7`.
    #[must_use]
    pub fn minor(&self) -> String {
        self.version.split('.').take(2).collect::<Vec<_>>().join(".")
    }

    /// `3.11`, or `3.13t` for the free-threaded build, as the folder below `lib` is named.
    #[must_use]
    pub fn lib_version(&self) -> String {
        let free_threaded = self.soabi.split('-').nth(1).is_some_and(|tag| tag.ends_with('t'));
        format!("{}{}", self.minor(), if free_threaded { "t" } else { "" })
    }
}

/// One wheel of one package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Normalized name (PEP 503).
    pub name: String,
    /// Version as the lock spells it.
    pub version: String,
    /// Name of the wheel file.
    pub file_name: String,
    /// Where to get it, in this order; empty if it travels with the lock.
    pub urls: Vec<String>,
    /// Path relative to the lock's folder, if it travels with the lock.
    pub path: Option<PathBuf>,
    /// Bytes.
    pub size: Option<u64>,
    /// Of the wheel file.
    pub sha256: Sha256,
    /// The files digest of what was scanned.
    pub files_digest: Option<Sha256>,
    /// Whether the user asked for it by name.
    pub requested: bool,
    /// The text of `direct_url.json` (PEP 610), for what came from no index.
    pub direct_url: Option<String>,
}

/// A path that two packages claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contested {
    /// Install path.
    pub path: String,
    /// Position of the package whose file it is in [`Lock::packages`].
    pub winner: usize,
}

/// A lock that was read and found good.
#[derive(Debug, Clone)]
pub struct Lock {
    /// The file's text.
    pub text: String,
    /// The folder that relative paths are below.
    pub folder: PathBuf,
    /// What it is made for.
    pub platform: Platform,
    /// The interpreter that was scanned.
    pub interpreter: LockedInterpreter,
    /// Sorted by name.
    pub packages: Vec<Package>,
    /// Sorted by path.
    pub contested: Vec<Contested>,
    /// The environment's id.
    pub env_id: Sha256,
}

impl Lock {
    /// Reads and checks a lock file.
    pub fn read(path: &Path) -> Result<Self, LockError> {
        let text = fs::read_to_string(path)?;
        let folder = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        Self::parse(text, folder, &path.display().to_string())
    }

    /// Checks the text of a lock; `label` names it in errors.
    pub fn parse(text: String, folder: PathBuf, label: &str) -> Result<Self, LockError> {
        let (lock, stated) = Reader { label }.read(text, folder)?;
        if stated.parse::<Sha256>().ok() != Some(lock.env_id) {
            return Err(LockError::WrongId { lock: label.to_owned(), stated, computed: lock.env_id });
        }
        Ok(lock)
    }
}

/// The env id that a lock's content has, whatever the text states.
pub fn compute_env_id(text: &str) -> Result<Sha256, LockError> {
    let (lock, _) = Reader { label: "the lock" }.read(text.to_owned(), PathBuf::new())?;
    Ok(lock.env_id)
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Document {
    lock_version: String,
    #[serde(default)]
    packages: Vec<RawPackage>,
    tool: Option<Tool<RawTool>>,
}

#[derive(Deserialize)]
struct Tool<T> {
    fastenv: Option<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct RawTool {
    format: Option<i64>,
    #[serde(default)]
    env_id: String,
    platform: Option<Platform>,
    interpreter: Option<LockedInterpreter>,
    #[serde(default)]
    contested: Vec<RawContested>,
    #[serde(default)]
    conda: Vec<toml::Value>,
}

#[derive(Deserialize)]
struct RawContested {
    path: String,
    winner: String,
}

#[derive(Deserialize)]
struct RawPackage {
    name: String,
    version: Option<String>,
    #[serde(default)]
    wheels: Vec<RawWheel>,
    tool: Option<Tool<RawPackageTool>>,
}

#[derive(Deserialize)]
struct RawWheel {
    name: Option<String>,
    url: Option<String>,
    path: Option<String>,
    size: Option<u64>,
    hashes: RawHashes,
}

#[derive(Deserialize)]
struct RawHashes {
    sha256: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct RawPackageTool {
    files_digest: Option<String>,
    #[serde(default)]
    requested: bool,
    direct_url: Option<String>,
    #[serde(default)]
    mirrors: Vec<String>,
}

struct Reader<'a> {
    label: &'a str,
}

impl Reader<'_> {
    fn read(&self, text: String, folder: PathBuf) -> Result<(Lock, String), LockError> {
        let document: Document = toml::from_str(&text).map_err(|fault| LockError::Syntax {
            lock: self.label.to_owned(),
            fault: one_line(&fault.to_string()),
        })?;
        let tool = self.fastenv_table(&document)?;
        let platform = tool.platform.clone().ok_or_else(|| self.stripped("[tool.fastenv.platform]"))?;
        let interpreter =
            tool.interpreter.clone().ok_or_else(|| self.stripped("[tool.fastenv.interpreter]"))?;
        self.check_words(&platform, &interpreter)?;
        let packages = self.packages(&document.packages)?;
        let contested = self.contested(&tool.contested, &packages)?;
        let mut lock =
            Lock { text, folder, platform, interpreter, packages, contested, env_id: Sha256([0; 32]) };
        lock.env_id = Sha256::of(env_id::text(&lock).as_bytes());
        Ok((lock, document.tool.and_then(|tool| tool.fastenv).map_or_else(String::new, |t| t.env_id)))
    }

    fn fastenv_table<'d>(&self, document: &'d Document) -> Result<&'d RawTool, LockError> {
        if document.lock_version.split('.').next() != Some("1") {
            return Err(self.newer("lock-version", &document.lock_version, "1.0"));
        }
        let tool = document.tool.as_ref().and_then(|tool| tool.fastenv.as_ref());
        let tool = tool.ok_or_else(|| self.stripped("[tool.fastenv]"))?;
        let format = tool.format.ok_or_else(|| self.stripped("format in [tool.fastenv]"))?;
        if format > FORMAT {
            return Err(self.newer("format", &format.to_string(), &FORMAT.to_string()));
        }
        if format < 1 {
            return Err(self.value("tool.fastenv", format!("format {format} does not exist")));
        }
        if !tool.conda.is_empty() {
            return Err(self.value("tool.fastenv.conda", "conda packages are not known to this version"));
        }
        Ok(tool)
    }

    /// These words stand in the env id's text, one a line: no control character may forge a line.
    fn check_words(&self, platform: &Platform, interpreter: &LockedInterpreter) -> Result<(), LockError> {
        let words = [
            ("platform.os", &platform.os, true),
            ("platform.arch", &platform.arch, true),
            ("interpreter.implementation", &interpreter.implementation, true),
            ("interpreter.version", &interpreter.version, true),
            ("interpreter.soabi", &interpreter.soabi, true),
            ("interpreter.build", &interpreter.build, false),
        ];
        for (place, word, single) in words {
            if word.chars().any(|c| c.is_control() || (single && c.is_whitespace())) {
                return Err(self.value(place, format!("{word:?} has a character that it may not have")));
            }
        }
        let version = interpreter.version.split('.').map(|part| part.parse::<u32>().is_ok());
        if version.take(2).filter(|good| *good).count() != 2 || interpreter.version.contains(['/', '\\']) {
            return Err(self.value("interpreter.version", format!("{:?} is no version", interpreter.version)));
        }
        Ok(())
    }

    fn packages(&self, raw: &[RawPackage]) -> Result<Vec<Package>, LockError> {
        let mut packages = raw.iter().map(|package| self.package(package)).collect::<Result<Vec<_>, _>>()?;
        packages.sort_by(|one, other| one.name.cmp(&other.name));
        if let Some(pair) = packages.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(self.value(&pair[0].name, "is there twice"));
        }
        Ok(packages)
    }

    fn package(&self, raw: &RawPackage) -> Result<Package, LockError> {
        let name = &raw.name;
        let fault = |fault: &str| self.value(name, fault);
        if !is_normalized(name) {
            return Err(fault("is not a normalized name (PEP 503)"));
        }
        let tool = raw.tool.as_ref().and_then(|tool| tool.fastenv.as_ref());
        let tool = tool.ok_or_else(|| self.stripped(&format!("[packages.tool.fastenv] for {name}")))?;
        let [wheel] = raw.wheels.as_slice() else { return Err(fault("has not exactly one wheel")) };
        let version = raw.version.clone().ok_or_else(|| fault("has no version"))?;
        if version.chars().any(|c| c.is_control() || c.is_whitespace() || c == '/') {
            return Err(fault("has a version that is none"));
        }
        let sha256 = wheel.hashes.sha256.as_deref().ok_or_else(|| fault("has no sha256"))?;
        let digest = |text: &str| text.parse::<Sha256>().map_err(|e| self.value(name, e.to_string()));
        let path = wheel.path.as_deref().map(|path| self.inner_path(name, path)).transpose()?;
        let urls: Vec<String> = wheel.url.iter().chain(&tool.mirrors).cloned().collect();
        if path.is_none() && urls.is_empty() {
            return Err(fault("has neither a url nor a path"));
        }
        Ok(Package {
            name: name.clone(),
            version,
            file_name: self.file_name(name, wheel)?,
            urls,
            path,
            size: wheel.size,
            sha256: digest(sha256)?,
            files_digest: tool.files_digest.as_deref().map(digest).transpose()?,
            requested: tool.requested,
            direct_url: tool.direct_url.clone(),
        })
    }

    /// PEP 751 lets the name be left out where the URL or path ends in it.
    fn file_name(&self, package: &str, wheel: &RawWheel) -> Result<String, LockError> {
        let last = |text: &String| {
            let bare = text.split(['?', '#']).next().unwrap_or_default();
            bare.rsplit('/').next().unwrap_or_default().to_owned()
        };
        let name = wheel.name.clone().or_else(|| wheel.path.as_ref().or(wheel.url.as_ref()).map(last));
        let name = name.unwrap_or_default();
        let is_wheel = Path::new(&name).extension().is_some_and(|end| end == "whl");
        if !is_wheel || name.contains('/') || name.chars().any(char::is_control) {
            return Err(self.value(package, format!("{name:?} is no name of a wheel")));
        }
        Ok(name)
    }

    fn inner_path(&self, package: &str, path: &str) -> Result<PathBuf, LockError> {
        let path = PathBuf::from(path);
        let plain = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !plain || path.as_os_str().is_empty() {
            let fault = format!("path {} leads out of the lock's folder", path.display());
            return Err(self.value(package, fault));
        }
        Ok(path)
    }

    fn contested(&self, raw: &[RawContested], packages: &[Package]) -> Result<Vec<Contested>, LockError> {
        let mut contested = Vec::with_capacity(raw.len());
        for row in raw {
            if row.path.chars().any(char::is_control) {
                return Err(self.value("tool.fastenv.contested", format!("{:?} is no path", row.path)));
            }
            let winner = packages.iter().position(|package| package.name == row.winner).ok_or_else(|| {
                self.value("tool.fastenv.contested", format!("winner {:?} is no package of it", row.winner))
            })?;
            contested.push(Contested { path: row.path.clone(), winner });
        }
        contested.sort_by(|one, other| one.path.cmp(&other.path));
        if let Some(pair) = contested.windows(2).find(|pair| pair[0].path == pair[1].path) {
            return Err(self.value("tool.fastenv.contested", format!("{:?} is there twice", pair[0].path)));
        }
        Ok(contested)
    }

    fn stripped(&self, table: &str) -> LockError {
        LockError::Stripped { lock: self.label.to_owned(), table: table.to_owned() }
    }

    fn newer(&self, what: &'static str, found: &str, known: &str) -> LockError {
        LockError::Newer { lock: self.label.to_owned(), what, found: found.into(), known: known.into() }
    }

    fn value(&self, place: &str, fault: impl Into<String>) -> LockError {
        LockError::Value { lock: self.label.to_owned(), place: place.to_owned(), fault: fault.into() }
    }
}

fn is_normalized(name: &str) -> bool {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    edge(name.chars().next())
        && edge(name.chars().last())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && !name.contains("--")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
