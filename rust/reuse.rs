//! An environment that stands already, whole and unchanged, instead of a new one.

use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::fs;
use crate::interpreter::{Interpreter, Search};
use crate::lock::Lock;
use crate::materialize::Report;
use crate::options::Options;
use crate::prefix::Standing;
use crate::prefix::hold::Hold;
use crate::prefix::state::State;
use crate::store::Store;
use crate::task::Task;

/// An environment that stands, whole and unchanged: at the prefix, or in a read-only root if none was asked for.
pub(crate) fn standing_env(lock: &Lock, store: &Store, prefix: &Path, options: &Options) -> Option<PathBuf> {
    let others = store.read_only_prefixes(lock.env_id).filter(|_| options.prefix.is_none());
    let is_it = |path: &PathBuf| match Standing::of(path) {
        Standing::Ours(state) if state.env_id == lock.env_id => {
            // That of a read-only root is its owner's to check. Held for the moment in which its use is noted, so
            // that gc sees it or is seen.
            (path != prefix || state.is_current()) && Hold::on(path).is_some()
        }
        _ => false,
    };
    std::iter::once(prefix.to_owned()).chain(others).find(is_it)
}

/// The report on an environment that is taken as it stands. An interpreter that was asked for by name must still be
/// one that it could be built on: who mistyped it would believe in another one.
pub(crate) fn reuse(
    lock: &Lock,
    store: &Store,
    prefix: PathBuf,
    options: &Options,
    task: &Task,
) -> Result<Report> {
    let mut warnings = Vec::new();
    if options.python.is_some()
        && let Some((asked, _)) = find_interpreter(lock, store, options)?
        && let Some(state) = State::read(&prefix)
        && !is_same(&state.python, &asked.executable)
    {
        let (here, own) = (prefix.display(), state.python.display());
        let message =
            format!("{here} stands already, on {own}: it was not made again on the one of --python");
        warnings.push(task.warn("", message));
    }
    let (env_id, packages) = (lock.env_id, lock.count());
    Ok(Report { prefix, env_id, packages, fetched_bytes: 0, reused: true, warnings })
}

/// The interpreter of this node that a venv of the lock is built on, and a warning if its build differs; none where
/// the environment brings its own or needs none.
pub(crate) fn find_interpreter(
    lock: &Lock,
    store: &Store,
    options: &Options,
) -> Result<Option<(Interpreter, Option<String>)>> {
    let Some(wanted) = lock.interpreter.as_ref().filter(|_| lock.is_venv()) else { return Ok(None) };
    let cache = store.folder("interpreters");
    let search = Search {
        wanted,
        platform: &lock.platform,
        explicit: options.python.as_deref(),
        strict: options.strict,
        cache: Some(&cache),
    };
    Ok(Some(search.run()?))
}

fn is_same(one: &Path, other: &Path) -> bool {
    one == other
        || fs::canonicalize(one).ok().is_some_and(|one| fs::canonicalize(other).is_ok_and(|it| it == one))
}
