//! What to do about what stands at a prefix, under its lock: take it as it is, or make it anew.

use std::path::Path;

use rayon::ThreadPool;

use crate::error::Result;
use crate::lock::Lock;
use crate::prefix::Standing;
use crate::prefix::health::{Health, is_touched};
use crate::prefix::scripted;
use crate::prefix::state::State;
use crate::store::Store;
use crate::store::artifact;
use crate::store::healed::healed_since;
use crate::store::residents::artifacts_of;
use crate::task::Task;

/// What to do.
#[derive(Debug)]
pub enum Verdict {
    /// It is the environment that is wanted, whole.
    Take {
        /// Somebody changed files of it, and that is to be left so.
        edited: bool,
    },
    /// It must be made.
    Make {
        /// What stands there: worth keeping only if it is [`Standing::Changed`].
        standing: Standing,
        /// The artifacts that it was made of may be wrong, too.
        doubt: bool,
    },
}

/// A look at a prefix.
pub struct Recheck<'a> {
    /// What should stand there.
    pub lock: &'a Lock,
    /// Of this run.
    pub store: &'a Store,
    /// Where.
    pub prefix: &'a Path,
    /// What somebody changed is left as it is.
    pub keep_edits: bool,
    /// Threads that hash.
    pub pool: &'a ThreadPool,
    /// This run.
    pub task: &'a Task,
}

impl Recheck<'_> {
    /// Looks. An environment that an earlier boot left is hashed whole; if it is right, or was not hurt by what was
    /// healed in the store, it is stamped anew.
    pub fn run(&self) -> Result<Verdict> {
        match Standing::of(self.prefix) {
            Standing::Ours(state) if state.env_id == self.lock.env_id => self.look(state),
            Standing::Damaged => {
                // What scripts had begun with is nobody's work.
                let edited = !scripted::is_begun(self.prefix)
                    && self.health()?.edited
                    && !self.store.owns(self.prefix);
                let standing = if edited { Standing::Changed } else { Standing::Damaged };
                Ok(Verdict::Make { standing, doubt: true })
            }
            // It becomes another environment: what somebody did in it is kept.
            Standing::Ours(_) if !self.store.owns(self.prefix) && self.is_touched()? => {
                Ok(Verdict::Make { standing: Standing::Changed, doubt: false })
            }
            standing => Ok(Verdict::Make { standing, doubt: false }),
        }
    }

    fn health(&self) -> Result<Health> {
        self.pool.install(|| Health::of(self.prefix, self.task))
    }

    fn is_touched(&self) -> Result<bool> {
        self.pool.install(|| is_touched(self.prefix, self.task))
    }

    fn look(&self, state: State) -> Result<Verdict> {
        let artifacts = artifacts_of(self.prefix);
        let mut health = Health::default();
        if state.is_of_earlier_boot() {
            health = self.health()?;
            self.pool.install(|| self.store.check_byte_code(&artifacts, self.task))?;
        }
        // Read before what it numbers is looked at.
        let generation = if state.store == self.store.folder("") {
            self.store.generation(self.task)?
        } else {
            crate::store::healed::generation(&state.store).unwrap_or(0)
        };
        let is_stale =
            state.generation != generation && healed_since(&state.store, state.generation, &artifacts);
        if health.damaged || is_stale || health.edited && !self.keep_edits {
            let doubt = health.damaged || health.edited;
            let standing = if health.edited { Standing::Changed } else { Standing::Ours(state) };
            return Ok(Verdict::Make { standing, doubt });
        }
        // What can't be written to is looked at again by the next run.
        let _ = State { boot: artifact::boot().to_owned(), generation, ..state }.rewrite(self.prefix);
        Ok(Verdict::Take { edited: health.edited })
    }
}
