//! What happened in a run and when, as one page that a browser shows.
//!
//! `record` takes down what the threads do, where they do it ([`Task::span`]); `memory` looks at the process meanwhile.
//! Afterwards `path` finds the chain of deeds that the run's end waited for, and `page` draws all of it.

mod memory;
mod page;
mod path;
mod record;

use std::path::Path;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::fs::{self, FsError};
use crate::lock::{Lock, Unit};
use crate::materialize::Report;
use crate::task::Task;

pub use record::{Deed, Recorder, Span};

/// Does `work` with a recording task and writes the page to `path`, also when the work fails: the page shows how far
/// it came. A page that can't be written is a warning, but a folder that is not there is an error at once.
pub fn record(
    path: &Path,
    lock: &Lock,
    task: &Task,
    work: impl FnOnce(&Task) -> Result<Report>,
) -> Result<Report> {
    must_have_folder(path)?;
    let units: Vec<Unit<'_>> = lock.units().collect();
    let names = units.iter().map(|unit| unit.name.to_owned());
    let recorder = Arc::new(Recorder::new(names.collect()));
    let task = task.recorded_by(recorder.clone());
    let watch = memory::Watch::begin(&recorder, &task.counters);
    let mut result = work(&task);
    let samples = watch.end();
    let page = page::Page {
        packages: &units,
        python: lock.interpreter.as_ref().map_or("", |interpreter| &interpreter.version),
        recorder: &recorder,
        samples: &samples,
        ended: ended(&result),
    };
    let written = fs::write_atomic(path, page.html().as_bytes(), 0o644);
    if let (Ok(report), Err(fault)) = (&mut result, written) {
        report.warnings.push(task.warn("", format!("there is no timeline: {fault}")));
    }
    result
}

fn must_have_folder(path: &Path) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if path.is_dir() || path.file_name().is_none() {
        let source = std::io::ErrorKind::IsADirectory.into();
        return Err(FsError { action: "write", path: path.to_owned(), source }.into());
    }
    fs::metadata(folder).map(drop).map_err(Error::from)
}

/// How the run ended, without words of the error: they may name a host or a path.
fn ended(result: &Result<Report>) -> String {
    match result {
        Ok(report) if report.reused => "the environment was there already".to_owned(),
        Ok(_) => "done".to_owned(),
        Err(fault) => {
            let about = fault.package().map_or_else(String::new, |package| format!(", {package}"));
            format!("failed: {}{about}", fault.kind().word())
        }
    }
}
