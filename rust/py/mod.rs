//! The module `fastenv._core`: the only room that knows Python. Docstrings live in `_core.pyi`.

mod doorway;
mod error;
mod types;
mod verbs;

use pyo3::prelude::*;

#[pymodule]
mod _core {
    #[pymodule_export]
    use super::types::{Event, Finding, NeededLibrary, Report};
    #[pymodule_export]
    use super::verbs::{compute_env_id, env_id, kept_lock, materialize, needed_libraries, verify};
}
