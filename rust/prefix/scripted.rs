//! An environment in which link scripts run: at its prefix, which they know, and before it is complete.
//!
//! Until they are through it has no state, so that nobody takes it for whole, and a mark that says why. If one fails,
//! what stood there stands there again; if the run is killed, the next one makes the environment anew.

use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::finish::link_scripts::LinkScripts;
use crate::fs;
use crate::lock::Lock;
use crate::prefix::changes::Snapshot;
use crate::prefix::manifest::Manifest;
use crate::prefix::publish::Staging;
use crate::prefix::{Standing, own_folder};
use crate::scheme::Scheme;
use crate::store::artifact::Artifact;
use crate::task::Task;

/// Whether link scripts have begun in the environment at `prefix` and never ended.
#[must_use]
pub fn is_begun(prefix: &Path) -> bool {
    fs::exists(&mark(prefix))
}

fn mark(prefix: &Path) -> PathBuf {
    own_folder(prefix).join("scripts-begun")
}

/// What scripts tell the user: package and message.
pub type Told = Vec<(String, String)>;

/// What such an environment is made of.
#[derive(Clone, Copy)]
pub struct Scripted<'a> {
    /// As it was locked.
    pub lock: &'a Lock,
    /// One a unit of the lock, in its order.
    pub artifacts: &'a [Artifact],
    /// To be run; not empty.
    pub scripts: &'a LinkScripts,
    /// Where it is to stand.
    pub prefix: &'a Path,
    /// This run.
    pub task: &'a Task,
}

impl Scripted<'_> {
    /// Publishes the tree in `staging`, runs the scripts and lets `seal` complete it. Returns where what stood there was
    /// put, if that was worth keeping, and what the scripts tell.
    pub fn publish(
        &self,
        staging: &Staging,
        standing: &Standing,
        seal: impl Fn(&Path) -> Result<()>,
    ) -> Result<(Option<PathBuf>, Told)> {
        fs::write_new(&mark(&staging.folder()), b"", 0o644)?;
        let kept = staging.publish(standing)?;
        let done = self.run().and_then(|told| seal(self.prefix).map(|()| told));
        match done {
            Ok(told) => Ok((kept, told)),
            Err(fault) => {
                // The fault of the script is what the user has to know.
                let _ = staging.withdraw(standing, kept.as_deref());
                Err(fault)
            }
        }
    }

    fn run(&self) -> Result<Told> {
        let before = Snapshot::of(self.prefix, self.task)?;
        let told = self.scripts.run(self.lock, self.prefix, self.task)?;
        if let Some(mut manifest) = Manifest::read(self.prefix)? {
            let scheme = Scheme::of(self.lock);
            let place = |dir: &str| scheme.directory(dir);
            before.note(self.prefix, &mut manifest, self.artifacts, &place, self.task)?;
            manifest.replace(self.prefix)?;
        }
        fs::remove_file(&mark(self.prefix))?;
        Ok(told)
    }
}
