//! Real conda packages, unpacked.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use fastenv::conda::{Expected, Unpacking};
use fastenv::digest::Sha256;
use fastenv::task::Task;
use fastenv::unpack::{Index, UnpackError};

use crate::conda_data;
use crate::unpacked::Memory;

fn unpack(archive: &Path, tree: &Path, expected: Expected) -> Result<Index, UnpackError> {
    let source = Arc::new(Memory(std::fs::read(archive).unwrap()));
    let unpacking = Unpacking::new(source, tree.to_owned(), expected)?;
    for at in 0..unpacking.planned().len() {
        unpacking.extract(at, &Task::default())?;
    }
    unpacking.finish()
}

/// The same, however it is to be installed.
fn unpack_any(archive: &Path, tree: &Path) -> Result<Index, UnpackError> {
    let mut last = None;
    for &noarch in conda_data::ways(archive) {
        let _ = std::fs::remove_dir_all(tree);
        match unpack(archive, tree, conda_data::expected(archive, noarch)) {
            Err(fault) if fault.to_string().contains("says noarch") => last = Some(Err(fault)),
            other => return other,
        }
    }
    last.unwrap()
}

/// Every file of the index is there, as the index says, and nothing else is.
fn check_tree(tree: &Path, index: &Index) {
    for (at, file) in index.files.iter().enumerate() {
        let path = tree.join(index.path(file));
        let meta = std::fs::symlink_metadata(&path).unwrap();
        let mode = if file.executable { 0o100_555 } else { 0o100_444 };
        assert_eq!((meta.mode(), meta.size()), (mode, file.size), "{}", path.display());
        assert_eq!(Some(meta.mtime()), index.mtime(at), "{}", path.display());
        assert_eq!(Sha256::of(&std::fs::read(&path).unwrap()), file.sha256, "{}", path.display());
    }
    assert_eq!(count_files(tree), index.files.len());
}

fn count_files(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { count_files(&path) } else { 1 }).sum()
}

/// Unpacks archives with two threads, and checks what came of them; what was said of those that were refused.
fn faults(archives: &[PathBuf]) -> Vec<String> {
    let lab = tempfile::tempdir().unwrap();
    let (next, faults) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = |tree: &Path| {
        while let Some(archive) = archives.get(next.fetch_add(1, Ordering::Relaxed)) {
            match unpack_any(archive, tree) {
                Ok(index) => check_tree(tree, &index),
                Err(fault) => faults.lock().unwrap().push(fault.to_string()),
            }
        }
    };
    std::thread::scope(|scope| {
        for thread in ["one", "other"] {
            let (work, tree) = (&work, lab.path().join(thread));
            scope.spawn(move || work(&tree));
        }
    });
    let mut faults = faults.into_inner().unwrap();
    faults.sort();
    faults
}

#[test]
fn packages_of_real_channels() {
    let Some(folder) = conda_data::folder() else { return };
    let archives = conda_data::archives(&folder.join("channels"));
    assert!(archives.len() > 300);
    assert_eq!(faults(&archives), [""; 0]);
}

/// Some of these were made to be wrong, or are named otherwise than they call themselves.
#[test]
fn packages_that_other_tools_are_tested_with() {
    let Some(folder) = conda_data::folder() else { return };
    let archives = conda_data::archives(&folder.join("fixtures"));
    let expected = [
        "dotslash-test-1.0.0-0.conda: not a conda package: info/paths.json is missing",
        "flask-0.11.1-py_0.tar.bz2: info/files and the archive disagree on \"site-packages/Flask-0.11.1-py3.5.egg-info/\
         PKG-INFO\": it is listed, but not in the archive",
        "spiffy-test-app-0.5-pyh6afbcc8_0.tar.bz2: info/paths.json and the archive disagree on \
         \"python-scripts/.spiffy-test-app-post-link.sh\": it is listed, but not in the archive",
        "symlink-test-1.0.0-0.conda: info/index.json says name \"t\", the lock \"symlink-test\"",
        "zip64-extra-field-test.conda: info/index.json says name \"zip64-test-pkg\", the lock \"zip64-extra\"",
        "zip64-test-1.0.0-0.conda: info/index.json says name \"t\", the lock \"zip64-test\"",
    ];
    assert_eq!(faults(&archives), expected);
}
