//! How an environment is made.

use std::path::PathBuf;

use crate::bytecode::ByteCode;
use crate::libraries::check::Allowed;
use crate::link::LinkMode;
use crate::probe::Override;

/// How to materialize. The defaults are those of the command line.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The root of the store; chosen if not given.
    pub root: Option<PathBuf>,
    /// Where the environment goes; into the store if not given.
    pub prefix: Option<PathBuf>,
    /// The interpreter; found if not given.
    pub python: Option<PathBuf>,
    /// How files get from the store into the environment.
    pub link_mode: LinkMode,
    /// Threads that unpack and link; as many as processors if not given.
    pub jobs: Option<usize>,
    /// Connections at once; [`crate::fetch::CONNECTIONS`] if not given.
    pub connections: Option<usize>,
    /// Write everything to disk before the environment is published.
    pub durable: bool,
    /// Another build of the interpreter is an error.
    pub strict: bool,
    /// Libraries of the system that this node may lack, which is then a warning and not an error.
    pub allow_missing_libs: Allowed,
    /// What to do about byte code.
    pub byte_code: ByteCode,
    /// `fastenv-node`, which makes byte code in the background; none is made if not given.
    pub program: Option<PathBuf>,
    /// Where a page goes that shows what was done when.
    pub timeline: Option<PathBuf>,
    /// What the node has, where it is not what is found.
    pub overrides: Vec<Override>,
}
