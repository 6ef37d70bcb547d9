//! What conda does before a process runs in an environment: it sets variables, then sources `etc/conda/activate.d/*.sh`.
//!
//! The scripts are shell text, and whatever they export is meant for the process. So bash reads them and becomes the
//! command: it keeps its id, as without them. What they print is nobody's output, and goes to a log.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::finish::{conda_meta, conda_settings};
use crate::fs::{self, FsError};
use crate::lock::unfit_name;
use crate::prefix::own_folder;

/// Where packages have variables, relative to the prefix: JSON objects of names and values.
const OF_PACKAGES: &str = "etc/conda/env_vars.d";

/// The value of a variable that is not to be set, though a package has it.
const UNSET: &str = "***unset***";

/// What conda would set can't be told.
#[derive(Debug, thiserror::Error)]
pub enum ActivationError {
    /// A file can't be read.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// A file is not of conda's form.
    #[error("{} does not say which variables to set: {fault}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        fault: serde_json::Error,
    },
}

/// An object of JSON.
type Object = BTreeMap<String, Value>;

/// The variables that conda sets in the environment at `prefix`, in its order: those of packages by the names of their
/// files, then those of `conda-meta/state`, of which the last has its way (`_Activator._get_environment_env_vars`).
/// `None` is one to drop. Names are in capitals, as conda has it unless it is told otherwise.
///
/// What conda passes over, a shell can't name, or activation itself sets is not among them.
pub fn variables(prefix: &Path) -> Result<Vec<(String, Option<String>)>, ActivationError> {
    let mut found = Object::new();
    for path in fs::entries(&prefix.join(OF_PACKAGES))? {
        found.extend(object(&path)?);
    }
    found.extend(of_state(&prefix.join(conda_meta::FOLDER).join(conda_settings::STATE))?);
    let fit = found.into_iter().filter(|(name, value)| unfit_name(name).is_none() && value != UNSET);
    Ok(fit.map(|(name, value)| (name.to_ascii_uppercase(), text(value))).collect())
}

fn of_state(path: &Path) -> Result<Object, ActivationError> {
    match object(path)?.remove("env_vars") {
        Some(table) => serde_json::from_value(table).map_err(|fault| no_variables(path, fault)),
        None => Ok(Object::new()),
    }
}

/// What a file holds; nothing if it is not there.
fn object(path: &Path) -> Result<Object, ActivationError> {
    match fs::read(path) {
        Err(fault) if fault.kind() == ErrorKind::NotFound => Ok(Object::new()),
        Err(fault) => Err(fault.into()),
        Ok(content) => serde_json::from_slice(&content).map_err(|fault| no_variables(path, fault)),
    }
}

fn no_variables(path: &Path, fault: serde_json::Error) -> ActivationError {
    ActivationError::Content { path: path.to_owned(), fault }
}

/// As a shell gets it of conda, which puts it in quotes; a NUL ends it.
fn text(value: Value) -> Option<String> {
    let mut text = match value {
        Value::Null => return None,
        Value::String(text) => text,
        Value::Bool(is_so) => (if is_so { "True" } else { "False" }).to_owned(),
        other => other.to_string(),
    };
    text.truncate(text.find('\0').unwrap_or(text.len()));
    Some(text)
}

/// The scripts' own arguments are none: those of the command are put aside.
const SCRIPT: &str = r#"
log=$1; shift; command=("$@"); set --
for script in "$CONDA_PREFIX"/etc/conda/activate.d/*.sh; do
    . "$script"
done </dev/null >>"$log" 2>&1
exec "${command[@]}"
"#;

/// `command` in the environment at `prefix`, activated first if it has scripts for that. The variables are the caller's.
#[must_use]
pub fn command(prefix: &Path, program: &OsString, arguments: &[OsString]) -> Command {
    if !has_scripts(prefix) {
        let mut command = Command::new(program);
        command.args(arguments);
        return command;
    }
    let mut command = Command::new("bash");
    command.args(["--noprofile", "--norc", "-c", SCRIPT, "fastenv exec"]).arg(log(prefix));
    command.arg(program).args(arguments);
    command
}

fn has_scripts(prefix: &Path) -> bool {
    let folder = prefix.join("etc/conda/activate.d");
    let is_script = |path: &PathBuf| path.extension().is_some_and(|end| end == "sh");
    fs::read_dir(&folder).is_ok_and(|entries| entries.iter().any(is_script))
}

/// Beside the environment's own records, if it is ours to write there.
fn log(prefix: &Path) -> PathBuf {
    let own = own_folder(prefix);
    if fs::is_writable(&own) { own.join("activate.log") } else { PathBuf::from("/dev/null") }
}
