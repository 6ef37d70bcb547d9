//! The module `fastenv._core`: the only room that knows Python. Docstrings live in `_core.pyi`.

mod error;

use pyo3::prelude::*;

use crate::lock;

#[pymodule]
mod _core {
    #[pymodule_export]
    use super::compute_env_id;
}

#[pyfunction]
fn compute_env_id(py: Python<'_>, text: &str) -> PyResult<String> {
    let id = py.detach(|| lock::compute_env_id(text)).map_err(|fault| error::raise(py, &fault.into()))?;
    Ok(id.to_string())
}
