//! The last word on an environment: its state, and what the store keeps of it.

use std::path::Path;

use crate::error::Result;
use crate::fs;
use crate::interpreter::Interpreter;
use crate::lock::Lock;
use crate::prefix::state::State;
use crate::scheme::Scheme;
use crate::store::Store;

/// What the state of an environment says.
#[derive(Clone, Copy)]
pub struct Seal<'a> {
    /// What it is made of.
    pub lock: &'a Lock,
    /// Where that came from.
    pub store: &'a Store,
    /// Where it will stand.
    pub prefix: &'a Path,
    /// That of the node; none where the environment is no venv.
    pub interpreter: Option<&'a Interpreter>,
    /// Of the store, when the run began.
    pub generation: u64,
    /// Write everything to disk first.
    pub durable: bool,
}

impl Seal<'_> {
    /// Writes the state into the tree at `folder`, after the last change to `bin` and site-packages.
    pub fn put(&self, folder: &Path) -> Result<()> {
        let site = Scheme::of(self.lock).site;
        if self.store.owns(self.prefix) {
            // What the store owns is nobody's to install into; see `Standing::Changed` for root, who can.
            fs::set_mode(&folder.join("bin"), 0o555)?;
            if !site.is_empty() {
                fs::set_mode(&folder.join(&site), 0o555)?;
            }
        }
        let (env_id, store) = (self.lock.env_id, (self.store.folder(""), self.generation));
        let own_python = self.prefix.join("bin/python");
        let python = match self.interpreter {
            Some(interpreter) => &interpreter.executable,
            None if site.is_empty() => self.prefix,
            None => &own_python,
        };
        let state = State::of(folder, self.prefix, env_id, store, python, &site)?;
        if self.durable {
            fs::sync_file_system(folder)?;
            fs::sync_file_system(&self.store.folder("artifacts"))?;
        }
        state.write(folder)?;
        if self.durable {
            fs::sync_file_system(folder)?;
        }
        Ok(())
    }

    /// `locks/<env id>.toml`, so that `exec` can be given the id alone; and a prefix elsewhere is noted.
    pub fn keep_lock(&self) -> Result<()> {
        if !self.store.owns(self.prefix) {
            self.store.register(self.prefix, self.lock.env_id)?;
        }
        let path = self.store.folder("locks").join(format!("{}.toml", self.lock.env_id));
        let is_good = || Lock::read(&path).is_ok_and(|kept| kept.env_id == self.lock.env_id);
        if fs::read(&path).ok().as_deref() != Some(self.lock.text.as_bytes()) && !is_good() {
            fs::write_atomic(&path, self.lock.text.as_bytes(), 0o644)?;
        }
        Ok(())
    }
}
