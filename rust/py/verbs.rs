//! The verbs, a function each; arguments are checked in Python, where they have defaults.

use std::ffi::OsString;
use std::path::PathBuf;

use pyo3::prelude::*;

use crate::bytecode::ByteCode;
use crate::libraries::check::Allowed;
use crate::libraries::survey::{Part, Survey};
use crate::link::LinkMode;
use crate::lock::{self, Lock};
use crate::probe::Override;
use crate::py::types::{Finding, NeededLibrary, Report};
use crate::py::{doorway, error};

#[pyfunction]
pub(super) fn compute_env_id(py: Python<'_>, text: &str) -> PyResult<String> {
    let id = py.detach(|| lock::compute_env_id(text)).map_err(|fault| error::raise(py, &fault.into()))?;
    Ok(id.to_string())
}

#[pyfunction]
pub(super) fn env_id(py: Python<'_>, text: String, label: &str) -> PyResult<String> {
    let lock = py.detach(|| Lock::parse(text, PathBuf::new(), label));
    Ok(lock.map_err(|fault| error::raise(py, &fault.into()))?.env_id.to_string())
}

#[pyfunction]
#[pyo3(signature = (id, *, root))]
#[allow(clippy::needless_pass_by_value)] // PyO3 extracts values
pub(super) fn kept_lock(py: Python<'_>, id: &str, root: Option<PathBuf>) -> PyResult<String> {
    let lock = py.detach(|| crate::exec::lock_of(id, root.as_deref()));
    Ok(lock.map_err(|fault| error::raise(py, &fault))?.text)
}

#[pyfunction]
#[pyo3(signature = (text, folder, label, *, root, prefix, python, link_mode, jobs, connections, durable, strict, allow_missing_libs, compile, program, timeline, overrides, on_event))]
#[allow(clippy::too_many_arguments, clippy::needless_pass_by_value)] // the keywords of one Python function
pub(super) fn materialize(
    py: Python<'_>,
    text: String,
    folder: PathBuf,
    label: String,
    root: Option<PathBuf>,
    prefix: Option<PathBuf>,
    python: Option<PathBuf>,
    link_mode: &str,
    jobs: Option<usize>,
    connections: Option<usize>,
    durable: bool,
    strict: bool,
    allow_missing_libs: Vec<String>,
    compile: Option<bool>,
    program: Option<PathBuf>,
    timeline: Option<PathBuf>,
    overrides: Vec<String>,
    on_event: Option<Py<PyAny>>,
) -> PyResult<Report> {
    let link_mode: LinkMode = link_mode.parse().map_err(pyo3::exceptions::PyValueError::new_err)?;
    let overrides: Result<Vec<Override>, String> = overrides.iter().map(|text| text.parse()).collect();
    let overrides = overrides.map_err(pyo3::exceptions::PyValueError::new_err)?;
    let allowed: Result<Vec<String>, String> =
        allow_missing_libs.iter().map(|it| Allowed::word(it)).collect();
    let allow_missing_libs = Allowed::of(allowed.map_err(pyo3::exceptions::PyValueError::new_err)?);
    let byte_code = ByteCode::chosen(compile == Some(true), compile == Some(false));
    let options = crate::materialize::Options {
        root,
        prefix,
        python,
        link_mode,
        jobs,
        connections,
        durable,
        strict,
        allow_missing_libs,
        byte_code,
        program,
        timeline,
        overrides,
    };
    let report = doorway::enter(py, on_event.as_ref(), |task| {
        let lock = Lock::parse(text, folder, &label)?;
        crate::materialize::materialize(&lock, &options, task)
    })?;
    Ok(report.into())
}

#[pyfunction]
#[pyo3(signature = (prefix, *, full, on_event))]
#[allow(clippy::needless_pass_by_value)] // PyO3 extracts values
pub(super) fn verify(
    py: Python<'_>,
    prefix: PathBuf,
    full: bool,
    on_event: Option<Py<PyAny>>,
) -> PyResult<Vec<Finding>> {
    let findings = doorway::enter(py, on_event.as_ref(), |task| {
        let pool = crate::materialize::pool(None)?;
        pool.install(|| crate::verify::verify(&prefix, full, task))
    })?;
    Ok(findings.into_iter().map(Finding::from).collect())
}

#[pyfunction]
#[pyo3(signature = (parts, *, library_path, program))]
#[allow(clippy::needless_pass_by_value)] // PyO3 extracts values
pub(super) fn needed_libraries(
    py: Python<'_>,
    parts: Vec<(String, Vec<PathBuf>)>,
    library_path: OsString,
    program: Option<PathBuf>,
) -> PyResult<Vec<NeededLibrary>> {
    let parts: Vec<Part> = parts.into_iter().map(|(package, files)| Part { package, files }).collect();
    let survey = Survey { parts: &parts, library_path: &library_path, program: program.as_deref() };
    let needed = doorway::enter(py, None, |task| {
        let pool = crate::materialize::pool(None)?;
        Ok(pool.install(|| survey.run(task))?)
    })?;
    Ok(needed.into_iter().map(NeededLibrary::from).collect())
}
