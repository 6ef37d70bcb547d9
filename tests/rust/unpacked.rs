//! A place to unpack to, with walls to look at afterwards.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use fastenv::digest::Sha256;
use fastenv::task::Task;
use fastenv::unpack::{self, Expected, Index, ReadAt, UnpackError};

use crate::zip_writer::{FILE_NAME, Zip};

/// An artifact in memory.
pub(crate) struct Memory(pub(crate) Vec<u8>);

impl ReadAt for Memory {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap();
        let bytes = self.0.get(start..).and_then(|rest| rest.get(..buffer.len()));
        buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// What the lock would say of [`crate::zip_writer::wheel`].
pub(crate) fn expected() -> Expected {
    Expected {
        name: String::from("my-pkg"),
        version: String::from("1.0"),
        file_name: FILE_NAME.to_owned(),
        sha256: Sha256::of(b"the wheel"),
        files_digest: None,
    }
}

static POOL: LazyLock<rayon::ThreadPool> =
    LazyLock::new(|| rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap());

/// A folder with a folder in it, into which wheels are unpacked, and beside which nothing may appear.
pub(crate) struct Lab {
    dir: tempfile::TempDir,
}

impl Lab {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("inner")).unwrap();
        std::fs::write(dir.path().join("canary"), "alive").unwrap();
        Self { dir }
    }

    pub(crate) fn tree(&self) -> PathBuf {
        self.dir.path().join("inner/tree")
    }

    pub(crate) fn unpack(&self, bytes: Vec<u8>) -> Result<Index, UnpackError> {
        self.unpack_as(bytes, expected())
    }

    pub(crate) fn unpack_as(&self, bytes: Vec<u8>, expected: Expected) -> Result<Index, UnpackError> {
        let unpacked =
            unpack::unpack(Arc::new(Memory(bytes)), self.tree(), expected, &POOL, &Task::default());
        self.check_outside();
        unpacked
    }

    /// Nothing is outside the tree, and nothing in it is anything but a folder or a plain, sealed file.
    pub(crate) fn check_outside(&self) {
        let names = |path: &Path| -> Vec<String> {
            let entries = std::fs::read_dir(path).unwrap();
            let mut names: Vec<String> =
                entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        };
        assert_eq!(names(self.dir.path()), ["canary", "inner"]);
        assert_eq!(std::fs::read(self.dir.path().join("canary")).unwrap(), b"alive");
        let inner = names(&self.dir.path().join("inner"));
        assert!(inner.iter().all(|name| name == "tree"), "{inner:?}");
        if self.tree().exists() {
            self.files();
        }
    }

    /// Content and mode of every file by install path.
    pub(crate) fn files(&self) -> BTreeMap<String, (Vec<u8>, u32)> {
        let mut files = BTreeMap::new();
        gather(&self.tree(), &self.tree(), &mut files);
        files
    }

    pub(crate) fn mtime(&self, path: &str) -> i64 {
        std::fs::metadata(self.tree().join(path)).unwrap().mtime()
    }
}

fn gather(top: &Path, dir: &Path, files: &mut BTreeMap<String, (Vec<u8>, u32)>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let meta = std::fs::symlink_metadata(&path).unwrap();
        if meta.is_dir() {
            gather(top, &path, files);
            continue;
        }
        assert!(meta.is_file(), "{} is not a plain file", path.display());
        let name = path.strip_prefix(top).unwrap().to_str().unwrap().to_owned();
        files.insert(name, (std::fs::read(&path).unwrap(), meta.permissions().mode() & 0o7777));
    }
}

/// Asserts that an archive is refused, by a message that names the artifact, `subject` and `fault`.
pub(crate) fn refused(zip: &Zip, subject: &str, fault: &str) {
    refused_bytes(zip.bytes(), subject, fault);
}

/// The same for an archive's bytes.
pub(crate) fn refused_bytes(bytes: Vec<u8>, subject: &str, fault: &str) {
    let message = match Lab::new().unpack(bytes) {
        Ok(index) => panic!("not refused, but should be for {fault:?} in {subject:?}: {index:?}"),
        Err(fault) => fault.to_string(),
    };
    let told = message.starts_with(&format!("{FILE_NAME}: "));
    assert!(told && message.contains(subject) && message.contains(fault), "{subject}, {fault}: {message}");
}
