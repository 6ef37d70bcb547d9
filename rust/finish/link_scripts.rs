//! Conda's link scripts: `bin/.NAME-post-link.sh`, which a package has so that an installer runs it when all files are in
//! place.
//!
//! They are run as conda runs them (`conda.core.link.run_script`): one after another, packages after those that they
//! depend on, read by bash in the activated environment, with `PREFIX`, `PKG_NAME`, `PKG_VERSION`, `PKG_BUILDNUM` and
//! `ROOT_PREFIX`. There is no conda here, so the last is the environment itself. What a script leaves in
//! `.messages.txt` is for the user.
//!
//! Conda's `pre-link` scripts change a package's own folder before it is linked. That is the store's, which nobody
//! changes: they are not run, and told by name. `pre-unlink` scripts belong to an uninstallation, which never happens.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::digest::Sha256;
use crate::error::{Error, Result};
use crate::lock::{CondaPackage, Lock, Owner};
use crate::prefix::own_folder;
use crate::store::artifact::Artifact;
use crate::task::Task;
use crate::unpack::Index;
use crate::{activation, exec, fs};

/// Bytes of a script's output that an error shows: its end.
const SHOWN: usize = 4000;

/// In the environment, relative to its prefix; gone when the scripts are through.
const MESSAGES: &str = ".messages.txt";

/// A script that failed, or could not be run.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// It ended with an error.
    #[error("the link script of {package} failed ({status}){}", indented(output))]
    Failed {
        /// The conda package.
        package: String,
        /// As the system says.
        status: ExitStatus,
        /// The end of what it said, and its messages.
        output: String,
    },
    /// There is no bash.
    #[error("the link script of {package} can't be run by bash: {fault}")]
    Start {
        /// The conda package.
        package: String,
        /// As the system says.
        fault: std::io::Error,
    },
}

fn indented(output: &str) -> String {
    output.trim_end().lines().fold(String::new(), |text, line| format!("{text}\n  {line}"))
}

/// The scripts of a lock's packages.
#[derive(Debug, Default)]
pub struct LinkScripts {
    /// Positions in [`Lock::conda`] of those that have one, in the order in which they run.
    order: Vec<usize>,
    /// Names of packages that have one which is not run.
    pub left_out: Vec<String>,
}

impl LinkScripts {
    /// Those of a lock, if it asks for them; `artifacts` are in the order of its units.
    #[must_use]
    pub fn of(lock: &Lock, artifacts: &[Artifact]) -> Self {
        let index = |at: usize| &artifacts[lock.position(Owner::Conda(at))].index;
        let having = |action: &str| {
            let all = 0..lock.conda.len();
            all.filter(|&at| has_script(index(at), &lock.conda[at].name, action)).collect::<BTreeSet<usize>>()
        };
        if !lock.link_scripts {
            return Self::default();
        }
        let left_out = having("pre-link").into_iter().map(|at| lock.conda[at].name.clone()).collect();
        let with = having("post-link");
        let order = if with.is_empty() { Vec::new() } else { sorted(lock, &|at| depends(index(at))) };
        Self { order: order.into_iter().filter(|at| with.contains(at)).collect(), left_out }
    }

    /// Whether none is to be run.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Runs them in the environment at `prefix`. Returns what they tell the user: package and message.
    pub fn run(&self, lock: &Lock, prefix: &Path, task: &Task) -> Result<Vec<(String, String)>> {
        let mut told = Vec::new();
        for &at in &self.order {
            let package = &lock.conda[at];
            let message = Script { package, prefix, env_id: lock.env_id, task }.run()?;
            told.extend(message.map(|message| (package.name.clone(), message)));
        }
        Ok(told)
    }
}

fn has_script(index: &Index, package: &str, action: &str) -> bool {
    let name = file_name(package, action);
    index.files.iter().any(|file| file.name == name && index.dirs[file.dir as usize] == "prefix/bin")
}

fn file_name(package: &str, action: &str) -> String {
    format!(".{package}-{action}.sh")
}

/// Names of the packages that one needs.
fn depends(index: &Index) -> Vec<String> {
    let text = index.conda.as_ref().map_or("", |conda| &conda.index_json);
    let json: Value = serde_json::from_str(text).unwrap_or_default();
    let specs = json.get("depends").and_then(Value::as_array).cloned().unwrap_or_default();
    let name =
        |spec: &str| spec.split([' ', '=', '<', '>', '!', '~', '[']).next().unwrap_or_default().to_owned();
    specs.iter().filter_map(Value::as_str).map(name).collect()
}

/// Packages after those that they need; otherwise by name. Where they need each other, whichever comes first by name
/// comes last.
fn sorted(lock: &Lock, depends: &dyn Fn(usize) -> Vec<String>) -> Vec<usize> {
    fn visit(
        at: usize,
        needs: &dyn Fn(usize) -> Vec<usize>,
        seen: &mut HashSet<usize>,
        order: &mut Vec<usize>,
    ) {
        if seen.insert(at) {
            for need in needs(at) {
                visit(need, needs, seen, order);
            }
            order.push(at);
        }
    }
    let positions: HashMap<&str, usize> =
        lock.conda.iter().enumerate().map(|(at, package)| (package.name.as_str(), at)).collect();
    let needs = |at: usize| {
        let mut found: Vec<usize> =
            depends(at).iter().filter_map(|name| positions.get(name.as_str()).copied()).collect();
        found.sort_unstable();
        found
    };
    let (mut seen, mut order) = (HashSet::new(), Vec::new());
    for at in 0..lock.conda.len() {
        visit(at, &needs, &mut seen, &mut order);
    }
    order
}

/// One run of one script.
struct Script<'a> {
    package: &'a CondaPackage,
    prefix: &'a Path,
    env_id: Sha256,
    task: &'a Task,
}

impl Script<'_> {
    /// What it tells the user, if anything.
    fn run(&self) -> Result<Option<String>> {
        let script = self.prefix.join("bin").join(file_name(&self.package.name, "post-link"));
        // Another package may have its path.
        if !fs::exists(&script) {
            return Ok(None);
        }
        let folder = own_folder(self.prefix).join("link-scripts");
        fs::create_dir_all(&folder)?;
        let log = folder.join(format!("{}.log", self.package.name));
        let mut child = self.start(&script, &log)?;
        let status = self.wait(&mut child)?;
        let messages = self.messages();
        if status.success() {
            return Ok(messages);
        }
        let said = fs::read(&log).unwrap_or_default();
        let said = String::from_utf8_lossy(&said[said.len().saturating_sub(SHOWN)..]).into_owned();
        let output = said + &messages.unwrap_or_default();
        Err(Error::Script(ScriptError::Failed { package: self.package.name.clone(), status, output }))
    }

    /// As `.` reads it, so that `exit` and `return` end it, in the folder where it lies.
    fn start(&self, script: &Path, log: &Path) -> Result<Child> {
        let words = ["--noprofile", "--norc", "-c", ". \"$1\"", "fastenv link script"];
        let mut words: Vec<OsString> = words.map(OsString::from).to_vec();
        words.push(script.into());
        let mut command = activation::command(self.prefix, &"bash".into(), &words);
        exec::set(&mut command, exec::variables_at(self.prefix, self.env_id, false)?);
        command.env("PREFIX", self.prefix).env("ROOT_PREFIX", self.prefix);
        command.env("PKG_NAME", &self.package.name).env("PKG_VERSION", &self.package.version);
        command.env("PKG_BUILDNUM", self.package.build_number.to_string());
        let out = fs::create_new(log, 0o644)?;
        let named = |source| fs::FsError { action: "open", path: log.to_owned(), source };
        let errors = out.try_clone().map_err(named)?;
        command.current_dir(self.prefix.join("bin")).stdin(Stdio::null()).stdout(out).stderr(errors);
        // Its own group, so that Ctrl-C ends whatever it has started.
        command.process_group(0);
        command.spawn().map_err(|fault| self.start_fault(fault))
    }

    fn start_fault(&self, fault: std::io::Error) -> Error {
        Error::Script(ScriptError::Start { package: self.package.name.clone(), fault })
    }

    fn wait(&self, child: &mut Child) -> Result<ExitStatus> {
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) => {}
                // Who ignores the ends of its children is told nothing of them.
                Err(fault) => return Err(self.start_fault(fault)),
            }
            if let Err(cancelled) = self.task.check() {
                let group = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
                if let Some(group) = group {
                    let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
                }
                let _ = child.wait();
                return Err(cancelled.into());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// What it has left for the user, which is taken away as conda does.
    fn messages(&self) -> Option<String> {
        let path = self.prefix.join(MESSAGES);
        let text = fs::read(&path).ok()?;
        let _ = fs::remove_file(&path);
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        Some(lines.join(" ")).filter(|text| !text.is_empty())
    }
}
