//! What makes a folder a virtual environment (PEP 405): `pyvenv.cfg`, `bin/python`, `lib64`, activate scripts.

use std::path::Path;

use crate::finish::{Generated, activate, generate};
use crate::fs::{self, FsError};
use crate::interpreter::Interpreter;

/// A symbolic link of the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Relative to the prefix.
    pub path: String,
    /// What it says.
    pub target: String,
}

/// Writes all of it under `staging`, for an environment that will stand at `prefix`; `python` is `python3.11`.
pub fn write(
    staging: &Path,
    prefix: &Path,
    interpreter: &Interpreter,
    python: &str,
) -> Result<(Vec<Generated>, Vec<Link>), FsError> {
    let home = interpreter.executable.parent().unwrap_or(Path::new("/"));
    let config = format!(
        "home = {}\ninclude-system-site-packages = false\nversion = {}\nexecutable = {}\n",
        home.display(),
        interpreter.version,
        interpreter.executable.display(),
    );
    let mut files = vec![generate(staging, "pyvenv.cfg".into(), "", config.as_bytes(), false)?];
    for (name, text) in activate::scripts(prefix) {
        files.push(generate(staging, format!("bin/{name}"), "", text.as_bytes(), false)?);
    }
    let mut links = vec![
        link(staging, "bin/python", &interpreter.executable.display().to_string())?,
        link(staging, "bin/python3", "python")?,
        link(staging, "lib64", "lib")?,
    ];
    if python != "python3" {
        links.push(link(staging, &format!("bin/{python}"), "python")?);
    }
    Ok((files, links))
}

fn link(staging: &Path, path: &str, target: &str) -> Result<Link, FsError> {
    fs::symlink(Path::new(target), &staging.join(path))?;
    Ok(Link { path: path.to_owned(), target: target.to_owned() })
}
