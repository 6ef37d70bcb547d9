//! All shared objects of an environment, and what they need that is none of its own.
//!
//! A library is the environment's own if the loader finds it there, or if some object of the environment has its name:
//! packages load libraries beforehand (`ctypes`), which the loader then takes by their sonames. That does not count for
//! GCC's, of which many packages bring one that is for themselves.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::elf::{self, Object};
use super::loader::{Found, Loader};
use super::{GLIBC_FLOOR, has_versions, is_of_glibc, is_python};
use crate::fs;
use crate::task::{Cancelled, Task};

/// The files of one package that may be shared objects.
#[derive(Debug, Clone)]
pub struct Part {
    /// Its name; `conda:NAME` of a conda package.
    pub package: String,
    /// Absolute paths. What is no object of this processor is passed over.
    pub files: Vec<PathBuf>,
}

/// A library that is none of the environment's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needed {
    /// Its soname, or a path if an object names one.
    pub name: String,
    /// The packages that need it, sorted; of glibc's those that want its `versions`.
    pub packages: Vec<String>,
    /// Where it is on this machine; none if it is not.
    pub path: Option<PathBuf>,
    /// Absolute folders that objects name and in which it was found.
    pub folders: Vec<PathBuf>,
    /// The newest versions of its symbols that are wanted, of glibc's and GCC's libraries.
    pub versions: Vec<String>,
}

/// What is looked through.
#[derive(Debug)]
pub struct Survey<'a> {
    /// The packages.
    pub parts: &'a [Part],
    /// `LD_LIBRARY_PATH` of whoever uses the environment.
    pub library_path: &'a OsStr,
    /// Its interpreter.
    pub program: Option<&'a Path>,
}

impl Survey<'_> {
    /// What they need, sorted by name. Runs on the calling rayon pool.
    pub fn run(&self, task: &Task) -> Result<Vec<Needed>, Cancelled> {
        let files: Vec<(&str, &Path)> = self
            .parts
            .iter()
            .flat_map(|part| part.files.iter().map(|path| (part.package.as_str(), path.as_path())))
            .collect();
        let read = |&(package, path)| task.check().map(|()| Member::read(package, path));
        let members = files.par_iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let members: Vec<Member<'_>> = members.into_iter().flatten().collect();
        let mut findings = Findings::of(&members, Loader::new(self.library_path, self.program));
        for member in &members {
            task.check()?;
            findings.take(member);
        }
        Ok(findings.finish())
    }
}

/// One object of one package.
struct Member<'a> {
    package: &'a str,
    path: &'a Path,
    object: Object,
    id: (u64, u64),
}

impl<'a> Member<'a> {
    fn read(package: &'a str, path: &'a Path) -> Option<Self> {
        let object = elf::read(path).ok().flatten()?;
        let meta = fs::metadata(path).ok()?;
        Some(Self { package, path, object, id: (meta.dev(), meta.ino()) })
    }

    /// File name and soname.
    fn names(&self) -> impl Iterator<Item = &str> {
        self.path.file_name().and_then(OsStr::to_str).into_iter().chain(self.object.soname.as_deref())
    }
}

/// What is known of one library so far.
#[derive(Default)]
struct Row<'a> {
    packages: BTreeSet<&'a str>,
    path: Option<PathBuf>,
    folders: BTreeSet<PathBuf>,
    /// By their kind (`GLIBC`): the newest one, and who wants it.
    versions: BTreeMap<&'a str, (Vec<u32>, &'a str, BTreeSet<&'a str>)>,
}

struct Findings<'a> {
    loader: Loader,
    names: HashSet<&'a str>,
    ids: HashSet<(u64, u64)>,
    /// Whether a file is one of the environment's.
    own: HashMap<PathBuf, bool>,
    rows: BTreeMap<&'a str, Row<'a>>,
}

impl<'a> Findings<'a> {
    fn of(members: &'a [Member<'a>], loader: Loader) -> Self {
        Self {
            loader,
            names: members.iter().flat_map(Member::names).collect(),
            ids: members.iter().map(|member| member.id).collect(),
            own: HashMap::new(),
            rows: BTreeMap::new(),
        }
    }

    fn take(&mut self, member: &'a Member<'a>) {
        // Compilers come with a glibc to link to, which nobody runs.
        if member.object.soname.as_deref().is_some_and(is_of_glibc) {
            return;
        }
        for name in member.object.needed.iter().filter(|name| !name.is_empty() && !is_python(name)) {
            let by_name = self.names.contains(name.as_str()) && !has_versions(name);
            if by_name {
                continue;
            }
            let found = self.loader.find(name, &member.object, member.path);
            if !found.as_ref().is_some_and(|found| self.is_own(&found.path)) {
                self.note(name, member, found);
            }
        }
    }

    fn is_own(&mut self, path: &Path) -> bool {
        if let Some(known) = self.own.get(path) {
            return *known;
        }
        let is = fs::metadata(path).is_ok_and(|meta| self.ids.contains(&(meta.dev(), meta.ino())));
        self.own.insert(path.to_owned(), is);
        is
    }

    fn note(&mut self, name: &'a str, member: &'a Member<'a>, found: Option<Found>) {
        let row = self.rows.entry(name).or_default();
        row.packages.insert(member.package);
        if let Some(found) = found {
            row.folders.extend(found.folder);
            row.path.get_or_insert(found.path);
        }
        for (_, version) in member.object.wanted.iter().filter(|(of, _)| of == name && has_versions(name)) {
            let (kind, number) = parts_of(version);
            if kind == "GLIBC" && number.as_slice() <= GLIBC_FLOOR.as_slice() && !number.is_empty() {
                continue;
            }
            let newest =
                row.versions.entry(kind).or_insert_with(|| (number.clone(), version, BTreeSet::new()));
            if number > newest.0 {
                *newest = (number, version, BTreeSet::from([member.package]));
            } else if number == newest.0 {
                newest.2.insert(member.package);
            }
        }
    }

    fn finish(self) -> Vec<Needed> {
        let texts = |names: BTreeSet<&str>| names.into_iter().map(str::to_owned).collect();
        let mut needed = Vec::with_capacity(self.rows.len());
        for (name, row) in self.rows {
            let wanting = || row.versions.values().flat_map(|(_, _, packages)| packages.iter().copied());
            let of_glibc = is_of_glibc(name);
            // glibc is there, or nothing would run; of interest is how new it must be.
            if of_glibc && (row.versions.is_empty() || row.path.is_none()) {
                continue;
            }
            let packages = if of_glibc { wanting().collect() } else { row.packages };
            let versions = row.versions.into_values().map(|(_, version, _)| version.to_owned()).collect();
            let (path, folders) = (row.path, row.folders.into_iter().collect());
            needed.push(Needed { name: name.to_owned(), packages: texts(packages), path, folders, versions });
        }
        needed
    }
}

/// `GLIBC` and 2.34 of `GLIBC_2.34`; of what ends in no number the whole of it.
fn parts_of(version: &str) -> (&str, Vec<u32>) {
    let numbers = |text: &str| text.split('.').map(|part| part.parse().ok()).collect::<Option<Vec<u32>>>();
    match version.rsplit_once('_').and_then(|(kind, number)| Some((kind, numbers(number)?))) {
        Some(parts) => parts,
        None => (version, Vec::new()),
    }
}
