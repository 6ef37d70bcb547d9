//! A conda package becomes a tree: its one or two tar archives, at once if need be, and then its index.

use std::collections::{BTreeSet, HashMap};
use std::io::Read;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use crate::conda::fault::{CondaFault, ListedFault, MemberFault};
use crate::conda::info::{self, IndexJson};
use crate::conda::landing::{Found, Landed, Landing, What};
use crate::conda::paths::{List, Listed, ListedKind};
use crate::conda::stream;
use crate::conda::symlink;
use crate::conda::tar::Reader;
use crate::digest::Sha256;
use crate::fs;
use crate::lock::{CondaPackage, Lock, LockedInterpreter, Noarch};
use crate::task::Task;
use crate::unpack::archive::{Archive, Entry, Method, unpacked_limit};
use crate::unpack::fault::{ArtifactFault, Cause, UnpackError};
use crate::unpack::index::{Conda, Index, IndexFile, Rewrite, SymbolicLink};
use crate::unpack::wheel::{Planned, make_root};
use crate::unpack::{ReadAt, names};

/// What the lock says of a conda package.
#[derive(Debug, Clone)]
pub struct Expected {
    /// As conda spells it.
    pub name: String,
    /// As the record spells it.
    pub version: String,
    /// The build string.
    pub build: String,
    /// For messages, and for the archive's format.
    pub file_name: String,
    /// How it is installed.
    pub noarch: Option<Noarch>,
    /// Where an environment has site-packages whose python this is (CEP 17); none if it is another package.
    pub site_packages: Option<String>,
}

impl Expected {
    /// Of a lock's package.
    #[must_use]
    pub fn of(package: &CondaPackage) -> Self {
        let CondaPackage { name, version, build, file_name, noarch, .. } = package.clone();
        Self { name, version, build, file_name, noarch, site_packages: None }
    }

    /// The same, in the environment of a lock.
    #[must_use]
    pub fn within(mut self, lock: &Lock) -> Self {
        let is_python = self.name == "python" && lock.has_own_python();
        self.site_packages = lock.interpreter.as_ref().filter(|_| is_python).map(LockedInterpreter::site);
        self
    }
}

/// One of a package's tar archives.
enum Part {
    /// All of a `.tar.bz2`.
    Whole,
    /// Files of a `.conda`.
    Files(Entry),
    /// `info/` of a `.conda`.
    Info(Entry),
}

/// A conda package that is being unpacked.
pub struct Unpacking {
    source: Arc<dyn ReadAt>,
    expected: Expected,
    parts: Vec<Part>,
    landing: Landing,
    landed: Vec<OnceLock<Landed>>,
}

impl Unpacking {
    /// Reads the directory of a `.conda`, and creates `dest_tree`, which must not exist. On failure, now or later, the
    /// caller removes `dest_tree`.
    pub fn new(source: Arc<dyn ReadAt>, dest_tree: PathBuf, expected: Expected) -> Result<Self, UnpackError> {
        let of = |cause: Cause| cause.of(&expected.file_name);
        let parts = parts(&*source, &expected.file_name).map_err(of)?;
        let set_mode = make_root(&dest_tree).map_err(|fault| of(fault.into()))?;
        let landing = Landing::new(dest_tree, expected.noarch == Some(Noarch::Python), set_mode);
        let landed = parts.iter().map(|_| OnceLock::new()).collect();
        Ok(Self { source, expected, parts, landing, landed })
    }

    /// What to extract; positions are what [`Self::extract`] takes. Every one must be extracted once, in any order.
    /// Sizes are those in the archive: what they unpack to is not told.
    #[must_use]
    pub fn planned(&self) -> impl ExactSizeIterator<Item = Planned> + '_ {
        self.parts.iter().map(|part| {
            let span = match part {
                Part::Whole => 0..self.source.len(),
                Part::Files(entry) | Part::Info(entry) => entry.span(),
            };
            Planned { size: span.end - span.start, span }
        })
    }

    /// Extracts one archive, read forward in pieces: a source that waits for bytes lets it start before they are there.
    pub fn extract(&self, at: usize, task: &Task) -> Result<(), UnpackError> {
        let landed = self.land(&self.parts[at], task).map_err(|cause| cause.of(&self.expected.file_name))?;
        // A second extraction can't get here: its files exist already.
        let _ = self.landed[at].set(landed);
        Ok(())
    }

    fn land(&self, part: &Part, task: &Task) -> Result<Landed, Cause> {
        let source = &*self.source;
        match part {
            Part::Whole => self.read(stream::bzip2(source, task), "bzip2", true, task),
            Part::Files(entry) => self.read(stream::zstd(source, entry, task)?, "zstd", false, task),
            Part::Info(entry) => self.read(stream::zstd(source, entry, task)?, "zstd", true, task),
        }
    }

    fn read(
        &self,
        stream: impl Read,
        codec: &'static str,
        has_info: bool,
        task: &Task,
    ) -> Result<Landed, Cause> {
        let limit = unpacked_limit(self.source.len());
        self.landing.take(Reader::new(stream, codec, limit), has_info, task)
    }

    /// Checks that the package is the expected one, and holds what it says, and gives its index.
    ///
    /// # Panics
    /// If an archive has not been extracted.
    pub fn finish(&self) -> Result<Index, UnpackError> {
        self.index().map_err(|cause| cause.of(&self.expected.file_name))
    }

    fn landed(&self) -> impl Iterator<Item = &Landed> {
        self.landed.iter().map(|landed| landed.get().expect("all archives are extracted before finishing"))
    }

    fn index(&self) -> Result<Index, Cause> {
        let none = HashMap::new();
        let texts =
            self.landed().map(|landed| &landed.texts).find(|texts| !texts.is_empty()).unwrap_or(&none);
        let text = texts.get("info/index.json").ok_or(CondaFault::Missing("info/index.json"))?;
        let json = IndexJson::parse(text)?;
        self.check_identity(&json)?;
        let list = List::read(texts)?;
        let found: HashMap<&str, &Found> = self
            .landed()
            .flat_map(|landed| &landed.found)
            .map(|found| (found.path.as_str(), found))
            .collect();
        let (chosen, folders) = choose(&list, &found)?;
        self.check_links(&chosen)?;
        let warnings = self.drop_unlisted(&list, found)?;
        let mut index = self.compose(&chosen, &folders);
        if self.expected.noarch == Some(Noarch::Python) {
            index.entry_points = info::entry_points(texts)?;
        }
        index.warnings = warnings;
        (index.name, index.version) = (json.name, json.version);
        if let Some(conda) = &mut index.conda {
            conda.index_json = compact(text)?;
        }
        Ok(index)
    }

    fn check_identity(&self, found: &IndexJson) -> Result<(), CondaFault> {
        let word = |noarch: Option<Noarch>| format!("{noarch:?}").to_lowercase();
        let Expected { name, version, build, noarch, .. } = &self.expected;
        let rows = [
            ("name", &found.name, name),
            ("version", &found.version, version),
            ("build", &found.build, build),
            ("noarch", &word(found.noarch()), &word(*noarch)),
        ];
        // Records of a channel may be put right later, so that only what the package itself says is compared.
        let site = found.python_site_packages_path.as_ref().zip(self.expected.site_packages.as_ref());
        let site = site.map(|(found, expected)| ("python_site_packages_path", found, expected));
        for (field, found, expected) in rows.into_iter().chain(site) {
            if found != expected {
                let (found, expected) = (found.clone(), expected.clone());
                return Err(CondaFault::NotExpected { field, found, expected });
            }
        }
        Ok(())
    }

    fn check_links(&self, chosen: &[Chosen<'_>]) -> Result<(), ArtifactFault> {
        let path = |chosen: &Chosen<'_>| {
            let install = self.landing.install_path(&chosen.found.path);
            // Whichever python it is, its site-packages lie three folders deep.
            let plain = install.strip_prefix("prefix/").map(str::to_owned);
            plain.unwrap_or_else(|| format!("lib/python/site-packages/{}", &install["site/".len()..]))
        };
        let links: Vec<(String, &Chosen<'_>, &str)> = chosen
            .iter()
            .filter_map(|chosen| match &chosen.found.what {
                What::Symlink(text) => Some((path(chosen), chosen, text.as_str())),
                _ => None,
            })
            .collect();
        let map = links.iter().map(|(path, _, text)| (path.as_str(), *text)).collect();
        links.iter().try_for_each(|(path, chosen, text)| {
            symlink::check(path, text, &map).map_err(|fault: MemberFault| fault.of(&chosen.found.path))
        })
    }

    /// What a package does not list it does not install, and neither does conda.
    fn drop_unlisted(&self, list: &List, mut found: HashMap<&str, &Found>) -> Result<Vec<String>, Cause> {
        for row in &list.rows {
            found.remove(row.path.as_str());
        }
        let mut dropped: Vec<&str> = Vec::new();
        for (path, found) in found {
            match found.what {
                What::Directory => continue,
                What::Symlink(_) => {}
                What::File { .. } => {
                    fs::remove_file(&self.landing.tree().join(self.landing.install_path(path)))?;
                }
            }
            dropped.push(path);
        }
        dropped.sort_unstable();
        let more = dropped.len().saturating_sub(3);
        let shown = format!("{:?}", dropped.get(..3).unwrap_or(&dropped));
        Ok(match more {
            _ if dropped.is_empty() => Vec::new(),
            0 => vec![format!("not in {}, and left out: {shown}", list.file)],
            more => vec![format!("not in {}, and left out: {shown} and {more} more", list.file)],
        })
    }

    fn compose(&self, chosen: &[Chosen<'_>], folders: &[&str]) -> Index {
        let mut rows: Vec<(String, &Chosen<'_>)> =
            chosen.iter().map(|chosen| (self.landing.install_path(&chosen.found.path), chosen)).collect();
        let mut dirs: BTreeSet<String> = folders.iter().map(|path| self.landing.install_path(path)).collect();
        dirs.extend(dirs.clone().iter().flat_map(|path| names::parents(path).map(str::to_owned)));
        dirs.extend(rows.iter().flat_map(|(path, _)| names::parents(path).map(str::to_owned)));
        let dirs: Vec<String> = dirs.into_iter().collect();
        let split = |path: &str| {
            let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
            let at = dirs.binary_search_by(|known| known.as_str().cmp(dir)).expect("entered above");
            (u32::try_from(at).expect("a tar archive is limited to some million members"), name.to_owned())
        };
        rows.sort_by_cached_key(|(path, _)| split(path));
        let mut composed = Composed::default();
        for (path, chosen) in &rows {
            let (dir, name) = split(path);
            composed.enter(dir, name, chosen);
        }
        composed.index(dirs)
    }
}

/// The parts of the index that come row by row.
#[derive(Default)]
struct Composed {
    files: Vec<IndexFile>,
    conda: Conda,
    /// Positions of placeholders: a hostile package has another one for each file.
    known: HashMap<String, u32>,
}

impl Composed {
    fn enter(&mut self, dir: u32, name: String, chosen: &Chosen<'_>) {
        let Chosen { listed, found } = chosen;
        match &found.what {
            What::Directory => {}
            What::Symlink(target) => {
                let (target, sha256) = (target.clone(), listed.sha256);
                self.conda.links.push(SymbolicLink { dir, name, target, sha256, size: listed.size });
            }
            What::File { size, sha256 } => {
                let (size, sha256, executable) = (*size, *sha256, found.executable);
                self.rewrite(listed);
                self.files.push(IndexFile { dir, name, size, sha256, executable, shebang: false });
                self.conda.times.push(found.mtime);
            }
        }
    }

    /// Notes that the file which comes next is to be written anew, if it is.
    fn rewrite(&mut self, listed: &Listed) {
        let file = u32::try_from(self.files.len()).expect("limited as its directories are");
        if let Some((placeholder, how)) = &listed.placeholder {
            let next = u32::try_from(self.known.len()).expect("fewer than files");
            let at = *self.known.entry(placeholder.clone()).or_insert_with(|| {
                self.conda.placeholders.push(placeholder.clone());
                next
            });
            self.conda.rewrites.push(Rewrite { file, placeholder: Some(at), how: *how });
        } else if listed.no_link {
            let how = crate::unpack::index::Rewriting::Copy;
            self.conda.rewrites.push(Rewrite { file, placeholder: None, how });
        }
    }

    fn index(self, dirs: Vec<String>) -> Index {
        Index {
            name: String::new(),
            version: String::new(),
            dist_info: String::new(),
            dirs,
            files: self.files,
            entry_points: Vec::new(),
            files_digest: Sha256::of(b""),
            warnings: Vec::new(),
            conda: Some(Box::new(self.conda)),
        }
    }
}

/// What is to be installed: as listed, and as found.
struct Chosen<'a> {
    listed: &'a Listed,
    found: &'a Found,
}

/// All that is listed, which must be in the archive as it is listed; and paths of directories.
fn choose<'a>(
    list: &'a List,
    found: &HashMap<&str, &'a Found>,
) -> Result<(Vec<Chosen<'a>>, Vec<&'a str>), CondaFault> {
    let (mut chosen, mut folders) = (Vec::with_capacity(list.rows.len()), Vec::new());
    for listed in &list.rows {
        let fault = |fault| list.fault(&listed.path, fault);
        match found.get(listed.path.as_str()) {
            Some(found) => {
                agree(listed, found).map_err(fault)?;
                match found.what {
                    What::Directory => folders.push(listed.path.as_str()),
                    _ => chosen.push(Chosen { listed, found }),
                }
            }
            None => return Err(fault(ListedFault::Absent)),
        }
    }
    Ok((chosen, folders))
}

fn agree(listed: &Listed, found: &Found) -> Result<(), ListedFault> {
    let (kind, word) = match &found.what {
        What::File { .. } => (ListedKind::File, "file"),
        What::Symlink(_) => (ListedKind::Symlink, "symbolic link"),
        What::Directory => (ListedKind::Directory, "directory"),
    };
    let listed_word = match listed.kind {
        ListedKind::File => "file",
        ListedKind::Symlink => "symbolic link",
        ListedKind::Directory | ListedKind::Any => "directory",
    };
    if listed.kind != kind && listed.kind != ListedKind::Any {
        return Err(ListedFault::Type { listed: listed_word, found: word });
    }
    if kind != ListedKind::File && listed.placeholder.is_some() {
        return Err(ListedFault::Words("it is no file, and has a prefix to replace"));
    }
    let What::File { size, sha256 } = &found.what else { return Ok(()) };
    match (listed.size, listed.sha256) {
        (Some(listed), _) if listed != *size => Err(ListedFault::Size { listed, found: *size }),
        (_, Some(listed)) if listed != *sha256 => {
            Err(ListedFault::Digest { listed: listed.to_string(), found: sha256.to_string() })
        }
        _ => Ok(()),
    }
}

/// JSON on one line, keys in their order.
fn compact(text: &[u8]) -> Result<String, CondaFault> {
    let value: serde_json::Value = info::json(text, "info/index.json")?;
    Ok(value.to_string())
}

/// The tar archives of a package; those of a `.conda` by the zip archive's directory.
fn parts(source: &dyn ReadAt, file_name: &str) -> Result<Vec<Part>, Cause> {
    if file_name.strip_suffix(".tar.bz2").is_some() {
        return Ok(vec![Part::Whole]);
    }
    if file_name.strip_suffix(".conda").is_none() {
        return Err(CondaFault::Ending.into());
    }
    let (mut files, mut info) = (None, None);
    for entry in Archive::open(source)?.entries {
        let place = match entry.name.strip_suffix(".tar.zst") {
            Some(stem) if stem.starts_with("pkg-") => &mut files,
            Some(stem) if stem.starts_with("info-") => &mut info,
            _ => continue,
        };
        if entry.method != Method::Stored {
            return Err(CondaFault::Container("its inner archives are deflated").into());
        }
        if place.replace(entry).is_some() {
            return Err(CondaFault::Container("two inner archives for one purpose").into());
        }
    }
    match (files, info) {
        (Some(files), Some(info)) => Ok(vec![Part::Files(files), Part::Info(info)]),
        (None, _) => Err(CondaFault::Container("it has no pkg-*.tar.zst").into()),
        (_, None) => Err(CondaFault::Container("it has no info-*.tar.zst").into()),
    }
}
