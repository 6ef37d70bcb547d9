//! What conda packages want done before a process runs in their environment: `etc/conda/activate.d/*.sh`.
//!
//! They are shell text, and whatever they export is meant for the process. So bash reads them and becomes the command:
//! it keeps its id, as without them. What they print is nobody's output, and goes to a log.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::fs;
use crate::prefix::own_folder;

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
