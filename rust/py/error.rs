//! Every error of the core as a Python exception: the only place where the two are matched.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::error::{Error, Kind};

/// The exception for `fault`, of a class of `fastenv.exceptions`, with path, package and hint.
pub(super) fn raise(py: Python<'_>, fault: &Error) -> PyErr {
    let made = exception(py, fault);
    made.unwrap_or_else(|while_making| while_making)
}

fn exception(py: Python<'_>, fault: &Error) -> PyResult<PyErr> {
    let class = match (fault.kind(), fault) {
        (Kind::Cancelled, _) => return Ok(pyo3::exceptions::PyKeyboardInterrupt::new_err("cancelled")),
        (Kind::Input, Error::Lock(_)) => "LockFormatError",
        (Kind::Input, _) => "LockError",
        (Kind::Artifact, _) => "ArtifactError",
        (Kind::Node, _) => "NodeUnfitError",
        (Kind::FileSystem, _) => "FileSystemError",
        (Kind::Network, _) => "NetworkError",
    };
    let details = PyDict::new(py);
    details.set_item("path", fault.path().map(|path| path.display().to_string()))?;
    details.set_item("package", fault.package())?;
    details.set_item("hint", fault.hint())?;
    let class = py.import("fastenv.exceptions")?.getattr(class)?;
    Ok(PyErr::from_value(class.call((fault.to_string(),), Some(&details))?))
}
