//! What may be typed.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use fastenv::bytecode;
use fastenv::libraries::check::Allowed;
use fastenv::link::LinkMode;
use fastenv::probe::Override;

use crate::size;

/// Environments from locks, on a node.
#[derive(Parser)]
#[command(name = "fastenv-node", version, about)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Make the environment of a lock and print its prefix
    Materialize(Materialize),
    /// Run a command in an environment, made if need be
    Exec(Exec),
    /// Compare an environment with what was published
    Verify(Verify),
    /// Make the byte code that environments asked for
    #[command(name = "bytecode", hide = true)]
    ByteCode(ByteCode),
    /// Say what this node has, as conda's packages ask for it, and where its store is
    Probe(Probe),
    /// Ask the driver's library for the newest CUDA that it can run
    #[command(hide = true)]
    CudaDriver,
    /// What the store holds, whether it is as it was, and less of it
    #[command(subcommand)]
    Store(StoreVerb),
    /// Print the id of the environment that a lock describes
    EnvId {
        /// pylock.fastenv.toml
        lock: PathBuf,
    },
}

#[derive(Subcommand)]
pub(crate) enum StoreVerb {
    /// Count what the store holds, and list its environments
    Info(OfStore),
    /// Hash all that the store holds, and heal what is not as it was
    Verify(StoreVerify),
    /// Remove environments that were not used for long, and what only they needed
    Gc(Gc),
}

#[derive(Args)]
pub(crate) struct OfStore {
    /// The root of the store [default: `$FASTENV_ROOT`, else the best local disk]
    #[arg(long)]
    pub(crate) root: Option<PathBuf>,
    /// One JSON object a line on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct StoreVerify {
    #[command(flatten)]
    pub(crate) of: OfStore,
    /// Only tell what is wrong
    #[arg(long)]
    pub(crate) no_heal: bool,
}

#[derive(Args)]
pub(crate) struct Gc {
    #[command(flatten)]
    pub(crate) of: OfStore,
    /// Remove further environments, the longest unused first, until the store is no larger: 20GB, 500MiB
    #[arg(long, value_parser = size::parse)]
    pub(crate) max_size: Option<u64>,
    /// Keep environments that were used in so many days
    #[arg(long, default_value_t = 30)]
    pub(crate) keep_days: u32,
    /// Only tell what would go
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Args)]
pub(crate) struct Materialize {
    /// pylock.fastenv.toml
    pub(crate) lock: PathBuf,
    /// Where the environment goes; into the store by default
    #[arg(long)]
    pub(crate) prefix: Option<PathBuf>,
    /// A page that shows what was done when, for a browser
    #[arg(long, value_name = "PAGE.HTML")]
    pub(crate) timeline: Option<PathBuf>,
    /// One JSON object a line on standard output
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) options: Options,
}

impl Materialize {
    pub(crate) fn lift(&self) -> fastenv::materialize::Options {
        let timeline = self.timeline.clone();
        fastenv::materialize::Options { timeline, ..self.options.lift(self.prefix.clone()) }
    }
}

#[derive(Args)]
pub(crate) struct Exec {
    /// A lock file, a prefix, or an env id (12 digits or more)
    pub(crate) env: OsString,
    /// Keep PYTHONPATH, which is dropped otherwise
    #[arg(long)]
    pub(crate) keep_pythonpath: bool,
    #[command(flatten)]
    pub(crate) options: Options,
    /// The command and its arguments, after `--`
    #[arg(last = true, required = true)]
    pub(crate) command: Vec<OsString>,
}

#[derive(Args)]
pub(crate) struct Verify {
    /// The environment
    pub(crate) prefix: PathBuf,
    /// Hash every file, not only look at its size and mode
    #[arg(long)]
    pub(crate) full: bool,
    /// One JSON object a line on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Probe {
    #[command(flatten)]
    pub(crate) of: OfStore,
    #[command(flatten)]
    pub(crate) overrides: Overrides,
}

#[derive(Args)]
pub(crate) struct Overrides {
    /// What the node has, where it is not what is found, as `CONDA_OVERRIDE_CUDA`: __cuda=12.4; may be repeated
    #[arg(long = "override-virtual", value_name = "NAME=VERSION", value_parser = |text: &str| text.parse::<Override>())]
    pub(crate) all: Vec<Override>,
}

#[derive(Args)]
pub(crate) struct ByteCode {
    /// The root of the store
    #[arg(long)]
    pub(crate) root: PathBuf,
    /// Start the work in a process of its own and return
    #[arg(long)]
    pub(crate) detach: bool,
}

#[derive(Args)]
#[allow(clippy::struct_excessive_bools)] // an option is on or off
pub(crate) struct Options {
    /// The root of the store [default: `$FASTENV_ROOT`, else the best local disk]
    #[arg(long)]
    root: Option<PathBuf>,
    /// The interpreter [default: found by what the lock says]
    #[arg(long)]
    python: Option<PathBuf>,
    /// auto, hardlink, reflink or copy
    #[arg(long, default_value = "auto", value_parser = |text: &str| text.parse::<LinkMode>())]
    link_mode: LinkMode,
    /// Threads that unpack and link [default: the number of processors]
    #[arg(long)]
    jobs: Option<usize>,
    /// Connections at once [default: 32]
    #[arg(long)]
    connections: Option<usize>,
    /// Write everything to disk before the environment is published
    #[arg(long)]
    durable: bool,
    /// Refuse another build of the interpreter
    #[arg(long)]
    strict: bool,
    /// Go on where this node lacks these libraries that the environment needs; without names, any
    #[arg(long, value_name = "NAME", num_args = 0..=1, require_equals = true, default_missing_value = Allowed::ALL,
          value_delimiter = ',', value_parser = Allowed::word)]
    allow_missing_libs: Vec<String>,
    /// Make byte code now, and wait for it [default: in the background]
    #[arg(long, overrides_with = "no_compile")]
    compile: bool,
    /// Neither make byte code nor link it
    #[arg(long, overrides_with = "compile")]
    no_compile: bool,
    #[command(flatten)]
    overrides: Overrides,
}

impl Options {
    pub(crate) fn lift(&self, prefix: Option<PathBuf>) -> fastenv::materialize::Options {
        fastenv::materialize::Options {
            root: self.root.clone(),
            prefix,
            python: self.python.clone(),
            link_mode: self.link_mode,
            jobs: self.jobs,
            connections: self.connections,
            durable: self.durable,
            strict: self.strict,
            allow_missing_libs: Allowed::of(self.allow_missing_libs.clone()),
            byte_code: bytecode::ByteCode::chosen(self.compile, self.no_compile),
            program: std::env::current_exe().ok(),
            timeline: None,
            overrides: self.overrides.all.clone(),
        }
    }
}
