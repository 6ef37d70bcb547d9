//! The frozen classes that cross to Python.

use std::path::PathBuf;
use std::sync::atomic::Ordering;

use pyo3::prelude::*;

use crate::libraries::survey::Needed;
use crate::task::Counters;
use crate::{event, materialize, verify};

/// One thing that happened; fields that its kind does not have are empty.
#[pyclass(frozen, eq, get_all, module = "fastenv._core")]
#[derive(Clone, PartialEq, Default)]
pub(super) struct Event {
    kind: String,
    package: String,
    message: String,
    stage: String,
    seconds: f64,
    done: u64,
    total: u64,
    done_bytes: u64,
    total_bytes: u64,
}

#[pymethods]
impl Event {
    #[new]
    #[pyo3(signature = (
        kind, *, package = "", message = "", stage = "", seconds = 0.0, done = 0, total = 0, done_bytes = 0,
        total_bytes = 0,
    ))]
    #[allow(clippy::too_many_arguments)] // the keywords of one Python class
    fn new(
        kind: &str,
        package: &str,
        message: &str,
        stage: &str,
        seconds: f64,
        done: u64,
        total: u64,
        done_bytes: u64,
        total_bytes: u64,
    ) -> Self {
        let [kind, package, message, stage] = [kind, package, message, stage].map(str::to_owned);
        Self { kind, package, message, stage, seconds, done, total, done_bytes, total_bytes }
    }

    fn __repr__(&self) -> String {
        format!(
            "Event(kind={:?}, package={:?}, message={:?}, stage={:?}, seconds={}, done={}, total={}, \
             done_bytes={}, total_bytes={})",
            self.kind,
            self.package,
            self.message,
            self.stage,
            self.seconds,
            self.done,
            self.total,
            self.done_bytes,
            self.total_bytes,
        )
    }
}

impl Event {
    pub(super) fn of(event: event::Event) -> Self {
        let kind = |kind: &str| Self { kind: kind.to_owned(), ..Self::default() };
        match event {
            event::Event::Planned { packages, missing, bytes } => {
                Self { done: packages - missing, total: packages, total_bytes: bytes, ..kind("plan") }
            }
            event::Event::Stored { package } => Self { package, ..kind("stored") },
            event::Event::Stage { name, took } => {
                Self { stage: name.to_owned(), seconds: took.as_secs_f64(), ..kind("stage") }
            }
            event::Event::Warning { package, message } => Self { package, message, ..kind("warning") },
        }
    }

    pub(super) fn progress(counters: &Counters) -> Self {
        Self {
            kind: "progress".to_owned(),
            done: counters.packages_done.load(Ordering::Relaxed),
            total: counters.packages_total.load(Ordering::Relaxed),
            done_bytes: counters.fetched_bytes.load(Ordering::Relaxed),
            total_bytes: counters.total_bytes.load(Ordering::Relaxed),
            ..Self::default()
        }
    }
}

/// What `materialize` made.
#[pyclass(frozen, eq, get_all, module = "fastenv._core")]
#[derive(Clone, PartialEq)]
pub(super) struct Report {
    prefix: PathBuf,
    env_id: String,
    packages: usize,
    fetched_bytes: u64,
    reused: bool,
    warnings: Vec<String>,
}

#[pymethods]
impl Report {
    fn __repr__(&self) -> String {
        format!(
            "Report(prefix='{}', env_id={:?}, packages={}, fetched_bytes={}, reused={})",
            self.prefix.display(),
            self.env_id,
            self.packages,
            self.fetched_bytes,
            self.reused,
        )
    }
}

impl From<materialize::Report> for Report {
    fn from(report: materialize::Report) -> Self {
        Self {
            prefix: report.prefix,
            env_id: report.env_id.to_string(),
            packages: report.packages,
            fetched_bytes: report.fetched_bytes,
            reused: report.reused,
            warnings: report.warnings,
        }
    }
}

/// Something that `verify` found.
#[pyclass(frozen, eq, hash, get_all, module = "fastenv._core")]
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Finding {
    kind: String,
    path: String,
    package: String,
}

#[pymethods]
impl Finding {
    fn __repr__(&self) -> String {
        format!("Finding(kind={:?}, path={:?}, package={:?})", self.kind, self.path, self.package)
    }
}

impl From<verify::Finding> for Finding {
    fn from(finding: verify::Finding) -> Self {
        let kind = finding.fault.word().to_owned();
        Self { kind, path: finding.path, package: finding.package }
    }
}

/// A library that is none of an environment's own.
#[pyclass(frozen, eq, hash, get_all, module = "fastenv._core")]
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct NeededLibrary {
    name: String,
    packages: Vec<String>,
    path: Option<PathBuf>,
    folders: Vec<PathBuf>,
    versions: Vec<String>,
}

#[pymethods]
impl NeededLibrary {
    fn __repr__(&self) -> String {
        format!("NeededLibrary(name={:?}, packages={:?})", self.name, self.packages)
    }
}

impl From<Needed> for NeededLibrary {
    fn from(it: Needed) -> Self {
        let Needed { name, packages, path, folders, versions } = it;
        Self { name, packages, path, folders, versions }
    }
}
