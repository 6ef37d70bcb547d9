//! Gets the artifacts that the store lacks: fetch and unpack.
use crate::error::Result;
use crate::lock::{Lock, Package};
use crate::plan::Plan;
use crate::store::Store;
use crate::store::artifact::Artifact;
use crate::store::run::Run;
use crate::task::Task;
use crate::unpack::Index;
use rayon::ThreadPool;

/// What to get.
pub struct Request<'a> {
    /// a
    pub lock: &'a Lock,
    /// a
    pub store: &'a Store,
    /// a
    pub plan: &'a Plan,
    /// a
    pub connections: usize,
}
impl Request<'_> {
    /// a
    pub fn run(&self, _run: &Run, _pool: &ThreadPool, _task: &Task) -> Result<Vec<Artifact>> {
        todo!()
    }
}
/// a
pub fn check(_p: &Package, _i: &Index) -> Result<()> {
    Ok(())
}
