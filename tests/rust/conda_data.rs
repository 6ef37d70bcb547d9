//! Real conda packages, found through `$FASTENV_CONDA_DATA`; tests that want them say so and end where there are none.

#![allow(clippy::print_stderr)] // a test that nobody sees skipped tests nothing

use std::path::{Path, PathBuf};

use fastenv::conda::Expected;
use fastenv::lock::Noarch;

/// The folder with the data, if it is here.
pub(crate) fn folder() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/conda");
    let folder = std::env::var_os("FASTENV_CONDA_DATA").map_or_else(beside, PathBuf::from);
    if folder.join("INDEX.tsv").is_file() {
        return Some(folder);
    }
    eprintln!("skipped: no conda data at {}, which $FASTENV_CONDA_DATA can name", folder.display());
    None
}

/// All archives below a folder, sorted.
pub(crate) fn archives(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                folders.push(path);
            } else if [".conda", ".tar.bz2"].iter().any(|end| name.ends_with(end)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// How an archive may have to be installed, the likeliest first; by where it lies.
pub(crate) fn ways(archive: &Path) -> &'static [Option<Noarch>] {
    let folder = archive.parent().and_then(Path::file_name);
    let any = &[Some(Noarch::Python), Some(Noarch::Generic), None];
    if folder.is_some_and(|name| name == "noarch") { any } else { &[None, Some(Noarch::Generic)] }
}

/// What a lock would say of an archive, by its file name alone.
pub(crate) fn expected(archive: &Path, noarch: Option<Noarch>) -> Expected {
    let file_name = archive.file_name().unwrap().to_str().unwrap().to_owned();
    let stem = file_name.strip_suffix(".conda").or_else(|| file_name.strip_suffix(".tar.bz2")).unwrap();
    let mut words = stem.rsplitn(3, '-').map(str::to_owned);
    let (build, version) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    Expected {
        name: words.next().unwrap_or_default(),
        version,
        build,
        file_name,
        noarch,
        site_packages: None,
    }
}
