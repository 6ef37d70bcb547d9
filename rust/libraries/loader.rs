//! Where the dynamic loader looks for a library, and what it finds (`ld.so(8)`).

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::elf::{self, Object};
use super::loader_cache;
use crate::fs;

const CACHE: &str = "/etc/ld.so.cache";
/// Those of all distributions, the specific ones first; what another one has is simply not there.
const FOLDERS: [&str; 6] = if cfg!(target_arch = "aarch64") {
    ["/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib"]
} else {
    ["/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib"]
};

/// A library that was found, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The file.
    pub path: PathBuf,
    /// The absolute folder that the object itself names, if it was found there.
    pub folder: Option<PathBuf>,
}

/// The dynamic loader of this machine, for one program.
#[derive(Debug)]
pub struct Loader {
    library_path: Vec<PathBuf>,
    program: Vec<PathBuf>,
    cache: HashMap<String, Vec<PathBuf>>,
    /// Which files are objects.
    seen: RefCell<HashMap<PathBuf, bool>>,
}

impl Loader {
    /// As it works for `program`, with `library_path` in `LD_LIBRARY_PATH`.
    #[must_use]
    pub fn new(library_path: &OsStr, program: Option<&Path>) -> Self {
        // Empty entries mean the working folder, which is another one on each machine.
        let folders = library_path.as_bytes().split(|byte| matches!(byte, b':' | b';'));
        let folders = folders.filter(|folder| !folder.is_empty());
        Self {
            library_path: folders.map(|folder| PathBuf::from(OsStr::from_bytes(folder))).collect(),
            program: program.map(folders_of_program).unwrap_or_default(),
            cache: loader_cache::parse(&fs::read(Path::new(CACHE)).unwrap_or_default()),
            seen: RefCell::default(),
        }
    }

    /// The library that the object at `path` gets by this name.
    #[must_use]
    pub fn find(&self, name: &str, object: &Object, path: &Path) -> Option<Found> {
        if name.contains('/') {
            return self.find_in_system(name).map(|path| Found { path, folder: None });
        }
        let origin = path.parent().unwrap_or(Path::new("/"));
        let own = |folders: &[String]| {
            folders.iter().find_map(|folder| {
                let path = places(folder, origin).into_iter().find_map(|place| self.within(&place, name))?;
                let folder = Some(PathBuf::from(folder)).filter(|it| it.is_absolute() && !is_variable(it));
                Some(Found { path, folder })
            })
        };
        let among = |folders: &[PathBuf]| {
            let path = folders.iter().find_map(|folder| self.within(folder, name))?;
            Some(Found { path, folder: None })
        };
        let rpath = if object.runpath.is_empty() { object.rpath.as_slice() } else { &[] };
        own(rpath)
            .or_else(|| among(if object.runpath.is_empty() { &self.program } else { &[] }))
            .or_else(|| among(&self.library_path))
            .or_else(|| own(&object.runpath))
            .or_else(|| self.of_system(name).map(|path| Found { path, folder: None }))
    }

    /// The library that an object gets by this name which names no folders of its own.
    #[must_use]
    pub fn find_in_system(&self, name: &str) -> Option<PathBuf> {
        if name.contains('/') {
            return Some(PathBuf::from(name)).filter(|path| path.is_absolute() && self.is_object(path));
        }
        let folders = self.program.iter().chain(&self.library_path);
        folders.into_iter().find_map(|folder| self.within(folder, name)).or_else(|| self.of_system(name))
    }

    /// The library in this folder.
    #[must_use]
    pub fn within(&self, folder: &Path, name: &str) -> Option<PathBuf> {
        Some(folder.join(name)).filter(|path| self.is_object(path))
    }

    fn of_system(&self, name: &str) -> Option<PathBuf> {
        let cached = self.cache.get(name).into_iter().flatten().find(|path| self.is_object(path));
        let by_folder = || FOLDERS.iter().find_map(|folder| self.within(Path::new(folder), name));
        cached.cloned().or_else(by_folder)
    }

    /// Whether the loader would take it: objects of other processors are passed over.
    fn is_object(&self, path: &Path) -> bool {
        if let Some(known) = self.seen.borrow().get(path) {
            return *known;
        }
        let is = matches!(elf::read(path), Ok(Some(_)));
        self.seen.borrow_mut().insert(path.to_owned(), is);
        is
    }
}

/// Folders that a program gives to all that it loads: conda's python does.
fn folders_of_program(program: &Path) -> Vec<PathBuf> {
    let Ok(program) = fs::canonicalize(program) else { return Vec::new() };
    let Ok(Some(object)) = elf::read(&program) else { return Vec::new() };
    if !object.runpath.is_empty() {
        return Vec::new();
    }
    let origin = program.parent().unwrap_or(Path::new("/"));
    object.rpath.iter().flat_map(|folder| places(folder, origin)).collect()
}

/// What a folder with variables may mean.
fn places(folder: &str, origin: &Path) -> Vec<PathBuf> {
    let origin = origin.to_string_lossy();
    let there = folder.replace("${ORIGIN}", &origin).replace("$ORIGIN", &origin);
    let with = |lib: &str| PathBuf::from(there.replace("${LIB}", lib).replace("$LIB", lib));
    let both = vec![with("lib64"), with("lib")];
    if there.contains("$LIB") || there.contains("${LIB}") { both } else { vec![PathBuf::from(there)] }
}

fn is_variable(folder: &Path) -> bool {
    folder.as_os_str().as_bytes().contains(&b'$')
}
