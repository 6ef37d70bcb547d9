//! `exec`: runs a command in an environment, with the same process id.
//!
//! Nothing is printed on standard output, and on standard error no more than one line: launchers read both.

use std::borrow::Cow;
use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::activation;
use crate::bytecode::{ByteCode, child};
use crate::digest::Sha256;
use crate::error::{Error, Result};
use crate::finish::conda_meta;
use crate::lock::Lock;
use crate::materialize::{Options, materialize, refresh};
use crate::prefix::hold::Hold;
use crate::prefix::publish::PrefixError;
use crate::prefix::state::State;
use crate::prefix::{self, Standing, own_folder};
use crate::store::root::Root;
use crate::store::{Store, lock_id};
use crate::task::Task;

/// An environment that is ready to run in.
#[derive(Debug)]
pub struct Ready {
    /// Where it stands.
    pub prefix: PathBuf,
    /// Its id.
    pub env_id: Sha256,
    /// What the user should know: that somebody changed it.
    pub warning: Option<String>,
    /// Keeps gc away.
    hold: Option<Hold>,
}

/// Times that `prepare` begins again because gc took the environment away meanwhile, 10 ms apart.
const TRIES: u32 = 100;

/// The environment that `name` means: a lock file, a prefix, or an env id (12 digits or more). A lock is
/// materialized if need be; a prefix that is the user's is taken as it is.
pub fn prepare(name: &OsStr, options: &Options, task: &Task) -> Result<Ready> {
    let mut ready = find_or_make(name, options, task)?;
    for _ in 0..TRIES {
        ready.hold = Hold::on(&ready.prefix);
        if ready.hold.is_some() {
            break;
        }
        task.check()?;
        std::thread::sleep(Duration::from_millis(10));
        ready = find_or_make(name, options, task)?;
    }
    Ok(ready)
}

fn find_or_make(name: &OsStr, options: &Options, task: &Task) -> Result<Ready> {
    let path = Path::new(name);
    if path.is_file() {
        let report = materialize(&Lock::read(path)?, options, task)?;
        return Ok(Ready { prefix: report.prefix, env_id: report.env_id, warning: None, hold: None });
    }
    if path.is_dir() {
        return from_prefix(path, options, task);
    }
    match name.to_str().filter(|text| is_id(text)) {
        Some(id) => from_id(&id.to_ascii_lowercase(), options, task),
        None => Err(Error::NoEnvironment(name.to_string_lossy().into_owned())),
    }
}

fn is_id(text: &str) -> bool {
    (12..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn from_prefix(path: &Path, options: &Options, task: &Task) -> Result<Ready> {
    let prefix = prefix::named(path)?;
    match Standing::of(&prefix) {
        // Whose byte code was begun and not finished: asked for again, by its lock.
        Standing::Ours(_)
            if options.byte_code == ByteCode::Background
                && child::is_wanted(&prefix)
                && root_of(&prefix).is_some() =>
        {
            from_store(&prefix, options, task)
        }
        Standing::Ours(state) if state.is_current() => {
            Ok(Ready { prefix, env_id: state.env_id, warning: None, hold: None })
        }
        Standing::Ours(state) => look_again(prefix, &state, options, task),
        Standing::Changed => changed(prefix, options, task),
        Standing::Damaged => damaged(prefix, options, task),
        _ => Err(PrefixError::Unknown(prefix).into()),
    }
}

/// A user's environment is run as it is; what the store owns is nobody's to change, and is made again.
fn changed(prefix: PathBuf, options: &Options, task: &Task) -> Result<Ready> {
    let Some(state) = State::read(&prefix).filter(|state| state.prefix == prefix) else {
        return Err(Error::Unfinished(prefix));
    };
    if root_of(&prefix).is_some() {
        return from_store(&prefix, options, task);
    }
    let warning = format!("{} was changed since it was materialized", prefix.display());
    Ok(Ready { prefix, env_id: state.env_id, warning: Some(warning), hold: None })
}

/// An environment of this user's store, by the lock that the store keeps.
fn from_store(prefix: &Path, options: &Options, task: &Task) -> Result<Ready> {
    let id = prefix.file_name().unwrap_or_default().to_string_lossy().into_owned();
    from_id(&id, &Options { root: root_of(prefix), ..options.clone() }, task)
}

/// An environment of an earlier boot, or of a store in which something was healed since.
fn look_again(prefix: PathBuf, state: &State, options: &Options, task: &Task) -> Result<Ready> {
    if !is_own(&state.store) {
        // Another user's, or made elsewhere: its owner looks after it.
        return Ok(Ready { prefix, env_id: state.env_id, warning: None, hold: None });
    }
    let kept = state.store.join("locks").join(format!("{}.toml", state.env_id));
    let is_it = |lock: &Lock| lock.env_id == state.env_id;
    let lock = Lock::read(&own_folder(&prefix).join("lock.toml")).ok().filter(is_it);
    let Some(lock) = lock.or_else(|| Lock::read(&kept).ok().filter(is_it)) else {
        return Err(Error::Unfinished(prefix));
    };
    let root = state.store.parent().map(Path::to_path_buf);
    let options = Options { root, prefix: Some(prefix), ..options.clone() };
    let report = refresh(&lock, &options, task)?;
    let warning = report.warnings.into_iter().next().filter(|_| report.reused);
    Ok(Ready { prefix: report.prefix, env_id: report.env_id, warning, hold: None })
}

/// Without a state that can be read: from its lock, or that which the store kept.
fn damaged(prefix: PathBuf, options: &Options, task: &Task) -> Result<Ready> {
    if root_of(&prefix).is_some() {
        return from_store(&prefix, options, task);
    }
    let own = own_folder(&prefix);
    // Without any state its making was interrupted, and only who began it knows whether it is still wanted.
    let lock = Lock::read(&own.join("lock.toml")).ok().filter(|_| crate::fs::exists(&own.join("state")));
    let Some(lock) = lock else { return Err(Error::Unfinished(prefix)) };
    let report = materialize(&lock, &Options { prefix: Some(prefix), ..options.clone() }, task)?;
    Ok(Ready { prefix: report.prefix, env_id: report.env_id, warning: None, hold: None })
}

/// The root of this user's store, if it has an environment of its own at `prefix`.
fn root_of(prefix: &Path) -> Option<PathBuf> {
    let name = prefix.file_name()?.to_str()?;
    let envs = prefix.parent()?;
    if !envs.ends_with("v1/envs") || name.len() != 16 || !is_id(name) || !is_own(envs) {
        return None;
    }
    envs.parent()?.parent().map(Path::to_path_buf)
}

/// A folder of this user's.
fn is_own(folder: &Path) -> bool {
    let own = rustix::process::getuid().as_raw();
    crate::fs::metadata(folder).is_ok_and(|meta| meta.is_dir() && meta.uid() == own)
}

/// From the store: the environment if it stands, else its lock, which was kept when it was made.
fn from_id(id: &str, options: &Options, task: &Task) -> Result<Ready> {
    let report = materialize(&lock_of(id, options.root.as_deref())?, options, task)?;
    Ok(Ready { prefix: report.prefix, env_id: report.env_id, warning: None, hold: None })
}

/// The lock that the store keeps of the environment with this id, of which 12 digits or more are given.
pub fn lock_of(id: &str, root: Option<&Path>) -> Result<Lock> {
    let store = Store::at(&Root::choose(root)?);
    let locks = crate::fs::entries(&store.folder("locks"))?;
    // Beside them may be one that somebody is writing, or died of.
    let named = |path: &&PathBuf| lock_id(path).is_some_and(|it| it.to_string().starts_with(id));
    let found: Vec<&PathBuf> = locks.iter().filter(named).collect();
    match found.as_slice() {
        [path] => kept_lock(&store, path),
        [] => Err(Error::NoEnvironment(id.to_owned())),
        _ => Err(Error::AmbiguousId(id.to_owned())),
    }
}

/// A lock that the store kept; one that is damaged is mended from the environment's own copy.
fn kept_lock(store: &Store, path: &Path) -> Result<Lock> {
    let fault = match Lock::read(path) {
        Ok(lock) => return Ok(lock),
        Err(fault) => fault,
    };
    let id = lock_id(path);
    let copy = id.map(|id| own_folder(&store.env_prefix(id)).join("lock.toml"));
    match copy.and_then(|copy| Lock::read(&copy).ok()).filter(|lock| Some(lock.env_id) == id) {
        Some(lock) => {
            crate::fs::write_atomic(path, lock.text.as_bytes(), 0o644)?;
            Ok(lock)
        }
        None => Err(fault.into()),
    }
}

/// A variable of a process in the environment, with its value, or `None` to drop it.
pub type Variable = (Cow<'static, str>, Option<OsString>);

/// The variables of a process in the environment, of which the last of a name counts.
pub fn variables(ready: &Ready, keep_pythonpath: bool) -> Result<Vec<Variable>> {
    variables_at(&ready.prefix, ready.env_id, keep_pythonpath)
}

/// The same, of an environment that may not be complete yet.
pub fn variables_at(at: &Path, env_id: Sha256, keep_pythonpath: bool) -> Result<Vec<Variable>> {
    let mut path = OsString::from(at.join("bin"));
    if let Some(old) = env::var_os("PATH").filter(|old| !old.is_empty()) {
        path.push(":");
        path.push(old);
    }
    let prefix = Some(at.as_os_str().to_owned());
    let is_condas = crate::fs::exists(&at.join(conda_meta::FOLDER).join("history"));
    let (venv, conda) = if is_condas { (None, prefix) } else { (prefix, None) };
    let level = is_condas.then(|| OsString::from("1"));
    let mut variables: Vec<Variable> = vec![
        ("PATH".into(), Some(path)),
        ("VIRTUAL_ENV".into(), venv),
        ("PYTHONNOUSERSITE".into(), Some("1".into())),
        ("FASTENV_ENV_ID".into(), Some(env_id.to_string().into())),
        ("PYTHONHOME".into(), None),
        ("CONDA_DEFAULT_ENV".into(), conda.clone()),
        ("CONDA_PREFIX".into(), conda),
        ("CONDA_SHLVL".into(), level),
    ];
    if !keep_pythonpath {
        variables.push(("PYTHONPATH".into(), None));
    }
    if is_condas {
        let own = activation::variables(at)?;
        variables.extend(own.into_iter().map(|(name, value)| (name.into(), value.map(OsString::from))));
    }
    Ok(variables)
}

/// Gives a command these variables.
pub fn set(command: &mut Command, variables: Vec<Variable>) {
    for (name, value) in variables {
        match value {
            Some(value) => command.env(&*name, value),
            None => command.env_remove(&*name),
        };
    }
}

/// Becomes the command. Returns only if that failed, with the shell's status for it (127 not found, 126 not
/// to be run) and the reason.
#[must_use]
pub fn exec(mut ready: Ready, command: &[OsString], keep_pythonpath: bool) -> (u8, String) {
    if let Some(hold) = ready.hold.take() {
        hold.pass_on();
    }
    let Some((program, arguments)) = command.split_first() else { return (125, "no command given".into()) };
    let mut command = activation::command(&ready.prefix, program, arguments);
    let variables = match variables(&ready, keep_pythonpath) {
        Ok(variables) => variables,
        Err(fault) => return (125, fault.to_string()),
    };
    set(&mut command, variables);
    let fault = command.exec();
    let status = if fault.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 };
    (status, format!("cannot run {}: {fault}", program.to_string_lossy()))
}
