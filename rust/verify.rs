//! Compares an environment with what was published. Changes nothing.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::digest::{Hasher, Sha256};
use crate::error::Result;
use crate::fs;
use crate::layout::Item;
use crate::lock::Lock;
use crate::prefix::manifest::Manifest;
use crate::prefix::publish::PrefixError;
use crate::prefix::state::State;
use crate::prefix::{self, own_folder};
use crate::scheme::Scheme;
use crate::store::index_file;
use crate::task::Task;
use crate::unpack::Index;

/// Something that is not as it was published.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Relative to the prefix.
    pub path: String,
    /// The package that the path belongs to, empty if none.
    pub package: String,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What can be wrong with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// It is not there.
    Missing,
    /// It is there, and nobody published it.
    Unexpected,
    /// Its type, link target or executable bit is another.
    Mode,
    /// Its size is another.
    Size,
    /// Its bytes are others.
    Content,
    /// Its modification time is another, so byte code would not fit; told of the store only.
    Time,
    /// fastenv's own record of the environment is damaged.
    Record,
}

impl Fault {
    /// One word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Unexpected => "unexpected",
            Self::Mode => "mode",
            Self::Size => "size",
            Self::Content => "content",
            Self::Time => "time",
            Self::Record => "record",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.fault.word(), self.path)?;
        if self.package.is_empty() { Ok(()) } else { write!(f, " ({})", self.package) }
    }
}

/// What should stand at a path.
enum Expected {
    File {
        sha256: Sha256,
        size: u64,
        executable: bool,
        package: String,
    },
    /// Byte code that came with its source, as long as it has the time at which it was packed: Python replaces what
    /// does not fit its source, and makes what is not there.
    ByteCode {
        sha256: Sha256,
        size: u64,
        mtime: i64,
        package: String,
    },
    Link(String),
}

/// Compares types, sizes and executable bits of all files; with `full` the bytes, too. Findings are sorted by path.
/// Runs on the calling rayon pool.
pub fn verify(prefix: &Path, full: bool, task: &Task) -> Result<Vec<Finding>> {
    let prefix = prefix::named(prefix)?;
    if !fs::exists(&own_folder(&prefix)) {
        return Err(PrefixError::Unknown(prefix).into());
    }
    let mut findings = check_own(&prefix);
    let (expected, damaged) = expected(&prefix)?;
    findings.extend(damaged);
    let found: BTreeMap<String, PathBuf> = walk(&prefix, task)?.into_iter().collect();
    for path in found.keys().filter(|path| !expected.contains_key(*path)) {
        findings.push(Finding { path: path.clone(), package: String::new(), fault: Fault::Unexpected });
    }
    let rows: Vec<_> = expected.iter().collect();
    let compared: Vec<Option<Finding>> = rows
        .par_iter()
        .map(|(path, expected)| {
            task.check()?;
            let at = found.get(*path).cloned().unwrap_or_else(|| prefix.join(path));
            let fault = compare(&at, expected, full)?;
            Ok(fault.map(|fault| Finding { path: (*path).clone(), package: package(expected), fault }))
        })
        .collect::<Result<_>>()?;
    findings.extend(compared.into_iter().flatten());
    findings.sort();
    Ok(findings)
}

fn package(expected: &Expected) -> String {
    match expected {
        Expected::File { package, .. } | Expected::ByteCode { package, .. } => package.clone(),
        Expected::Link(_) => String::new(),
    }
}

/// The state and the lock, against each other.
fn check_own(prefix: &Path) -> Vec<Finding> {
    let state = State::read(prefix);
    let lock = Lock::read(&own_folder(prefix).join("lock.toml")).ok();
    let damaged = |name: &str| Finding {
        path: format!(".fastenv/{name}"),
        package: String::new(),
        fault: Fault::Record,
    };
    match (state, lock) {
        (Some(state), Some(lock)) if state.env_id == lock.env_id && state.prefix == prefix => Vec::new(),
        (_, None) => vec![damaged("lock.toml")],
        _ => vec![damaged("state")],
    }
}

type Expectations = BTreeMap<String, Expected>;

fn expected(prefix: &Path) -> Result<(Expectations, Vec<Finding>)> {
    let mut rows = Expectations::new();
    let record = |name: String, package: &str| Finding {
        path: format!(".fastenv/{name}"),
        package: package.to_owned(),
        fault: Fault::Record,
    };
    let Some(manifest) = Manifest::read(prefix)? else {
        return Ok((rows, vec![record("manifest".into(), "")]));
    };
    let mut findings = Vec::new();
    let scheme = scheme(prefix);
    for (sha256, package) in &manifest.artifacts {
        let path = own_folder(prefix).join("index").join(sha256.to_string());
        match fs::read(&path).ok().and_then(|bytes| index_file::decode(&bytes).ok()) {
            Some(stamped) => enter(&mut rows, &stamped.index, *sha256, package, &scheme, &manifest),
            None => findings.push(record(format!("index/{sha256}"), package)),
        }
    }
    for file in manifest.generated {
        let (sha256, size, executable, package) = (file.sha256, file.size, file.executable, file.package);
        rows.insert(file.path, Expected::File { sha256, size, executable, package });
    }
    for link in manifest.links {
        rows.insert(link.path, Expected::Link(link.target));
    }
    Ok((rows, findings))
}

/// As the lock says, else the state.
fn scheme(prefix: &Path) -> Scheme {
    let from_lock = || Lock::read(&own_folder(prefix).join("lock.toml")).ok().map(|lock| Scheme::of(&lock));
    let from_state = || State::read(prefix).map(|state| Scheme::at_site(&state.site));
    from_lock().or_else(from_state).unwrap_or_default()
}

fn enter(
    rows: &mut Expectations,
    index: &Index,
    sha256: Sha256,
    package: &str,
    scheme: &Scheme,
    manifest: &Manifest,
) {
    let lost: HashSet<&str> =
        manifest.lost.iter().filter(|row| row.0 == sha256).map(|row| row.1.as_str()).collect();
    let dirs: Vec<String> = index.dirs.iter().map(|dir| scheme.directory(dir)).collect();
    let links = index.conda.as_ref().map_or(0, |conda| conda.links.len());
    let count = u32::try_from(index.files.len() + links).unwrap_or(u32::MAX);
    for at in 0..count {
        let item = Item::of(index, at);
        let (dir, name) = (item.dir() as usize, item.name());
        let is_byte_code = index.conda.is_some() && index.dirs[dir].ends_with("/__pycache__");
        if !lost.is_empty() && lost.contains(format!("{}/{name}", index.dirs[dir]).as_str()) {
            continue;
        }
        let (dir, package) = (&dirs[dir], package.to_owned());
        let path = if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") };
        let expected = match item {
            // Those are in the manifest.
            Item::Anew(..) => continue,
            Item::File(file) if file.shebang => continue,
            Item::File(file) if is_byte_code => {
                let Some(mtime) = index.mtime(at as usize) else { continue };
                Expected::ByteCode { sha256: file.sha256, size: file.size, mtime, package }
            }
            Item::Link(_) if is_byte_code => continue,
            Item::File(file) => {
                let (sha256, size, executable) = (file.sha256, file.size, file.executable);
                Expected::File { sha256, size, executable, package }
            }
            Item::Link(link) => Expected::Link(link.target.clone()),
        };
        rows.insert(path, expected);
    }
}

/// Install paths of all files and links of an artifact, and where they are below the prefix.
pub(crate) fn paths(index: &Index, directory: impl Fn(&str) -> String) -> Vec<(String, String)> {
    let links = index.conda.as_ref().map_or(0, |conda| conda.links.len());
    let count = u32::try_from(index.files.len() + links).unwrap_or(u32::MAX);
    let place = |item: Item<'_>| {
        let (dir, name) = (&index.dirs[item.dir() as usize], item.name());
        let at = directory(dir);
        let path = if at.is_empty() { name.to_owned() } else { format!("{at}/{name}") };
        (format!("{dir}/{name}"), path)
    };
    (0..count).map(|at| place(Item::of(index, at))).collect()
}

/// All files and links but byte code and `.fastenv`.
pub(crate) fn walk(prefix: &Path, task: &Task) -> Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    let mut folders = vec![(String::new(), prefix.to_owned())];
    while let Some((relative, folder)) = folders.pop() {
        task.check()?;
        for path in fs::read_dir(&folder)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let inner = if relative.is_empty() { name.clone() } else { format!("{relative}/{name}") };
            if name == "__pycache__"
                || inner == ".fastenv"
                || path.extension().is_some_and(|end| end == "pyc")
            {
                continue;
            }
            let is_dir = fs::symlink_metadata(&path)?.is_dir();
            if is_dir { folders.push((inner, path)) } else { found.push((inner, path)) }
        }
    }
    Ok(found)
}

fn compare(path: &Path, expected: &Expected, full: bool) -> Result<Option<Fault>> {
    let Ok(meta) = fs::symlink_metadata(path) else {
        return Ok((!matches!(expected, Expected::ByteCode { .. })).then_some(Fault::Missing));
    };
    let is_executable = meta.mode() & 0o111 != 0;
    let (sha256, size, executable) = match expected {
        Expected::ByteCode { mtime, .. } if (meta.mtime(), meta.mtime_nsec()) != (*mtime, 0) => {
            return Ok(None);
        }
        Expected::ByteCode { sha256, size, .. } => (*sha256, *size, is_executable),
        Expected::Link(target) => {
            let same = meta.is_symlink() && fs::read_link(path)? == Path::new(target);
            return Ok((!same).then_some(Fault::Mode));
        }
        Expected::File { sha256, size, executable, .. } => (*sha256, *size, *executable),
    };
    if !meta.is_file() || is_executable != executable {
        return Ok(Some(Fault::Mode));
    }
    if meta.len() != size {
        return Ok(Some(Fault::Size));
    }
    if full && digest(path)? != sha256 {
        return Ok(Some(Fault::Content));
    }
    Ok(None)
}

/// Of a file's content, read in pieces.
pub(crate) fn digest(path: &Path) -> fs::Result<Sha256> {
    let mut file = fs::open(path)?;
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let count = fs::read_up_to(&mut file, &mut buffer, path)?;
        hasher.update(&buffer[..count]);
        if count < buffer.len() {
            return Ok(hasher.finish());
        }
    }
}
